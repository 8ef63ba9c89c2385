"""Affine maps between the grids of image, crop and heatmap, with half pixels exact. Nothing rounds here.

Pixel centres lie at integers, so a grid of width W covers [-1/2, W - 1/2]. A map between two grids that cover the same
area therefore shifts by half pixels: u' = (u + 1/2) W'/W - 1/2. This module owns that rule, and `CROP_SCALE`.

Matrix products run at HIGHEST precision: the default on accelerators is TF32 or bfloat16, whose errors are whole pixels
at image scale. `square_crop_on_host`, `resize_points`, `resize_shift`, `square_of_box` and the fractions are plain
arithmetic that works on NumPy arrays, for code that runs on the host.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Float, Float64

from fhr_jax.errors import InputError
from fhr_jax.markup import Markup
from fhr_jax.types import Affine, Points, Size

CROP_SCALE = 1.3
"""Side of the square crop of a face, over the longer side of its box."""

Coordinates = Any
"""A number, or an array of NumPy or JAX; functions return the same kind."""


def apply(affine: Affine, points: Points) -> Points:
    """Map points (..., M, 2), pixels (x, y), by an affine map (2, 3)."""
    return jnp.matmul(points, affine[:, :2].T, precision=Precision.HIGHEST) + _row(affine[:, 2], points)


def compose(second: Affine, first: Affine) -> Affine:
    """The affine map (2, 3) that applies `first`, then `second`."""
    linear = jnp.matmul(second[:, :2], first[:, :2], precision=Precision.HIGHEST)
    shift = jnp.matmul(second[:, :2], first[:, 2:], precision=Precision.HIGHEST) + second[:, 2:]
    return jnp.concatenate([linear, shift], axis=1)


def invert(affine: Affine) -> Affine:
    """The inverse (2, 3) of an affine map between pixel grids; not finite if the map is singular."""
    (a, b), (c, d) = affine[:, :2]
    linear = jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)
    return jnp.concatenate([linear, -jnp.matmul(linear, affine[:, 2:], precision=Precision.HIGHEST)], axis=1)


def resize(source: Size, target: Size) -> Affine:
    """The affine map (2, 3) from a grid of `source` = (height, width) to one of `target` that covers the same area."""
    (height, width), (new_height, new_width) = source, target
    scale_x, scale_y = new_width / width, new_height / height
    return jnp.array([[scale_x, 0.0, resize_shift(scale_x)], [0.0, scale_y, resize_shift(scale_y)]], jnp.float32)


def resize_shift(scale: Coordinates) -> Coordinates:
    """The half-pixel shift of a grid that becomes `scale` times finer: u' = scale u + (scale - 1) / 2."""
    return (scale - 1) / 2


def resize_points(points: Coordinates, scale: Coordinates) -> Coordinates:
    """Coordinates on a grid that becomes `scale` times finer: u' = (u + 1/2) scale - 1/2. Any shape, as (M, 2)."""
    return (points + 0.5) * scale - 0.5


def from_fractions(fractions: Coordinates, size: int) -> Coordinates:
    """Pixel coordinates of fractions of a side of `size` pixels; 0 and 1 are the outer edges. Any shape, as (M, 2)."""
    return size * fractions - 0.5


def to_fractions(pixels: Coordinates, size: int) -> Coordinates:
    """The inverse of `from_fractions`: (u + 1/2) / size. Any shape, as (M, 2)."""
    return (pixels + 0.5) / size


def grid_centre(size: int) -> float:
    """The coordinate of the centre of a grid of `size` pixels."""
    return (size - 1) / 2


def square_crop(centre: Float[Array, "2"], side: Float[Array, ""] | float, size: int) -> Affine:
    """The affine map (2, 3) from an image to the crop of a square.

    Args:
        centre: of the square, (2,), image pixels (x, y).
        side: of the square in image pixels, ().
        size: side of the crop in pixels.
    """
    scale = size / jnp.asarray(side, jnp.float32)
    shift = grid_centre(size) - scale * centre
    return jnp.stack([jnp.stack([scale, 0 * scale, shift[0]]), jnp.stack([0 * scale, scale, shift[1]])])


