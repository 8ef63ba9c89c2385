"""The square of an image that is cropped for the network, computed from landmarks."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import geometry
from fhr_jax.geometry import CROP_SCALE
from fhr_jax.markup import FACE68, Markup


class CropRegion(NamedTuple):
    """A square region of an image.

    Attributes:
        centre: (2,), order (x, y), in image pixels.
        side: in image pixels.
    """

    centre: Float[np.ndarray, "2"]
    side: float


def region_from_landmarks(points: Float[np.ndarray, "m 2"], *, markup: Markup | None = None) -> CropRegion:
    """The region to crop, given the landmarks (M, 2) of the face in image pixels.

    With the 68 landmarks of 300W it ignores the contour of the face except for the position across; with any others it
    is `geometry.landmark_square`.

    Args:
        points: the landmarks.
        markup: of the landmarks; None takes 68 for those of 300W.
    """
    inner = len(points) == FACE68.size if markup is None else markup.flip == FACE68.flip
    centre, side = _face_square(points) if inner else _landmark_square(points)
    return CropRegion(np.asarray(centre), float(side))


@jax.jit
def _face_square(points: Float[Array, "68 2"]) -> tuple[Array, Array]:
    """Centre and side of the crop of 68 landmarks, size and height computed from brows, eyes, nose and mouth only.

    If a chin that slips to the collar counted, it would pull the crop down a little further in every frame. The
    constants are medians over the faces of 300W. On real faces they give the landmark square to 8 % of its side and
    2 % of its position.
    """
    inner, eyes, mouth = points[17:], points[36:48].mean(axis=0), points[48:].mean(axis=0)
    middle = inner.mean(axis=0)
    radius = jnp.sqrt(((inner - middle[None]) ** 2).sum(axis=-1).mean())
    down = (mouth - eyes) / jnp.maximum(jnp.linalg.norm(mouth - eyes), 1e-6)
    centre, _ = geometry.landmark_square(points)
    shift = ((middle - centre) * down).sum() + 0.30 * radius
    return centre + shift * down, CROP_SCALE * 3.285 * radius


_landmark_square = jax.jit(partial(geometry.landmark_square, scale=CROP_SCALE))
