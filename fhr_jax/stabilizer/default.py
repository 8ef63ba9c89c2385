"""The parameters that ship, in face units: fitted on synthetic tracks by `experiments/fit_default_stabilizer.py`."""

from functools import cache
from importlib.resources import as_file, files

import jax.numpy as jnp
import numpy as np

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.params import Gate, Motion, Params, as_arrays, load

FILE = "default.npz"


def default_gate() -> Gate:
    """Half a face from the prediction is too far; a new place must last 2 frames."""
    return Gate(*(jnp.asarray(value, jnp.float32) for value in (0.5, 2.0, 0.5, 3.0)))


def default_params(landmarks: int = 68, dims: int = 2) -> Params:
    """Parameters for tracks of any size and place: `run(p, s * z + b)` is `s * run(p, z) + b`.

    For 68 points in the plane the basis is that of the motion of synthetic faces; for any other set of points it is
    the identity, with the same variance in every direction.

    Args:
        landmarks: number of points M, at least 2: a single point has no size.
        dims: coordinates of a point, 2 or 3.
    """
    if landmarks < 2 or dims < 1:
        raise InputError(f"landmarks: {landmarks}, dims: {dims}, expected at least 2 points, which have a size")
    fitted = _shipped()
    size = landmarks * dims
    if (landmarks, dims) == (68, 2):
        return fitted
    return fitted._replace(
        noise=jnp.full(size, jnp.median(fitted.noise)),
        prior=jnp.broadcast_to(jnp.median(fitted.prior, axis=1, keepdims=True), (len(fitted.alpha), size)),
        basis=jnp.asarray(np.eye(size, dtype=np.float32)),
    )


def _shipped() -> Params:
    # Arrays of NumPy in the cache: those of JAX could be traced ones if the first call came under jit.
    arrays = _read()
    parts = {name: jnp.asarray(value) for name, value in arrays.items() if "." not in name}
    motion = Motion(jnp.asarray(arrays["motion.decay"]), jnp.asarray(arrays["motion.lead"]))
    return Params(**parts, motion=motion, gate=default_gate())


@cache
def _read() -> dict[str, np.ndarray]:
    with as_file(files("fhr_jax.stabilizer") / FILE) as path:
        return as_arrays(load(path))
