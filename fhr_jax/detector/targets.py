"""The maps that the face detector learns: Gaussians about the exact centres of boxes, and the logarithms of sizes."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax import geometry, heatmap
from fhr_jax.detector.net import STRIDE, DetectorConfig, size_unit

MARGIN = 1.4
"""Faces smaller or larger than those to find by up to this factor are neither faces nor background."""


class TargetMaps(NamedTuple):
    """What the net should answer on a grid of (h, w) cells, for B pictures.

    Attributes:
        centres: Gaussians about the centres of the faces (B, h, w), in [0, 1].
        sizes: ln(width) and ln(height) of the nearest face (B, h, w, 2), in units of `net.size_unit`.
        weights: 0 in cells that do not count, else 1 (B, h, w).
    """

    centres: Float[Array, "b h w"]
    sizes: Float[Array, "b h w 2"]
    weights: Float[Array, "b h w"]


def encode(
    boxes: Float[Array, "b k 4"], ignored: Bool[Array, "b k"], *, size: tuple[int, int], config: DetectorConfig
) -> TargetMaps:
    """The target maps of pictures with K boxes each.

    Args:
        boxes: of landmarks (B, K, 4): x, y, width, height in pixels; NaN where there are fewer.
        ignored: (B, K), faces that are neither to find nor background.
        size: (height, width) of the pictures in pixels.
        config: its sizes and `sigma` count.
    """
    grid = (size[0] // STRIDE, size[1] // STRIDE)
    longer = boxes[..., 2:].max(axis=-1)
    inside = (longer >= config.smallest) & (longer <= config.largest)
    near = (longer >= config.smallest / MARGIN) & (longer <= config.largest * MARGIN)
    wanted = inside & ~ignored
    left_out = near & ~wanted
    centres = geometry.resize_points(boxes[..., :2] + boxes[..., 2:] / 2, 1 / STRIDE)
    points = jnp.where(wanted[..., None], centres, jnp.nan)
    each = heatmap.encode(points, size=grid, sigma=config.sigma)
    logs = jnp.log(jnp.where(wanted[..., None], boxes[..., 2:], 1) / size_unit(config))
    nearest = each == each.max(axis=-1, keepdims=True)
    nearest = nearest / nearest.sum(axis=-1, keepdims=True)
    sizes = (nearest[..., None] * logs[:, None, None]).sum(axis=-2)
    covered = _covered(boxes, left_out, grid)
    heat = each.max(axis=-1)
    return TargetMaps(heat, sizes, jnp.where(covered & (heat < 0.1), 0.0, 1.0))


def _covered(boxes: Float[Array, "b k 4"], chosen: Bool[Array, "b k"], grid: tuple[int, int]) -> Bool[Array, "b h w"]:
    """Which cells have their centre within half a cell of one of the chosen boxes."""
    low = geometry.resize_points(boxes[..., :2], 1 / STRIDE) - 0.5
    high = geometry.resize_points(boxes[..., :2] + boxes[..., 2:], 1 / STRIDE) + 0.5
    rows, columns = (jnp.arange(length).reshape(1, 1, -1) for length in grid)
    down = (rows >= low[..., 1:]) & (rows <= high[..., 1:]) & chosen[..., None]
    across = (columns >= low[..., :1]) & (columns <= high[..., :1])
    return (down[..., :, None] & across[..., None, :]).any(axis=1)
