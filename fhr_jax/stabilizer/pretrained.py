"""The default parameters, in face units, fitted on synthetic tracks.

The mixture is from `experiments/fit_default_stabilizer.py`; it finds outliers and the size of the face, and moves
missing points. The networks that weigh the movement types are from `experiments/fit_movements.py`, and give the output.
"""

from functools import cache
from importlib.resources import as_file, files

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.params_io import load

FACE_FILE, POINTS_FILE = "default.npz", "default_points.npz"
"""Parameters for 68 points in 2D, and for any set of points."""

FITTED_SHAPE = (68, 2)
"""(M, d) of the tracks that have variances and a basis of their own."""


def default_params(landmarks: int = 68, dims: int = 2) -> Params:
    """Default parameters for tracks of any scale and position: `run(p, s * z + b)` is `s * run(p, z) + b`.

    For 68 points in 2D the basis is that of the motion of synthetic faces. For any other set of points it is the
    identity, with one variance for all directions; these values were fitted in this form, on the same tracks.

    Args:
        landmarks: number of points M, at least 2, since a single point has no size.
        dims: coordinates of a point, 2 or 3.

    Raises:
        InputError: there are fewer than 2 points.
    """
    if landmarks < 2 or dims < 1:
        raise InputError(f"landmarks: {landmarks}, dims: {dims}, expected at least 2 points with coordinates")
    if (landmarks, dims) == FITTED_SHAPE:
        return jax.tree.map(jnp.asarray, _read(FACE_FILE))
    fitted, size = jax.tree.map(jnp.asarray, _read(POINTS_FILE)), landmarks * dims
    return fitted._replace(
        noise=jnp.full(size, fitted.noise[0]),
        prior=jnp.broadcast_to(fitted.prior[:, :1], (len(fitted.alpha), size)),
        basis=jnp.asarray(np.eye(size, dtype=np.float32)),
    )


@cache
def _read(name: str) -> Params:
    # The cache holds NumPy arrays: if the first call came under jit, JAX arrays could be tracers.
    with as_file(files("fhr_jax.stabilizer") / name) as path, jax.ensure_compile_time_eval():
        return jax.tree.map(np.asarray, load(path))