def square_crop_on_host(centre: Float[np.ndarray, "2"], side: float | int, size: int) -> Float64[np.ndarray, "2 3"]:
    """`square_crop` in NumPy and float64, (2, 3): images may be large, and a reading process must not touch the device.

    Args:
        centre: of the square, (2,), image pixels (x, y).
        side: of the square in image pixels.
        size: side of the crop in pixels.
    """
    scale = size / side
    shift = grid_centre(size) - scale * centre
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])


def points_in_crop(
    points: Float[Array, "*t m 2"],
    *,
    centre: Float[Array, "*t 2"],
    side: Float[Array, "*t"],
    size: int,
) -> Float[Array, "*t m 2"]:
    """Landmarks in the pixels of the crops of their squares; `square_crop` gives the same as a map.

    Args:
        points: landmarks (..., M, 2), any unit, (x, y).
        centre: of each square (..., 2), in that unit.
        side: of each square (...,), in that unit.
        size: side of the crops in pixels.
    """
    return grid_centre(size) + size * (points - centre[..., None, :]) / side[..., None, None]


def similarity(
    size: int,
    *,
    scale: Float[Array, ""] | float = 1.0,
    angle: Float[Array, ""] | float = 0.0,
    shift: Float[Array, "2"] | tuple[float, float] = (0.0, 0.0),
) -> Affine:
    """The affine map (2, 3) that scales, rotates and shifts a square grid about its centre.

    Args:
        size: side of the grid in pixels.
        scale: factor, ().
        angle: radians, from x towards y, ().
        shift: pixels (x, y), (2,).
    """
    cos, sin = scale * jnp.cos(angle), scale * jnp.sin(angle)
    linear = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
    centre = jnp.full(2, grid_centre(size))
    offset = centre + jnp.asarray(shift) - jnp.matmul(linear, centre, precision=Precision.HIGHEST)
    return jnp.concatenate([linear, offset[:, None]], axis=1)


def square_of_box(box: Coordinates, *, scale: Any = CROP_SCALE) -> tuple[Coordinates, Coordinates]:
    """The square crop of a box, in plain arithmetic, so that it takes NumPy and JAX arrays.

    Args:
        box: x, y, width, height (..., 4), in pixels or any unit.
        scale: side of the square over the longer side of the box; a number or an array (...).

    Returns:
        Its centre (..., 2), that of the box, order (x, y); and its side (...), both in the unit of the box.
    """
    return box[..., :2] + box[..., 2:] / 2, scale * box[..., 2:].max(axis=-1)


def landmark_square(
    points: Float[Array, "m 2"], *, scale: Float[Array, ""] | float = CROP_SCALE
) -> tuple[Float[Array, "2"], Float[Array, ""]]:
    """The square crop of a face, from its landmarks (M, 2); all in pixels.

    Returns:
        Its centre (2,), that of the box of the landmarks; and its side (), `scale` times the longer side of the box.
    """
    # Not `square_of_box`: its centre rounds otherwise, and pictures and fits made before would change.
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, scale * (high - low).max()


def box_of(points: Float[Array | np.ndarray, "*t m 2"], *, dtype: Any = np.float32) -> Float[Any, "*t 4"]:
    """The box of landmarks (..., M, 2), pixels: x, y, width, height (..., 4) of `dtype`; of NumPy for NumPy arrays."""
    low, high = points.min(axis=-2), points.max(axis=-2)
    concatenate = np.concatenate if isinstance(points, np.ndarray) else jnp.concatenate
    return concatenate([low, high - low], axis=-1).astype(dtype)


def mirror(points: Points, *, width: int, markup: Markup) -> Points:
    """Landmarks (..., M, 2) of the mirrored image of `width` pixels: x -> width - 1 - x, left and right renamed.

    Raises:
        InputError: the markup does not tell which landmarks change places.
    """
    if not markup.flip:
        raise InputError(f"markup {markup.label}: has no flip_pairs, so a face cannot be mirrored")
    flipped = points[..., jnp.array(markup.flip), :]
    return jnp.stack([width - 1 - flipped[..., 0], flipped[..., 1]], axis=-1)


def _row(vector: Float[Array, "2"], points: Points) -> Array:
    return vector.reshape((1,) * (points.ndim - 1) + (2,))
