"""From the maps of the net to boxes: local maxima, decoded to a fraction of a cell like any other heatmap (Eq. 4)."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fhr_jax import geometry
from fhr_jax.detector.net import STRIDE, DetectorConfig, size_unit
from fhr_jax.heatmap import log_ratios, neighbours
from fhr_jax.heatmap.peak import PeakWindow

CentreDecoder = Literal["argmax", "two_sided", "parabola"]
CANDIDATES = 128
"""Largest number of local maxima of one map."""
MAX_LOG = 3.0
"""Bound on the logarithm of a size, so that no box is empty or endless."""


class Candidates(NamedTuple):
    """The N highest local maxima of one picture.

    Attributes:
        boxes: (N, 4): x, y, width, height in pixels of the picture that the net saw.
        scores: (N,), in [0, 1]; 0 where there are fewer local maxima.
        cells: of the maxima (N,), in reading order.
    """

    boxes: Float[Array, "n 4"]
    scores: Float[Array, " n"]
    cells: Int[Array, " n"]


def decode(maps: Float[Array, "h w 3"], config: DetectorConfig, *, decoder: CentreDecoder = "parabola") -> Candidates:
    """The boxes of the highest local maxima of the first map.

    The centre is that of the Gaussian through a cell and its two neighbours along each axis. Its width is taken from
    them too, because a net that is unsure of the centre answers with a wider one.

    Args:
        maps: logits of centres, and logarithms of sizes (H, W, 3), on a grid of cells of `STRIDE` pixels.
        config: its `sigma` and sizes count.
        decoder: of the centre: "argmax" is the middle of the cell, "two_sided" a Gaussian of the known sigma.
    """
    height, width, _ = maps.shape
    logs = jax.nn.log_sigmoid(maps[..., 0])
    window = _windows(logs)
    highest = jnp.where(window.inside, window.values, -jnp.inf).max(axis=(-2, -1))
    own = logs.reshape(1, -1)
    peaks = jnp.where(own >= highest, own, -jnp.inf)
    scores, cells = jax.lax.top_k(peaks[0], min(CANDIDATES, height * width))
    chosen = PeakWindow(window.values[:, cells], window.inside[:, cells])
    ratios = neighbours.neighbour_log_ratios(log_ratios.from_window(chosen, logits=True))
    match decoder:
        case "argmax":
            offsets = jnp.zeros((len(cells), 2))
        case "two_sided":
            offsets = neighbours.two_sided(ratios, config.sigma)[0]
        case _:
            offsets = neighbours.parabola(ratios, config.sigma)[0]
    offsets = jnp.clip(offsets, -1, 1)
    centres = jnp.stack([cells % width, cells // width], axis=-1) + offsets
    centres = geometry.resize_points(centres, STRIDE)
    sizes = size_unit(config) * jnp.exp(jnp.clip(maps[..., 1:].reshape(-1, 2)[cells], -MAX_LOG, MAX_LOG))
    return Candidates(jnp.concatenate([centres - sizes / 2, sizes], axis=-1), jnp.exp(scores), cells)


def _windows(logs: Float[Array, "h w"]) -> PeakWindow:
    """The 3 x 3 cells about every cell, in reading order (1, h w, 3, 3)."""
    height, width = logs.shape
    padded = jnp.pad(logs, 1)
    inside = jnp.pad(jnp.ones(logs.shape, bool), 1)

    def gather(array: Array) -> Array:
        parts = [array[i : i + height, j : j + width] for i in range(3) for j in range(3)]
        return jnp.stack(parts, axis=-1).reshape(1, height * width, 3, 3)

    return PeakWindow(gather(padded), gather(inside))
