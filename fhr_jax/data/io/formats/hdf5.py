"""HDF5 files, read and changed by a short process of its own: the HDF5 library crashes on some damaged files.

A file is written by changing a copy of it in place, so that everything else stays. What is read comes back as plain
arrays; nothing of it is an object of h5py.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import hdf5_child
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_BYTES = 4 * 2**30
"""Largest array that is read."""

SECONDS, BYTES_A_SECOND = 60.0, 10e6
"""Time that a file may take: so long, and longer for a large one."""

WANTED = (
    *landmark_arrays.OBSERVED,
    *landmark_arrays.CONFIDENCE,
    *landmark_arrays.TIME,
    *landmark_arrays.TRUTH,
    *("fps", "face_id", "tracks", "point_scores", "track_names"),
)
"""Arrays at the top of a file that are read; others are only named."""


class Array(NamedTuple):
    """An array of a file.

    Attributes:
        attrs: its texts, as texts of Latin-1, and whole numbers.
        shape: of it.
        dtype: of it.
        values: None where they are not read.
        problem: why they are not, or "".
    """

    attrs: dict[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype
    values: np.ndarray | None = None
    problem: str = ""


class Group(NamedTuple):
    """A group of a file, or the whole file.

    Attributes:
        attrs: as for `Array`.
        items: groups and arrays by name; those of tables of pandas, of other groups none.
    """

    attrs: dict[str, Any]
    items: "dict[str, Array | Group]"


class Change(NamedTuple):
    """Other values for an array.

    Attributes:
        values: of the same shape.
        attrs: None keeps type and storage of the array; else it is exchanged for a new one, with these attributes
            beside the old ones.
    """

    values: np.ndarray
    attrs: dict[str, str] | None = None


def change(stored: np.dtype, values: np.ndarray) -> Change:
    """Other values for an array that has a type; one that does not hold them is exchanged for float64.

    Args:
        stored: type of the array: whole numbers, and float16, do not hold landmarks.
        values: of any type.
    """
    return Change(values, None if _holds(stored) else {})


def _holds(stored: np.dtype) -> bool:
    return stored.kind == "f" and stored.itemsize >= 4


def check_holds(path: Path, name: str, stored: np.dtype) -> None:
    """Refuse an array in a table that cannot hold other landmarks, because a column keeps its type.

    Raises:
        InputError: its type is whole numbers, or float16.
    """
    if not _holds(stored):
        raise InputError(f"{path}: {name} is {stored}, expected float32 or float64, which hold landmarks")


def begins_like_one(start: bytes) -> bool:
    """Whether a file with these first bytes is HDF5, perhaps behind a block of another program, as MATLAB writes it."""
    return any(start[offset:].startswith(SIGNATURE) for offset in (0, 512, 1024, 2048))


def read(path: Path) -> Group:
    """Read the names at the top of a file, and what a file of landmarks needs.

    Raises:
        InputError: it cannot be read, or is damaged.
        ModuleNotFoundError: h5py is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "read.npz"
        _run(path, "read", [path, output], {"names": WANTED, "most": MAX_BYTES})
        try:
            with np.load(output, allow_pickle=False) as stored:
                return _group(json.loads(bytes(stored["index"])), stored)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: this HDF5 file is damaged: its content is not whole") from error


def write_copy(path: Path, *, source: Path, changes: Mapping[str, Change]) -> None:
    """Write a copy of a file with other values in some arrays, atomically.

    Args:
        path: of the copy.
        source: the file.
        changes: by the name of the array, such as "group/table".

    Raises:
        InputError: the source is damaged, or the copy cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder, atomic_file(path) as temporary:
        stored = Path(folder) / "changes.npz"
        index = [(name, str(number), change.attrs) for number, (name, change) in enumerate(changes.items())]
        arrays = {str(number): change.values for number, change in enumerate(changes.values())}
        text = np.frombuffer(json.dumps(index).encode(), np.uint8)
        np.savez(stored, allow_pickle=False, **{"index": text, **arrays})
        shutil.copyfile(source, temporary)
        _run(source, "change", [temporary, stored], {})


def dataset(path: Path, group: Group, name: str) -> Array:
    """An array of a group, with its values.

    Args:
        path: of the file, for error messages.
        group: from `read`.
        name: of the array.

    Raises:
        InputError: there is none, its values lie in other files, or it is too large.
    """
    found = group.items.get(name)
    if not isinstance(found, Array):
        raise InputError(f"{path}: no array {name} in it, only {', '.join(group.items) or 'nothing'}")
    if found.problem:
        raise InputError(f"{path}: {name} {found.problem}")
    return found


def values(path: Path, group: Group, name: str) -> np.ndarray:
    """The values of an array of a group; see `dataset`.

    Raises:
        InputError: as `dataset` does, or the values are neither numbers nor texts.
    """
    found = dataset(path, group, name)
    if found.values is None:
        raise InputError(f"{path}: {name} holds neither numbers nor texts")
    return found.values


def text(value: Any) -> str:
    """A string of an attribute or an array."""
    if isinstance(value, str):
        return value.encode("latin-1", "replace").decode("utf-8", "replace")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _group(entry: dict[str, Any], stored: Any) -> Group:
    items: dict[str, Array | Group] = {}
    for name, one in entry["items"].items():
        if "items" in one:
            items[name] = _group(one, stored)
            continue
        found = None if "array" not in one else stored[one["array"]]
        dtype = np.dtype(object) if found is None else found.dtype
        items[name] = Array(one.get("attrs", {}), tuple(one.get("shape", ())), dtype, found, one.get("problem", ""))
    return Group(entry["attrs"], items)


def _run(path: Path, do: str, paths: list[Path], options: dict[str, Any]) -> None:
    """Let a process do the work."""
    if importlib.util.find_spec("h5py") is None:
        raise ModuleNotFoundError("No module named 'h5py'", name="h5py")
    order = json.dumps({"do": do, "paths": [str(one.absolute()) for one in paths], "options": options})
    seconds = SECONDS + path.stat().st_size / BYTES_A_SECOND
    # -P: the folder of the program is not where modules are looked for.
    command = [sys.executable, "-P", hdf5_child.__file__, order]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"{path}: this HDF5 file is damaged: reading it does not end") from None
    except OSError as error:
        raise InputError(f"{path}: no process can be started to read it: {error.strerror or error}") from error
    if done.returncode == 1:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise InputError(f"{path}: this HDF5 file cannot be read, or is cut off ({lines[-1][:120]})")
    if done.returncode:
        raise InputError(f"{path}: this HDF5 file is damaged: the HDF5 library crashes on it")
