"""Moving the camera: crops as the detector and the training see them."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax import geometry
from fhr_jax.data.faces.face import Face
from fhr_jax.data.faces.render import landmarks


class Jitter(NamedTuple):
    """A similarity of the crop: factor, turn (radians) and shift (fractions of the frame)."""

    zoom: Float[Array, ""] | float = 1.0
    turn: Float[Array, ""] | float = 0.0
    shift: Float[Array, "2"] | tuple[float, float] = (0.0, 0.0)


def fill(face: Face, *, scale: float = 1.3, jitter: Jitter | None = None) -> Face:
    """Move the camera so that the bounding square of the landmarks times `scale` fills the frame.

    Args:
        face: any face (no frame axis).
        scale: side of the crop in sides of the landmarks' square; 1.3 as the evaluation crops.
        jitter: turns, zooms and shifts the crop afterwards about its centre; nothing is resampled.

    Returns:
        The face with another view (and, if turned, another roll); all landmarks lie inside the frame if the jitter is
        mild.
    """
    if jitter is not None:
        pose = face.pose + jnp.stack([0.0 * face.pose[2], 0.0 * face.pose[2], jitter.turn + 0.0 * face.pose[2]])
        turned = face._replace(pose=pose)
        # The square belongs to the face before the turn: a crop that is turned keeps its side.
        centre, side = geometry.landmark_square(landmarks(face), scale=scale)
        middle, _ = geometry.landmark_square(landmarks(turned), scale=scale)
        return _look(turned, middle, side / jitter.zoom, jnp.asarray(jitter.shift))
    centre, side = geometry.landmark_square(landmarks(face), scale=scale)
    return _look(face, centre, side, jnp.zeros(2))


def _look(face: Face, centre: Float[Array, "2"], side: Float[Array, ""], shift: Float[Array, "2"]) -> Face:
    view = face.view
    unmirrored = jnp.stack([0.5 + view.mirror * (centre[0] - 0.5), centre[1]])
    moved = 0.5 + (view.centre - unmirrored) / side + shift * jnp.stack([view.mirror, 1 + 0 * view.mirror])
    return face._replace(view=view._replace(centre=moved, scale=view.scale / side))
