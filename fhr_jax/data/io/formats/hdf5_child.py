"""Run as a program: reads or changes one HDF5 file with h5py, for `hdf5.py`, which starts it.

The HDF5 library may crash on a damaged file, and a crash ends the whole process. So this is a process of its own, which
imports nothing of the package. Standard error gets one line about what is wrong, and the exit status is then 1.
"""

import contextlib
import json
import sys
from typing import Any

MEMORY = 16 * 2**30
"""Bytes of address space at most, where the system can limit it."""

TABLES = ("frame", "frame_table")
"""Kinds of tables of pandas, whose arrays are all read."""


def read(path: str, output: str, *, names: list[str], most: int) -> None:
    """Write what is needed of a file to an .npz: `index`, JSON in bytes, and the arrays by their numbers.

    Args:
        path: of the file.
        output: the .npz.
        names: of arrays at the top that are read; of others only the name.
        most: bytes of an array at most.
    """
    import h5py
    import numpy as np

    arrays: dict[str, Any] = {}

    def array(found: Any) -> dict[str, Any]:
        entry = {"attrs": _attributes(found), "shape": found.shape or (), "dtype": found.dtype.str}
        size = int(np.prod(found.shape or (), dtype=np.float64)) * found.dtype.itemsize
        if found.is_virtual or found.external:
            return entry | {"problem": "lies in other files, which are not read"}
        if size > most:
            return entry | {"problem": f"takes {size} bytes; at most {most} are read"}
        values = found[()]
        if h5py.check_string_dtype(found.dtype) is not None:
            texts = [text if isinstance(text, bytes) else str(text).encode() for text in np.ravel(values)]
            values = np.array(texts, "S").reshape(np.shape(values))
        elif getattr(values, "dtype", np.dtype(object)).hasobject:
            return entry | {"dtype": "object"}
        arrays[str(len(arrays))] = np.asarray(values)
        return entry | {"array": str(len(arrays) - 1)}

    def item(group: Any, name: str, *, wanted: bool) -> dict[str, Any]:
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            return {"problem": "is a link into another file, which is not followed"}
        found = group.get(name)
        if isinstance(found, h5py.Dataset):
            return array(found) if wanted else {"shape": (), "dtype": "object"}
        if not isinstance(found, h5py.Group):
            return {"problem": "is no array"}
        attrs = _attributes(found)
        inside = found if attrs.get("pandas_type") in TABLES else ()
        return {"attrs": attrs, "items": {inner: item(found, inner, wanted=True) for inner in inside}}

    with h5py.File(path, "r") as file:
        index = {"attrs": {}, "items": {name: item(file, name, wanted=name in names) for name in file}}
    text = json.dumps(index).encode()
    np.savez(output, index=np.frombuffer(text, np.uint8), **arrays)


def change(path: str, changes: str) -> None:
    """Write other values into a file, in place.

    Args:
        path: of the file.
        changes: an .npz with `index`, JSON in bytes: name of the array in the file, of the array in the .npz, and the
            attributes that a new array gets which takes its place; None where only the values change.
    """
    import h5py
    import numpy as np

    with np.load(changes) as stored, h5py.File(path, "r+") as file:
        for name, number, attributes in json.loads(bytes(stored["index"])):
            if attributes is None:
                file[name][...] = stored[number]
                continue
            kept = dict(file[name].attrs)
            del file[name]
            file[name] = stored[number]
            file[name].attrs.update(kept | {key: np.bytes_(value.encode()) for key, value in attributes.items()})


def _attributes(found: Any) -> dict[str, Any]:
    """Texts, bytes (as texts of Latin-1) and whole numbers among the attributes; of other types only `dims` is kept."""
    import numpy as np

    result: dict[str, Any] = {}
    for name in found.attrs:
        value = found.attrs[name]
        if isinstance(value, bytes):
            result[name] = value.decode("latin-1")
        elif isinstance(value, str):
            result[name] = value.encode("utf-8", "replace").decode("latin-1")
        elif isinstance(value, int | np.integer):
            result[name] = int(value)
        elif name == "dims":  # without it the axes would be taken for the usual ones
            result[name] = str(value)[:100]
    return result


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY if most < 0 else min(MEMORY, most), most))


def main(arguments: list[str]) -> int:
    """Do what the parent asks for: one JSON text with the name of the function and its arguments."""
    order = json.loads(arguments[0])
    _limit()
    try:
        {"read": read, "change": change}[order["do"]](*order["paths"], **order["options"])
    except Exception as error:
        lines = str(error).strip().splitlines()
        print((lines[0] if lines else type(error).__name__)[:200], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
