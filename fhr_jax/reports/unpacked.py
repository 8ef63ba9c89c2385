"""Arrays of an .npz of any length, read in parts: small ones in memory, others in files that nobody sees.

A compressed array cannot be mapped to memory, so a long one is unpacked first, into a temporary file without a name: it
is gone when the process ends, however it does.
"""

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fhr_jax import npz
from fhr_jax.errors import InputError

IN_MEMORY = 64 * 2**20
"""Bytes of all arrays together up to which they are read into memory."""


def arrays(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Those of the named arrays that an .npz has, read-only.

    Raises:
        InputError: the file cannot be read, is no .npz, its arrays take more than `npz.MAX_BYTES`, or more than there
            is room for in the folder of temporary files.
    """
    path, found = Path(path), {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            wanted = {name: members[name] for name in names if name in members}
            size = sum(member.file_size for member in wanted.values())
            if size > npz.MAX_BYTES:
                raise InputError(f"{path}: its arrays take {size} bytes; at most {npz.MAX_BYTES} are read")
            if size > IN_MEMORY:
                _check_room(path, size)
            for name, member in wanted.items():
                with archive.open(member) as source:
                    found[name] = _in_memory(source.read()) if size <= IN_MEMORY else _in_a_file(source)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:
        raise InputError(f"{path}: not an .npz file of plain arrays") from error
    return found


def _check_room(path: Path, size: int) -> None:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"{path}: {size >> 20} MiB have to be unpacked into {folder}, where {free >> 20} MiB are free; "
            "the variable TMPDIR names another folder"
        )


def _in_memory(content: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def _in_a_file(source: Any) -> np.ndarray:
    with tempfile.TemporaryFile(prefix="fhr-jax-") as stream:
        shutil.copyfileobj(source, stream, 2**20)
        stream.seek(0)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[np.lib.format.read_magic(stream)]
        shape, fortran, dtype = read_header(stream)
        if dtype.hasobject or 0 in shape:
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)  # empty, or refused
        return np.memmap(stream, dtype, mode="r", offset=stream.tell(), shape=shape, order="F" if fortran else "C")
