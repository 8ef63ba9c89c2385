"""Moving the camera: crops as a detector gives them and training wants them, and the mirror."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax import geometry
from fhr_jax.data.faces.face import SyntheticFace
from fhr_jax.data.faces.render import landmarks


class CameraJitter(NamedTuple):
    """How a crop differs from the tight one: enlarged by `zoom`, turned (radians), shifted (fractions of the frame)."""

    zoom: Float[Array, ""] | float = 1.0
    turn: Float[Array, ""] | float = 0.0
    shift: Float[Array, "2"] | tuple[float, float] = (0.0, 0.0)


def fill(
    face: SyntheticFace, *, scale: Float[Array, ""] | float = 1.3, jitter: CameraJitter | None = None
) -> SyntheticFace:
    """Move the camera so that the bounding square of the landmarks times `scale` fills the frame.

    Args:
        face: any face (no frame axis).
        scale: side of the crop in sides of the landmarks' square; 1.3 as the evaluation crops.
        jitter: turns the face, then zooms and shifts it in the frame. Unlike an augmented picture nothing is
            resampled and nothing black comes in.

    Returns:
        The face with another view (and, if turned, another roll).
    """
    jitter = CameraJitter() if jitter is None else jitter
    # A face that is turned keeps the side of its upright square, as a crop does that turns with it.
    _, side = geometry.landmark_square(landmarks(face), scale=scale)
    roll = jnp.zeros(3, face.pose.dtype).at[2].set(face.view.mirror * jitter.turn)
    face = face._replace(pose=face.pose + roll)
    centre, _ = geometry.landmark_square(landmarks(face), scale=scale)
    return _look(face, centre, side / jitter.zoom, jnp.asarray(jitter.shift, face.pose.dtype))


def mirror(face: SyntheticFace) -> SyntheticFace:
    """The face whose picture is the mirror image, landmarks renamed as the markup says."""
    return face._replace(view=face.view._replace(mirror=-face.view.mirror))


def _look(
    face: SyntheticFace, centre: Float[Array, "2"], side: Float[Array, ""], shift: Float[Array, "2"]
) -> SyntheticFace:
    """Make the square of `centre` and `side`, in fractions of the frame, the new frame, less `shift`."""
    view = face.view
    # The view is described before mirroring.
    sign = jnp.stack([view.mirror, jnp.ones_like(view.mirror)])
    seen = 0.5 + sign * (centre - 0.5)
    return face._replace(
        view=view._replace(centre=0.5 + (view.centre - seen) / side + sign * shift, scale=view.scale / side)
    )
