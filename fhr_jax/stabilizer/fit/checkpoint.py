"""A fit under way as a file: saved whole or not at all, read back into the structure of a fresh one."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import npz
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.loop import FitState

_GROWING = ("seconds", "evaluations", "losses", "held_out")


def save_fit(path: str | os.PathLike[str], run: FitState) -> None:
    """Write a run to an .npz file."""
    fields = {name: value for name, value in run._asdict().items() if name != "solver"}
    leaves = {f"solver.{i}": leaf for i, leaf in enumerate(jax.tree.leaves(run.solver))}
    npz.write(path, {name: np.asarray(value) for name, value in (fields | leaves).items()})


def load_fit(path: str | os.PathLike[str], like: Any) -> FitState:
    """Read a run.

    Args:
        path: of the file.
        like: a state of the same solver, as its `init` makes it.

    Raises:
        InputError: the file is missing or broken, or was written by another solver or for another model.
    """
    arrays = npz.read(path)
    leaves, structure = jax.tree.flatten(like)
    names = [name for name in FitState._fields if name != "solver"]
    expected = {f"solver.{i}": (leaf.shape, leaf.dtype) for i, leaf in enumerate(leaves)}
    stored = {name: (a.shape, a.dtype) for name, a in arrays.items() if name.startswith("solver.")}
    lengths = {arrays[name].shape for name in _GROWING if name in arrays}
    if stored != expected or arrays.keys() - stored.keys() != set(names) or len(lengths) != 1:
        raise InputError(f"{path}: a run of another fit, expected one with the same options and tracks")
    state = jax.tree.unflatten(structure, [_like(arrays[f"solver.{i}"], leaf) for i, leaf in enumerate(leaves)])
    return FitState(state, **{name: arrays[name] for name in names})


def _like(array: np.ndarray, leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array):
        return array
    # Put to a device by name where a fresh one was not, it would be compiled for anew.
    return jax.device_put(array, leaf.sharding) if leaf.committed else jnp.asarray(array)
