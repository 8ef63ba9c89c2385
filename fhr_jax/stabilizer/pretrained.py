"""The parameters that ship, in face units: fitted on synthetic tracks by `experiments/fit_default_stabilizer.py`."""

from functools import cache
from importlib.resources import as_file, files

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.params_io import load

FACES, POINTS = "default.npz", "default_points.npz"
"""Of 68 points in the plane, and of any points."""

FITTED = (68, 2)
"""Points and dimensions that have variances and a basis of their own."""


def default_params(landmarks: int = 68, dims: int = 2) -> Params:
    """Parameters for tracks of any size and place: `run(p, s * z + b)` is `s * run(p, z) + b`.

    For 68 points in the plane the basis is that of the motion of synthetic faces. For any other set of points it is
    the identity, with one variance for all directions; these values were fitted so, on the same tracks.

    Args:
        landmarks: number of points M, at least 2: a single point has no size.
        dims: coordinates of a point, 2 or 3.
    """
    if landmarks < 2 or dims < 1:
        raise InputError(f"landmarks: {landmarks}, dims: {dims}, expected at least 2 points, which have a size")
    if (landmarks, dims) == FITTED:
        return jax.tree.map(jnp.asarray, _read(FACES))
    fitted, size = jax.tree.map(jnp.asarray, _read(POINTS)), landmarks * dims
    return fitted._replace(
        noise=jnp.full(size, fitted.noise[0]),
        prior=jnp.broadcast_to(fitted.prior[:, :1], (len(fitted.alpha), size)),
        basis=jnp.asarray(np.eye(size, dtype=np.float32)),
    )


@cache
def _read(name: str) -> Params:
    # Arrays of NumPy in the cache: those of JAX could be traced ones if the first call came under jit.
    with as_file(files("fhr_jax.stabilizer") / name) as path, jax.ensure_compile_time_eval():
        return jax.tree.map(np.asarray, load(path))
