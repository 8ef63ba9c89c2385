"""Save a fit under way as .npz, whole or not at all, and read it back to resume it."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import npz
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import params_io
from fhr_jax.stabilizer.fit.state import FitState

_KEYS = {
    "best": "best",
    "best_loss": "judged",
    "stale_steps": "waited",
    "finished": "finished",
    "seconds": "seconds",
    "evaluations": "evaluations",
    "loss": "losses",
    "validation_loss": "held_out",
}
"""Fields of `FitState` and their keys on disk, which stay the same when fields are renamed."""

_INIT_PARAMS = "init_params."
"""Prefix of the initial parameters, whose keys are those of a parameter file."""

_PER_ITERATION = ("seconds", "evaluations", "loss", "validation_loss")


def save_fit(path: str | os.PathLike[str], state: FitState) -> None:
    """Write the state of a fit to an .npz file.

    Raises:
        InputError: the folder cannot be written to.
    """
    leaves = jax.tree.leaves(state.solver_state)
    arrays = {key: getattr(state, field) for field, key in _KEYS.items()}
    arrays |= {f"solver.{i}": leaf for i, leaf in enumerate(leaves)}
    if state.init_params is not None:
        arrays |= {_INIT_PARAMS + key: array for key, array in params_io.as_arrays(state.init_params).items()}
    npz.write(path, {name: np.asarray(array) for name, array in arrays.items()})


def load_fit(path: str | os.PathLike[str], like: Any) -> FitState:
    """Read the state of a fit.

    Args:
        path: of the .npz file.
        like: a solver state of the same problem and solver, from `solver.init(problem)`; it gives the structure.

    Raises:
        InputError: the file is missing or broken, or another solver or another model wrote it.
    """
    arrays = npz.read(path)
    begun = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_INIT_PARAMS)}
    leaves, structure = jax.tree.flatten(like)
    expected = {f"solver.{i}": (leaf.shape, leaf.dtype) for i, leaf in enumerate(leaves)}
    found = {name: (array.shape, array.dtype) for name, array in arrays.items() if name.startswith("solver.")}
    lengths = {arrays[_KEYS[field]].shape for field in _PER_ITERATION if _KEYS[field] in arrays}
    if found != expected or arrays.keys() - found.keys() != set(_KEYS.values()) or len(lengths) != 1:
        raise InputError(f"{path}: holds another fit, expected one with the same solver, options and tracks")
    solver_state = jax.tree.unflatten(structure, [_like(arrays[f"solver.{i}"], leaf) for i, leaf in enumerate(leaves)])
    begun = {name.removeprefix(_INIT_PARAMS): array for name, array in begun.items()}
    init_params = params_io.from_arrays(begun, source=str(path)) if begun else None
    return FitState(solver_state, **{field: arrays[key] for field, key in _KEYS.items()}, init_params=init_params)


def _like(array: np.ndarray, leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array):
        return array
    # Only a leaf that was committed to a device is put there by name: otherwise the step would compile again.
    return jax.device_put(array, leaf.sharding) if leaf.committed else jnp.asarray(array)
