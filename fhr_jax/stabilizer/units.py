"""Face size and units: parameters and tracks in face sizes or in the units of the track."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fhr_jax.stabilizer.params import Params

FACE_SIZE = 72.0
"""RMS size of a face in the 256 crop, pixels: the scale at which the weights of the loss are meant."""


def in_face_units(start: Params, size: float = FACE_SIZE) -> Params:
    """Parameters in the units of tracks whose faces have this size, as parameters for faces of any size."""
    return start._replace(noise=start.noise / size**2, prior=start.prior / size**2, face=jnp.ones_like(start.gamma))


def in_track_units(params: Params, size: float) -> Params:
    """Parameters in face units as parameters in the units of tracks whose faces have this size."""
    if params.face is None:
        return params
    scale = size / params.face
    outliers = None if params.outliers is None else params.outliers._replace(scale=params.outliers.scale * scale)
    return params._replace(noise=params.noise * scale**2, prior=params.prior * scale**2, outliers=outliers, face=None)


def track_scale(params: Params, z: Array, here: Array) -> Array:
    """Units of the track in one unit of the parameters, from the first valid frame."""
    if params.face is None:
        return jnp.ones_like(params.gamma)
    number = jnp.maximum(here.sum(), 1)
    z = jnp.where(here[:, None], z, 0)
    off = jnp.where(here[:, None], z - z.sum(axis=0, keepdims=True) / number, 0)
    square = (off**2).sum() / number
    size = jnp.sqrt(jnp.where(square > 0, square, 1))
    return size / params.face


def face_size(truth: np.ndarray) -> float:
    """RMS distance of the points to their centroid, the median over the frames; that of a 256 crop if unknown."""
    known = truth[np.isfinite(truth).all(axis=(1, 2))]
    if not len(known):
        return FACE_SIZE
    off = known - known.mean(axis=1, keepdims=True)
    size = float(np.sqrt(np.median((off**2).sum(axis=-1))))
    return size if size > 0 else FACE_SIZE
