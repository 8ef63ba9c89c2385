"""The mean of many heatmaps about their landmarks, finer than their pixels (Fig. 4)."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.heatmap import peak
from fhr_jax.types import Points


class MeanHeatmap(NamedTuple):
    """Sums over heatmaps, by place relative to a centre; several of them add up.

    Cell (i, j) covers 1 / per_pixel pixels along each axis; the middle one lies about the centre.

    Attributes:
        total: sum of the values that fell into each cell (K, K), rows (y) before columns (x).
        number: how many they were (K, K).
    """

    total: Float[Array, "k k"]
    number: Float[Array, "k k"]

    @property
    def mean(self) -> Float[Array, "k k"]:
        """Mean value of each cell, NaN where nothing fell into it."""
        return self.total / self.number

    def plus(self, other: "MeanHeatmap") -> "MeanHeatmap":
        """Of both sets of maps."""
        return MeanHeatmap(self.total + other.total, self.number + other.number)


def mean_heatmap(
    heatmaps: Float[Array, "n h w m"], centres: Points, *, radius: int = 6, per_pixel: int = 4
) -> MeanHeatmap:
    """Lay all maps over each other with `centres` at one place, at the accuracy of a fraction of a pixel.

    Every pixel of every map is a sample of what the map shows at (x, y) - centre. Centres have all fractions, so the
    samples together lie far denser than pixels, and are averaged in fine cells. Nothing is interpolated, which would
    widen the peak: a mean of maps that are Gaussians about the centres is that Gaussian, but for the width of a cell.

    Args:
        heatmaps: one map a landmark.
        centres: (N, M, 2) in heatmap pixels, order (x, y); a landmark that is not finite is left out.
        radius: how far the average reaches from the centre, in pixels.
        per_pixel: cells to a pixel and axis; K = 2 radius per_pixel + 1.

    Raises:
        InputError: `radius` or `per_pixel` is below 1, or there are other centres than maps.
    """
    if radius < 1 or per_pixel < 1:
        raise InputError(f"heatmap.average: radius {radius} and per_pixel {per_pixel}, expected at least 1")
    expected = (heatmaps.shape[0], heatmaps.shape[-1], 2)
    if centres.shape != expected:
        raise InputError(f"heatmap.average: centres of shape {centres.shape}, expected {expected}")
    return _average(heatmaps, centres, radius=radius, per_pixel=per_pixel)


@partial(jax.jit, static_argnames=("radius", "per_pixel"))
def _average(heatmaps: Array, centres: Array, *, radius: int, per_pixel: int) -> MeanHeatmap:
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
    place = jnp.where(inside, y * cells + x, cells * cells).ravel()  # one cell beyond the last for what is outside
    empty = jnp.zeros(cells * cells + 1, window.values.dtype)
    total, number = (empty.at[place].add(part.ravel()) for part in (window.values, inside.astype(empty.dtype)))
    return MeanHeatmap(*(part[:-1].reshape(cells, cells) for part in (total, number)))
