"""The face size, in one place, and the conversion of parameters between face units and the units of a track.

The size of a face is the RMS distance of its points to their centroid.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer.params import Params

FACE_SIZE = 72.0
"""Size of a face in the 256 crop, pixels: the scale for which the weights of the loss are meant."""

FRAME_RATE = 30.0
"""Frames a second for which `dt` is 1, the rate of the tracks that the default parameters were fitted on."""

MAX_COORDINATE = 1e15
"""Units of the track; a point further out, whose square could overflow, counts as missing."""


def is_observed(z: Float[Array, "*batch m d"]) -> Bool[Array, "*batch m"]:
    """Which points (..., M, d), in any unit, are observed: finite, and not so far out that their squares overflow."""
    return (jnp.abs(z) <= MAX_COORDINATE).all(axis=-1)  # False for NaN


def face_size(z: Float[Array, "m d"], present: Bool[Array, " m"]) -> Float[Array, ""]:
    """Size () of one face in the units of its points.

    Args:
        z: (M, d) points.
        present: (M,) the points that count.

    Returns:
        RMS distance of these points to their centroid; 1 if they all lie in one place or there are none.
    """
    number = jnp.maximum(present.sum(), 1)
    z = jnp.where(present[:, None], z, 0)
    deviation = jnp.where(present[:, None], z - z.sum(axis=0, keepdims=True) / number, 0)
    square = (deviation**2).sum() / number
    return jnp.sqrt(jnp.where(square > 0, square, 1))


def first_face_size(track: Float[Array, "t m d"]) -> Float[Array, ""]:
    """Size () of the face in the first frame of a track (T, M, d) with an observed point, as `run` takes it."""
    observed = is_observed(track)
    first = observed.any(axis=-1).argmax()
    return face_size(track[first], observed[first])


def median_face_size(track: Float[np.ndarray, "t m d"]) -> float:
    """Median over the complete frames of a track (T, M, d) of the face size, in its unit; `FACE_SIZE` if unknown.

    The benchmark measures outliers and deviations in this unit. `fhr-jax fit` scales tracks by `median_distance`.
    """
    complete = track[np.isfinite(track).all(axis=(1, 2))]
    if not len(complete):
        return FACE_SIZE
    deviation = complete - complete.mean(axis=1, keepdims=True)
    size = float(np.median(np.sqrt((deviation**2).sum(axis=-1).mean(axis=-1))))
    return size if size > 0 else FACE_SIZE


def median_distance(track: Float[np.ndarray, "t m d"]) -> float:
    """Median over points and complete frames of a track (T, M, d) of the distance to the centroid.

    `fit.tracks` and `fhr-jax fit` scale tracks by it: fits written before have parameters in this unit.
    For a face of 68 points it is about 0.9 times the face size. `FACE_SIZE` where it is unknown.
    """
    complete = track[np.isfinite(track).all(axis=(1, 2))]
    if not len(complete):
        return FACE_SIZE
    deviation = complete - complete.mean(axis=1, keepdims=True)
    distance = float(np.sqrt(np.median((deviation**2).sum(axis=-1))))
    return distance if distance > 0 else FACE_SIZE


def track_scale(params: Params, z: Float[Array, "m d"], present: Bool[Array, " m"]) -> Float[Array, ""]:
    """Units of the track in one unit of the parameters, (), from the first frame (M, d) with an observed point."""
    if params.face_size is None:
        return jnp.ones_like(params.gamma)
    return face_size(z, present) / params.face_size


def in_face_units(params: Params, *, size: float = FACE_SIZE) -> Params:
    """Parameters in the units of tracks with faces of this size as parameters in face units, for faces of any size."""
    outliers = params.outliers
    if outliers is not None:
        outliers = outliers._replace(scale=outliers.scale / size)
    return params._replace(
        noise=params.noise / size**2,
        prior=params.prior / size**2,
        outliers=outliers,
        face_size=jnp.ones_like(params.gamma),
    )


def in_track_units(params: Params, size: float) -> Params:
    """Parameters in face units as parameters in the units of tracks with faces of this size; others stay as given."""
    if params.face_size is None:
        return params
    scale = size / params.face_size
    outliers = params.outliers
    if outliers is not None:
        outliers = outliers._replace(scale=outliers.scale * scale)
    return params._replace(
        noise=params.noise * scale**2, prior=params.prior * scale**2, outliers=outliers, face_size=None
    )
