"""The mean of many heatmaps about their landmarks, on a grid finer than their pixels (Fig. 4)."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.heatmap import peak
from fhr_jax.types import Points


class MeanHeatmap(NamedTuple):
    """Sums over heatmaps by position relative to a centre; sums over several sets of maps can be merged.

    Cell (i, j) covers 1 / per_pixel pixels along each axis; the centre lies in the middle cell.

    Attributes:
        total: sum of the values that fell into each cell (K, K), rows (y) before columns (x).
        number: number of those values (K, K).
    """

    total: Float[Array, "k k"]
    number: Float[Array, "k k"]

    @property
    def mean(self) -> Float[Array, "k k"]:
        """Mean value of each cell (K, K), NaN for an empty cell."""
        return self.total / self.number

    def merge(self, other: "MeanHeatmap") -> "MeanHeatmap":
        """The sums over both sets of maps."""
        return MeanHeatmap(self.total + other.total, self.number + other.number)


def mean_heatmap(
    heatmaps: Float[Array, "n h w m"], centres: Points, *, radius: int = 6, per_pixel: int = 4
) -> MeanHeatmap:
    """Average all maps with their `centres` aligned, to a fraction of a pixel.

    Every pixel of every map is a sample at the position (x, y) - centre. Centres have all fractions, so the samples lie
    far denser than pixels, and they are averaged in fine cells. Nothing is interpolated, because interpolation would
    widen the peak: the mean of maps that are Gaussians about the centres is that Gaussian, up to the width of a cell.

    Args:
        heatmaps: (N, H, W, M), one map per landmark.
        centres: (N, M, 2) in heatmap pixels, order (x, y); landmarks that are not finite are skipped.
        radius: largest distance from the centre that is averaged, in pixels.
        per_pixel: cells per pixel along each axis; K = 2 radius per_pixel + 1.

    Returns:
        Sums and numbers of samples, (K, K) each.

    Raises:
        InputError: `radius` or `per_pixel` is below 1, or `centres` does not fit `heatmaps`.
    """
    if radius < 1 or per_pixel < 1:
        raise InputError(f"heatmap.mean_heatmap: radius {radius} and per_pixel {per_pixel}, expected at least 1")
    expected = (heatmaps.shape[0], heatmaps.shape[-1], 2)
    if centres.shape != expected:
        raise InputError(f"heatmap.mean_heatmap: centres are {centres.shape}, expected {expected}")
    return _mean_heatmap(heatmaps, centres, radius=radius, per_pixel=per_pixel)


@partial(jax.jit, static_argnames=("radius", "per_pixel"))
def _mean_heatmap(heatmaps: Array, centres: Array, *, radius: int, per_pixel: int) -> MeanHeatmap:
    known = jnp.isfinite(centres).all(axis=-1)
    centres = jnp.where(known[..., None], centres, 0)
    nearest = jnp.floor(centres + 0.5).astype(jnp.int32)
    window = peak.window(heatmaps, peak.Peak(x=nearest[..., 0], y=nearest[..., 1], value=centres[..., 0]), radius + 1)
    steps = jnp.arange(-radius - 1, radius + 2).reshape(1, 1, -1)
    cells = 2 * radius * per_pixel + 1

    def cell(axis: int) -> Array:
        offset = (nearest - centres)[..., axis, None] + steps
        return jnp.floor(offset * per_pixel + 0.5).astype(jnp.int32) + radius * per_pixel

    x, y = cell(0)[..., None, :], cell(1)[..., :, None]
    inside = window.inside & known[..., None, None] & (x >= 0) & (x < cells) & (y >= 0) & (y < cells)
    index = jnp.where(inside, y * cells + x, cells * cells).ravel()  # an extra last cell takes what is outside
    empty = jnp.zeros(cells * cells + 1, window.values.dtype)
    total, number = (empty.at[index].add(part.ravel()) for part in (window.values, inside.astype(empty.dtype)))
    return MeanHeatmap(*(part[:-1].reshape(cells, cells) for part in (total, number)))
