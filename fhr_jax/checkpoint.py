"""Checkpoints of a run through Orbax: training state and position in the data, saved and restored together."""

from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import orbax.checkpoint as ocp

from fhr_jax.errors import InputError

Tree = TypeVar("Tree")


@runtime_checkable
class Resumable(Protocol):
    """Data that say where they are, in values that JSON can hold, and go on from there."""

    def get_state(self) -> Any:
        """Where they are."""
        ...

    def set_state(self, state: Any) -> None:
        """Go on from there."""
        ...


def manager(folder: Path, *, keep: int = 2) -> ocp.CheckpointManager:
    """The checkpoints below `folder`, the latest `keep` of them; what a kill left half-saved is removed."""
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    return ocp.CheckpointManager(folder.resolve(), options=options)


def save(checkpoints: ocp.CheckpointManager, step: int, state: Any, data: Resumable) -> None:
    """Save a pytree of arrays and the position in the data under the number `step`."""
    # Leaves are stored by position: Orbax restores tuples inside optimizer states as lists otherwise.
    leaves = {str(i): leaf for i, leaf in enumerate(jax.tree.leaves(state))}
    content = ocp.args.Composite(
        state=ocp.args.StandardSave(leaves),
        data=ocp.args.JsonSave(data.get_state()),
    )
    checkpoints.save(step, args=content)


def restore(checkpoints: ocp.CheckpointManager, state: Tree, data: Resumable, *, like: Any = None) -> Tree:
    """The state of the latest checkpoint, in the structure of `state`; `data` is moved to its position.

    Args:
        checkpoints: where it lies.
        state: any state of the same structure.
        data: the data of the run.
        like: shapes in the same structure, with the places (`sharding`) where arrays go; by default one device.

    Raises:
        InputError: the checkpoint holds other arrays than `state` (another preset, or another optimizer), or the
            position is one in other data.
    """
    step = checkpoints.latest_step()
    if step is None:
        raise InputError(f"{checkpoints.directory}: no checkpoint there")
    leaves, structure = jax.tree.flatten(state)
    wanted = leaves if like is None else jax.tree.leaves(like)
    template = {
        str(i): jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=None if like is None else leaf.sharding)
        for i, leaf in enumerate(wanted)
    }
    content = ocp.args.Composite(state=ocp.args.StandardRestore(template), data=ocp.args.JsonRestore())
    try:
        # Compared before: a restore that Orbax refuses half-way leaves threads behind.
        fits = _stored(checkpoints.directory / str(step) / "state") == _arrays(template)
        restored = checkpoints.restore(step, args=content) if fits else None
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"{checkpoints.directory}: checkpoint {step} is broken") from error
    if restored is None:
        raise InputError(f"{checkpoints.directory}: checkpoint {step} was made with another preset or optimizer")
    data.set_state(restored["data"])
    return jax.tree.unflatten(structure, [restored["state"][str(i)] for i in range(len(leaves))])


Arrays = dict[str, tuple[tuple[int, ...], str]]


def _stored(folder: Any) -> Arrays:
    """Shape and type of every array of a checkpoint, without reading it; `folder` is one of Orbax's own paths."""
    return _arrays(ocp.StandardCheckpointHandler().metadata(folder).tree)


def _arrays(tree: dict[str, Any]) -> Arrays:
    return {name: (tuple(leaf.shape), str(leaf.dtype)) for name, leaf in tree.items()}
