"""Checkpoints of a run, through Orbax: training state and position in the data are saved and restored together.

Corrupt checkpoints are renamed and the previous one is used.
"""

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
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from jax.sharding import Sharding

from fhr_jax.errors import InputError

Tree = TypeVar("Tree")


@runtime_checkable
class Resumable(Protocol):
    """An iterator over data that can save its position and return to it."""

    def get_state(self) -> Any:
        """The position, in values that JSON can hold."""
        ...

    def set_state(self, state: Any) -> None:
        """Continue from a position."""
        ...


def manager(folder: Path, *, keep: int = 2) -> ocp.CheckpointManager:
    """Open the checkpoints in `folder`, of which the latest `keep` stay; half-written ones are removed."""
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    return ocp.CheckpointManager(folder.resolve(), options=options)


def save(checkpoints: ocp.CheckpointManager, step: int, state: Any, data: Resumable) -> None:
    """Save a training state and the position in the data; they are written in the background.

    The state is stored as the bytes of all its arrays, one array after the other, because Orbax takes about a
    millisecond for each array, and a state has hundreds.

    Args:
        checkpoints: from `manager`.
        step: number of the checkpoint.
        state: any pytree of arrays.
        data: its position is saved.
    """
    # Leaves are named by position, since Orbax would restore tuples inside optimizer states as lists.
    leaves = {str(i): _on_host(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    position = data.get_state()
    joined = np.concatenate([leaf.ravel().view(np.uint8) for leaf in leaves.values()])
    content = ocp.args.Composite(
        state=ocp.args.StandardSave({"bytes": joined}),
        data=ocp.args.JsonSave(position),
        sums=ocp.args.JsonSave(_checksums(leaves, position) | {"leaves": _descriptions(leaves)}),
    )
    checkpoints.save(step, args=content)


_ERROR_CODE = re.compile(r"os_error_code='(\d+)'")


@contextmanager
def disk_errors(folder: Path) -> Generator[None]:
    """Turn disk errors of Orbax into OSError; put all saving inside, since writing in the background fails later.

    Orbax hides the system's error number in the text of a ValueError, and logs the same traceback four times. This
    log is silenced.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        yield
    except ValueError as error:
        code = _ERROR_CODE.search(str(error))
        if code is None:
            raise
        number = int(code[1])
        raise OSError(number, os.strerror(number), str(folder)) from error
    finally:
        logging.set_verbosity(verbosity)


def restore(checkpoints: ocp.CheckpointManager, state: Tree, data: Resumable, *, like: Any = None) -> Tree:
    """Restore the latest checkpoint in the structure of `state`, and move `data` to its position.

    A checkpoint that cannot be read, or whose checksums differ (a failing disk), is renamed to `STEP.broken` with a
    message on stderr, and the previous one is used. With several processes, or without an older checkpoint, that is
    an error.

    Args:
        checkpoints: from `manager`.
        state: any state of the same structure.
        data: the data of the run.
        like: shapes with shardings in the same structure (`sharding.everywhere_shapes`); default: one device.

    Raises:
        InputError: the checkpoint holds other arrays than `state` (another preset or optimizer), its position
            belongs to other data, or no checkpoint can be read.
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
    """The first of these checkpoints that can be read, the latest first."""
    step, *older = steps
    try:
        return _read(checkpoints, step, template)
    except InputError:
        raise
    except Exception as error:  # Orbax and TensorStore raise many kinds of errors for a broken file
        folder = Path(checkpoints.directory)
        message = f"{folder}: checkpoint {step} is broken"
        if not older or jax.process_count() > 1:  # the processes may not see the same files
            raise InputError(f"{message}; move the folder {step} away to resume without it") from error
        print(f"{message}; resuming from the previous one", file=sys.stderr)
        (folder / str(step)).rename(_unused(folder / f"{step}.broken"))
        checkpoints.reload()
    return _latest(checkpoints, older, template)


def _unused(path: Path) -> Path:
    """This path, or the first of path2, path3, ... that does not exist: a failing disk may break a step again."""
    number = 1
    while (unused := path if number == 1 else path.with_name(f"{path.name}{number}")).exists():
        number += 1
    return unused


def _read(checkpoints: ocp.CheckpointManager, step: int, template: dict[str, Any]) -> _Restored:
    sums = checkpoints.restore(step, args=ocp.args.Composite(sums=ocp.args.JsonRestore()))["sums"]
    joined = "leaves" in sums  # earlier, every array was stored by itself
    stored = _from_json(sums["leaves"]) if joined else _stored(checkpoints.directory / str(step) / "state")
    # Compared first, because a restore that Orbax refuses half-way leaves threads behind.
    if stored != _descriptions(template):
        if _description_sum(stored) != sums["arrays"]:
            raise ValueError("the shapes differ from those saved")
        raise InputError(f"{checkpoints.directory}: checkpoint {step} was made with another preset or optimizer")
    wanted = {"bytes": np.empty(sum(map(_size, template.values())), np.uint8)} if joined else template
    content = ocp.args.Composite(state=ocp.args.StandardRestore(wanted), data=ocp.args.JsonRestore())
    restored = checkpoints.restore(step, args=content)
    leaves = _split(restored["state"]["bytes"], template) if joined else restored["state"]
    read = _Restored(leaves, restored["data"])
    if sums["values"] != _checksums(*read)["values"]:
        raise ValueError("the checksums differ from those saved")
    return read._replace(state=_placed(leaves, template)) if joined else read


def _size(leaf: jax.ShapeDtypeStruct) -> int:
    """Number of bytes of an array."""
    return leaf.size * leaf.dtype.itemsize


def _split(joined: np.ndarray, template: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays whose bytes `joined` holds, one after the other."""
    ends = np.cumsum([_size(leaf) for leaf in template.values()])
    parts = np.split(joined, ends[:-1])
    return {
        name: part.view(leaf.dtype).reshape(leaf.shape)
        for (name, leaf), part in zip(template.items(), parts, strict=True)
    }


def _placed(leaves: dict[str, np.ndarray], template: dict[str, Any]) -> dict[str, jax.Array]:
    """The arrays with the shardings of `template`, or on the default device."""

    def place(leaf: np.ndarray, sharding: Sharding | None) -> jax.Array:
        if sharding is None:
            return jnp.asarray(leaf)
        # Several processes each place their own copy. `jax.device_put` would compare the copies.
        return jax.make_array_from_callback(leaf.shape, sharding, leaf.__getitem__)

    return {name: place(leaf, template[name].sharding) for name, leaf in leaves.items()}


def _checksums(leaves: dict[str, Any], data: Any) -> dict[str, Any]:
    """CRC-32 of every array and of the position: TensorStore does not notice a wrong byte in an array."""
    sums = {name: zlib.crc32(_on_host(leaf).tobytes()) for name, leaf in leaves.items()}
    position = zlib.crc32(json.dumps(data, sort_keys=True).encode())
    return {"arrays": _description_sum(_descriptions(leaves)), "values": sums | {"data": position}}


def _description_sum(arrays: "_Descriptions") -> int:
    return zlib.crc32(json.dumps(arrays, sort_keys=True).encode())


def _on_host(leaf: Any) -> np.ndarray:
    # Every device holds the whole array; copies of other processes cannot be read here.
    here = leaf if getattr(leaf, "is_fully_addressable", True) else leaf.addressable_data(0)
    return np.asarray(here)


_Descriptions = dict[str, tuple[tuple[int, ...], str]]
"""Shape and dtype of every array, by name."""


def _stored(folder: Any) -> _Descriptions:
    """Shapes and dtypes of arrays that are stored one by one, without reading these; `folder` is a path of Orbax."""
    return _descriptions(ocp.StandardCheckpointHandler().metadata(folder).tree)


def _descriptions(tree: dict[str, Any]) -> _Descriptions:
    return {name: (tuple(leaf.shape), str(leaf.dtype)) for name, leaf in tree.items()}


def _from_json(described: dict[str, Any]) -> _Descriptions:
    return {name: (tuple(shape), dtype) for name, (shape, dtype) in described.items()}
