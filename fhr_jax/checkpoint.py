"""Checkpoints of a run through Orbax: training state and position in the data, saved and restored together."""

import json
import os
import re
import sys
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

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
    position = data.get_state()
    content = ocp.args.Composite(
        state=ocp.args.StandardSave(leaves),
        data=ocp.args.JsonSave(position),
        sums=ocp.args.JsonSave(_sums(leaves, position)),
    )
    checkpoints.save(step, args=content)


_SAID = re.compile(r"os_error_code='(\d+)'")


@contextmanager
def disk_trouble_told(folder: Path) -> Generator[None]:
    """Around all saving, which goes on in the background and fails later: a full disk raises OSError, as elsewhere.

    Orbax's writer puts the number of the system's error into the text of a ValueError. What it raises it also logs,
    four times with all its frames: that is left out.
    """
    said_before = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        yield
    except ValueError as error:
        said = _SAID.search(str(error))
        if said is None:
            raise
        number = int(said[1])
        raise OSError(number, os.strerror(number), str(folder)) from error
    finally:
        logging.set_verbosity(said_before)


def restore(checkpoints: ocp.CheckpointManager, state: Tree, data: Resumable, *, like: Any = None) -> Tree:
    """The state of the latest checkpoint, in the structure of `state`; `data` is moved to its position.

    One that cannot be read, or whose sums are not those that were saved (a failing disk), is told of and put aside as
    `STEP.broken`; then the one before counts. With several processes, or where none is older, that is an error.

    Args:
        checkpoints: where it lies.
        state: any state of the same structure.
        data: the data of the run.
        like: shapes in the same structure, with the places (`sharding`) where arrays go; by default one device.

    Raises:
        InputError: the checkpoint holds other arrays than `state` (another preset, or another optimizer), the
            position is one in other data, or no checkpoint can be read.
    """
    steps = sorted(checkpoints.all_steps(), reverse=True)
    if not steps:
        raise InputError(f"{checkpoints.directory}: no checkpoint there")
    leaves, structure = jax.tree.flatten(state)
    wanted = leaves if like is None else jax.tree.leaves(like)
    template = {
        str(i): jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=None if like is None else leaf.sharding)
        for i, leaf in enumerate(wanted)
    }
    restored = _latest(checkpoints, steps, template)
    data.set_state(restored.data)
    return jax.tree.unflatten(structure, [restored.state[str(i)] for i in range(len(leaves))])


class _Restored(NamedTuple):
    state: dict[str, Any]
    data: Any


def _latest(checkpoints: ocp.CheckpointManager, steps: list[int], template: dict[str, Any]) -> _Restored:
    """The first of these checkpoints that can be read."""
    step, *older = steps
    try:
        return _read(checkpoints, step, template)
    except InputError:
        raise
    except Exception as error:  # Orbax and TensorStore say what they read of a broken file in many ways
        folder = Path(checkpoints.directory)
        trouble = f"{folder}: checkpoint {step} is broken"
        if not older or jax.process_count() > 1:  # processes may not see the same
            raise InputError(f"{trouble}; put the folder {step} aside to go on without it") from error
        print(f"{trouble}; going on from the one before", file=sys.stderr)
        (folder / str(step)).rename(_free(folder / f"{step}.broken"))
        checkpoints.reload()
    return _latest(checkpoints, older, template)


def _free(path: Path) -> Path:
    """This path, or with the first number after it, that nothing has: a failing disk may break a step again."""
    number = 1
    while (free := path if number == 1 else path.with_name(f"{path.name}{number}")).exists():
        number += 1
    return free


def _read(checkpoints: ocp.CheckpointManager, step: int, template: dict[str, Any]) -> _Restored:
    sums = checkpoints.restore(step, args=ocp.args.Composite(sums=ocp.args.JsonRestore()))["sums"]
    # Compared before: a restore that Orbax refuses half-way leaves threads behind.
    if (stored := _stored(checkpoints.directory / str(step) / "state")) != _arrays(template):
        if _described(stored) != sums["arrays"]:
            raise ValueError("its shapes are not those that were saved")
        raise InputError(f"{checkpoints.directory}: checkpoint {step} was made with another preset or optimizer")
    content = ocp.args.Composite(state=ocp.args.StandardRestore(template), data=ocp.args.JsonRestore())
    restored = checkpoints.restore(step, args=content)
    read = _Restored(restored["state"], restored["data"])
    if sums["values"] != _sums(*read)["values"]:
        raise ValueError("the sums are not those that were saved")
    return read


def _sums(leaves: dict[str, Any], data: Any) -> dict[str, Any]:
    """CRC-32 of every array and of the position: TensorStore does not see a wrong byte in the values of an array."""
    sums = {name: zlib.crc32(_bytes(leaf)) for name, leaf in leaves.items()}
    position = zlib.crc32(json.dumps(data, sort_keys=True).encode())
    return {"arrays": _described(_arrays(leaves)), "values": sums | {"data": position}}


def _described(arrays: "Arrays") -> int:
    return zlib.crc32(json.dumps(arrays, sort_keys=True).encode())


def _bytes(leaf: Any) -> bytes:
    # Every device has the whole of it; other processes' copies cannot be read here.
    here = leaf if getattr(leaf, "is_fully_addressable", True) else leaf.addressable_data(0)
    return np.asarray(here).tobytes()


Arrays = dict[str, tuple[tuple[int, ...], str]]


def _stored(folder: Any) -> Arrays:
    """Shape and type of every array of a checkpoint, without reading it; `folder` is one of Orbax's own paths."""
    return _arrays(ocp.StandardCheckpointHandler().metadata(folder).tree)


def _arrays(tree: dict[str, Any]) -> Arrays:
    return {name: (tuple(leaf.shape), str(leaf.dtype)) for name, leaf in tree.items()}
