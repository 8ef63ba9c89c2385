"""HDF5 files, read with h5py; a file is written by changing a copy of it in place, so that everything else stays."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fhr_jax.data.io.formats.base import OpenedFile
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_BYTES = 4 * 2**30
"""Largest array that is read."""


def is_hdf5(source: OpenedFile) -> bool:
    """Whether it is HDF5, perhaps behind a block of another program, as MATLAB writes it."""
    return any(source.start[offset:].startswith(SIGNATURE) for offset in (0, 512, 1024, 2048))


@contextmanager
def opened(path: Path) -> Generator[Any]:
    """The open file, of h5py.

    Raises:
        InputError: it cannot be read, or is cut off.
        ModuleNotFoundError: h5py is not installed.
    """
    import h5py

    with _errors(path), h5py.File(path, "r") as file:
        yield file


@contextmanager
def changed_copy(path: Path, *, source: Path) -> Generator[Any]:
    """A copy of a file, open for changes; it gets its name at the end, and everything that is not changed stays.

    Args:
        path: of the copy.
        source: the file.

    Raises:
        InputError: the source cannot be read, or the copy not be written.
    """
    import h5py

    with atomic_file(path) as temporary, _errors(source):
        shutil.copyfile(source, temporary)
        with h5py.File(temporary, "r+") as file:
            yield file


@contextmanager
def _errors(path: Path) -> Generator[None]:
    try:
        yield
    except InputError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path}: this HDF5 file cannot be read, or is cut off ({reason[:120]})") from error


def top_names(source: OpenedFile) -> tuple[str, ...]:
    """The names at the top of a file; empty if it is no HDF5."""
    if not is_hdf5(source):
        return ()
    with opened(source.path) as file:
        return tuple(file)


def dataset(path: Path, file: Any, name: str) -> Any:
    """A dataset of an open file; its values are in the file itself.

    Args:
        path: of the file, for error messages.
        file: from `opened`.
        name: of the dataset.

    Raises:
        InputError: there is none, its values lie in other files, or it is too large.
    """
    import h5py

    link = file.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise InputError(f"{path}: {name} is a link into another file, which is not followed")
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"{path}: no array {name} in it, only {', '.join(file) or 'nothing'}")
    if found.is_virtual or found.external:
        raise InputError(f"{path}: {name} lies in other files, which are not read")
    size = int(np.prod(found.shape, dtype=np.float64)) * found.dtype.itemsize
    if size > MAX_BYTES:
        raise InputError(f"{path}: {name} takes {size} bytes; at most {MAX_BYTES} are read")
    return found


def text(value: Any) -> str:
    """A string of an attribute or a dataset."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
