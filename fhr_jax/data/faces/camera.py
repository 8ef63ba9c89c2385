"""Moving the camera: the crop of a detector, the random crops of training, and the mirror image."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax import geometry
from fhr_jax.data.faces.face import SyntheticFace
from fhr_jax.data.faces.render import landmarks


class CameraJitter(NamedTuple):
    """How a crop differs from that of the landmarks' box.

    Attributes:
        zoom: enlargement, ().
        turn: rotation in radians, from x towards y, ().
        shift: (x, y) in fractions of the frame, (2,).
    """

    zoom: Float[Array, ""] | float = 1.0
    turn: Float[Array, ""] | float = 0.0
    shift: Float[Array, "2"] | tuple[float, float] = (0.0, 0.0)


def fill(
    face: SyntheticFace, *, scale: Float[Array, ""] | float = geometry.CROP_SCALE, jitter: CameraJitter | None = None
) -> SyntheticFace:
    """Move the camera so that the crop square of the landmarks fills the frame.

    Args:
        face: one face (no frame axis).
        scale: side of the square over the longer side of the landmarks' box, ().
        jitter: rotates the face, then zooms and shifts it in the frame. Unlike an augmented image, nothing is resampled
            and no black border comes into view.

    Returns:
        The face with another view and, if it is rotated, another roll.
    """
    jitter = CameraJitter() if jitter is None else jitter
    # A rotated face keeps the side of its upright square, like a crop that rotates with it.
    _, side = geometry.landmark_square(landmarks(face), scale=scale)
    roll = jnp.zeros(3, face.pose.dtype).at[2].set(face.view.mirror * jitter.turn)
    face = face._replace(pose=face.pose + roll)
    centre, _ = geometry.landmark_square(landmarks(face), scale=scale)
    return _reframe(face, centre, side / jitter.zoom, jnp.asarray(jitter.shift, face.pose.dtype))


def mirror(face: SyntheticFace) -> SyntheticFace:
    """The face whose rendering is the mirror image; its landmarks are renamed as in the markup."""
    return face._replace(view=face.view._replace(mirror=-face.view.mirror))


def _reframe(
    face: SyntheticFace, centre: Float[Array, "2"], side: Float[Array, ""], shift: Float[Array, "2"]
) -> SyntheticFace:
    """Make the square of `centre` and `side`, in fractions of the frame, the new frame, moved by -`shift`."""
    view = face.view
    # The parameters of the view describe the image before mirroring.
    sign = jnp.stack([view.mirror, jnp.ones_like(view.mirror)])
    seen = 0.5 + sign * (centre - 0.5)
    return face._replace(
        view=view._replace(centre=0.5 + (view.centre - seen) / side + sign * shift, scale=view.scale / side)
    )
