"""Save and load the parameters of the stabilizer as .npz."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fhr_jax import npz
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.extensions.outliers import Outliers
from fhr_jax.stabilizer.extensions.recurrent import FEATURES, Recurrent
from fhr_jax.stabilizer.extensions.responsibilities import Responsibilities
from fhr_jax.stabilizer.extensions.velocity import Velocity
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.smoothing.kalman_bank import TYPES
from fhr_jax.stabilizer.smoothing.mixing import INPUTS, PARTS, TAILS, MixingNet


class _Extension(NamedTuple):
    """How an extension is stored.

    Attributes:
        parameters: its NamedTuple.
        prefix: of its keys in a file.
        keys: keys of the fields whose name in a file is another one.
    """

    parameters: Any
    prefix: str
    keys: Mapping[str, str] = MappingProxyType({})

    def key(self, field: str) -> str:
        return f"{self.prefix}.{self.keys.get(field, field)}"


EXTENSIONS = {
    "velocity": _Extension(Velocity, "motion"),
    "responsibilities": _Extension(Responsibilities, "switch"),
    "recurrent": _Extension(Recurrent, "recurrent"),
    "outliers": _Extension(Outliers, "tail", {"inlier_log_odds": "odds", "scale": "reach"}),
    "movements": _Extension(MixingNet, "movements"),
    "smoother": _Extension(MixingNet, "smoother"),
}
"""Extensions by their field of `Params`. Keys in files stay when fields are renamed, so old files can be read."""

OPTIONAL = ("groups", "jump")
"""Fields of extensions that a file may lack."""

CORE = ("gamma", "alpha", "beta", "noise", "prior", "basis")
"""Arrays that every file has."""

FACE_SIZE_KEY = "face"
"""Key of `Params.face_size`."""


def save(path: str | os.PathLike[str], params: Params) -> None:
    """Write parameters to an .npz file, atomically.

    Raises:
        InputError: the folder cannot be written to.
    """
    npz.write(path, as_arrays(params))


def load(path: str | os.PathLike[str]) -> Params:
    """Read and check parameters written by `save`.

    Raises:
        InputError: the file is missing or unreadable, an array is missing or has the wrong shape, or a value lies
            outside its range.
    """
    arrays = npz.read(path)
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise InputError(f"{path}: {name} holds {array.dtype}, expected floating point numbers")
    arrays = {name: _with_all_inputs(name, array) for name, array in arrays.items()}
    params = from_arrays({name: array.astype(np.float32) for name, array in arrays.items()}, source=str(path))
    _check_values(str(path), arrays)
    return params


def _with_all_inputs(name: str, array: np.ndarray) -> np.ndarray:
    """The first layer of a smoother written before the network saw the tail of the noise: it ignores it."""
    if name != EXTENSIONS["smoother"].key("first") or array.ndim != 3 or array.shape[1] != INPUTS - TAILS:
        return array
    return np.pad(array, ((0, 0), (0, TAILS), (0, 0)))


def as_arrays(params: Params) -> dict[str, np.ndarray]:
    """The arrays of a parameter file by key; the keys of an extension have its prefix, such as `motion.decay`."""
    arrays = {name: np.asarray(getattr(params, name)) for name in CORE}
    if params.face_size is not None:
        arrays[FACE_SIZE_KEY] = np.asarray(params.face_size)
    for field, extension in EXTENSIONS.items():
        value = getattr(params, field)
        if value is not None:
            parts = value._asdict().items()
            arrays |= {extension.key(name): np.asarray(array) for name, array in parts if array is not None}
    return arrays


def from_arrays(arrays: dict[str, np.ndarray], *, source: str) -> Params:
    """Parameters from the arrays that `as_arrays` gave, by key.

    Args:
        arrays: of one set of parameters.
        source: where they come from, for messages.

    Raises:
        InputError: an array is missing, unknown, has the wrong shape or is not finite.
    """
    _check_shapes(source, arrays)
    return _build(source, arrays)


def _check_shapes(path: str, arrays: dict[str, np.ndarray]) -> None:
    """Refuse a file with a missing array, an unknown array, or an array of another shape."""
    missing = set(CORE) - arrays.keys()
    if missing:
        raise InputError(f"{path}: no array {sorted(missing)[0]!r}, expected parameters of the stabilizer")
    k, size = arrays["alpha"].size, arrays["noise"].size
    shapes = {"gamma": (), "alpha": (k,), "beta": (k,), "noise": (size,), "prior": (k, size)}
    shapes |= {"basis": (size, size), FACE_SIZE_KEY: ()}
    shapes |= {f"motion.{name}": (k,) for name in Velocity._fields}
    groups = arrays["switch.groups"].shape[-1:] if "switch.groups" in arrays else ()
    shapes |= {"switch.temperature": (), "switch.groups": (size, *groups)}
    hidden = arrays["recurrent.first_bias"].size if "recurrent.first_bias" in arrays else 0
    network = {"first": (FEATURES, hidden), "first_bias": (hidden,), "second": (hidden, hidden)}
    network |= {"decay": (3,), "second_bias": (hidden,), "last": (hidden, 2 * k), "last_bias": (2 * k,)}
    shapes |= {f"recurrent.{name}": shape for name, shape in network.items()}
    shapes |= {EXTENSIONS["outliers"].key(name): () for name in Outliers._fields}
    for field in ("movements", "smoother"):
        width = arrays[f"{field}.first_bias"].shape[-1] if f"{field}.first_bias" in arrays else 0
        mixing = {"first": (INPUTS, width), "first_bias": (width,), "second": (width, width), "second_bias": (width,)}
        mixing |= {"last": (width, TYPES + 1), "last_bias": (TYPES + 1,), "refuted": (TYPES,)}
        shapes |= {f"{field}.{name}": (PARTS, *shape) for name, shape in mixing.items()}
    for name, array in arrays.items():
        if name not in shapes:
            raise InputError(f"{path}: unknown array {name!r}, expected one of {', '.join(shapes)}")
        if array.shape != shapes[name]:
            raise InputError(f"{path}: {name} has shape {array.shape}, expected {shapes[name]}")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name} is not finite")


def _check_values(path: str, arrays: dict[str, np.ndarray]) -> None:
    """Refuse values outside their range."""
    for name in ("gamma", "alpha", "beta", "motion.decay", "motion.anchor", "recurrent.decay"):
        if name in arrays and not (arrays[name].min() >= 0 and arrays[name].max() <= 1):
            raise InputError(f"{path}: {name} lies outside [0, 1]")
    for name in (FACE_SIZE_KEY, "switch.temperature", "tail.reach", "tail.jump"):
        if name in arrays and arrays[name] <= 0:
            raise InputError(f"{path}: {name} is {arrays[name]}, expected more than 0")
    if arrays["noise"].min() <= 0 or arrays["prior"].min() < 0:
        raise InputError(f"{path}: expected noise variances above 0 and prior variances of at least 0")
    groups = arrays.get("switch.groups", np.ones((1, 1)))
    if not (np.isin(groups, (0, 1)).all() and (groups.sum(axis=1) == 1).all()):
        raise InputError(f"{path}: switch.groups assigns a direction to no group or to several, expected one")
    if "recurrent.decay" in arrays and "motion.decay" not in arrays:
        raise InputError(f"{path}: recurrent without motion, expected both, since the network needs the velocity")
    if not abs(arrays["alpha"].sum() - 1) <= 1e-4:
        raise InputError(f"{path}: alpha sums to {arrays['alpha'].sum():.4f}, expected 1")
    basis = arrays["basis"].astype(np.float64)
    if not (np.abs(basis).max() < 2 and np.abs(basis.T @ basis - np.eye(len(basis))).max() <= 1e-3):
        raise InputError(f"{path}: basis is not orthonormal")


def _build(path: str, arrays: dict[str, np.ndarray]) -> Params:
    extensions: dict[str, Any] = {}
    for field, extension in EXTENSIONS.items():
        found = {name: arrays.get(extension.key(name)) for name in extension.parameters._fields}
        if all(value is None for value in found.values()):
            continue
        missing = [name for name, value in found.items() if value is None and name not in OPTIONAL]
        if missing:
            raise InputError(
                f"{path}: no array {extension.key(missing[0])!r}, expected it beside the others of {extension.prefix}"
            )
        values = {name: None if value is None else jnp.asarray(value) for name, value in found.items()}
        extensions[field] = extension.parameters(**values)
    core: dict[str, Any] = {name: jnp.asarray(arrays[name]) for name in CORE}
    face_size = jnp.asarray(arrays[FACE_SIZE_KEY]) if FACE_SIZE_KEY in arrays else None
    return Params(**core, **extensions, face_size=face_size)
