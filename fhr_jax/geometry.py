"""Affine maps between the grids of image, crop and heatmap. Nothing here rounds.

Pixel centres lie at integers, so a grid of width W covers [-1/2, W - 1/2], and a map between two grids that
cover the same area carries half pixels: u' = (u + 1/2) W'/W - 1/2. Products run at HIGHEST precision,
because the default is TF32 or bf16 on accelerators and loses pixels at image scale.
"""

import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Float, Float32

from fhr_jax.markup import Markup
from fhr_jax.types import Affine, Points, Size

CROP_SCALE = 1.3
"""Side of the square crop over the longer side of the landmarks' box."""


def apply(affine: Affine, points: Points) -> Points:
    """Map points (..., M, 2), in pixels (x, y), by an affine matrix."""
    return jnp.matmul(points, affine[:, :2].T, precision=Precision.HIGHEST) + _row(affine[:, 2], points)


def compose(second: Affine, first: Affine) -> Affine:
    """The map that applies `first`, then `second`."""
    linear = jnp.matmul(second[:, :2], first[:, :2], precision=Precision.HIGHEST)
    shift = jnp.matmul(second[:, :2], first[:, 2:], precision=Precision.HIGHEST) + second[:, 2:]
    return jnp.concatenate([linear, shift], axis=1)


def invert(affine: Affine) -> Affine:
    """The inverse map; not finite if the matrix is singular."""
    (a, b), (c, d) = affine[:, :2]
    linear = jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)
    return jnp.concatenate([linear, -jnp.matmul(linear, affine[:, 2:], precision=Precision.HIGHEST)], axis=1)


def resize(source: Size, target: Size) -> Affine:
    """The map from a grid of `source` = (height, width) to one of `target` that covers the same area."""
    (height, width), (new_height, new_width) = source, target
    scale_x, scale_y = new_width / width, new_height / height
    return jnp.array([[scale_x, 0.0, (scale_x - 1) / 2], [0.0, scale_y, (scale_y - 1) / 2]], jnp.float32)


def square_crop(centre: Float[Array, "2"], side: Float[Array, ""] | float, size: int) -> Affine:
    """The map from the image to a `size` x `size` crop of the square with `centre` (x, y) and `side` pixels."""
    scale = size / jnp.asarray(side, jnp.float32)
    shift = (size - 1) / 2 - scale * centre
    return jnp.stack([jnp.stack([scale, 0 * scale, shift[0]]), jnp.stack([0 * scale, scale, shift[1]])])


def similarity(
    size: int,
    *,
    scale: Float[Array, ""] | float = 1.0,
    angle: Float[Array, ""] | float = 0.0,
    shift: Float[Array, "2"] | tuple[float, float] = (0.0, 0.0),
) -> Affine:
    """Scale, turn (radians, from x towards y) and shift (pixels) a `size` x `size` grid about its centre."""
    cos, sin = scale * jnp.cos(angle), scale * jnp.sin(angle)
    linear = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
    centre = jnp.full(2, (size - 1) / 2)
    offset = centre + jnp.asarray(shift) - jnp.matmul(linear, centre, precision=Precision.HIGHEST)
    return jnp.concatenate([linear, offset[:, None]], axis=1)


def landmark_square(
    points: Float[Array, "m 2"], *, scale: Float[Array, ""] | float = CROP_SCALE
) -> tuple[Float[Array, "2"], Float[Array, ""]]:
    """Centre (2,) and side () of the square crop of a face: the box of its landmarks, `scale` x its longer side."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, scale * (high - low).max()


def mirror(points: Points, *, width: int, markup: Markup) -> Points:
    """The landmarks of the mirrored image of `width` pixels: x -> width - 1 - x, left and right renamed."""
    flipped = points[..., jnp.array(markup.flip), :]
    return jnp.stack([width - 1 - flipped[..., 0], flipped[..., 1]], axis=-1)


def _row(vector: Float[Array, "2"], points: Points) -> Array:
    return vector.reshape((1,) * (points.ndim - 1) + (2,))


def box_of(points: Float[np.ndarray, "*t m 2"]) -> Float32[np.ndarray, "*t 4"]:
    """The box (x, y, width, height) of landmarks."""
    low, high = points.min(axis=-2), points.max(axis=-2)
    return np.concatenate([low, high - low], axis=-1).astype(np.float32)
