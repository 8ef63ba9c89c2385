"""Read and write .npz and .npy files safely: no unpickling, a limit on the uncompressed size, atomic writes."""

import lzma
import os
import struct
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 4 * 2**30
"""Default limit on the uncompressed size of all arrays of a file."""

_BROKEN = (
    ValueError,
    EOFError,
    LookupError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
"""What NumPy and zipfile raise for headers and contents that are damaged."""


def read(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file, by name.

    Raises:
        InputError: there is no such file, it is no .npz, is truncated, holds Python objects, or its arrays take more
            than `max_bytes`.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > max_bytes:
            raise InputError(f"{path}: its arrays take {size} bytes; at most {max_bytes} are read")
        with warnings.catch_warnings(action="ignore"), np.load(path, allow_pickle=False) as arrays:
            result = {name: _member(path, arrays, name) for name in arrays.files}
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: not an .npz file, or cut off") from error
    except _BROKEN as error:
        raise InputError(f"{path}: not an .npz file of plain arrays ({_line(error)})") from error
    # NumPy returns a member that is no .npy as raw bytes.
    for name, array in result.items():
        if not isinstance(array, np.ndarray):
            raise InputError(f"{path}: {name} is not an array")
    return result


def _member(path: Path, arrays: Any, name: str) -> Any:
    try:
        array = arrays[name]
    except ValueError as error:
        if "pickle" not in str(error):
            raise
        raise InputError(
            f"{path}: {name} holds Python objects, which are never read, because they may run programs; "
            "save the file without it"
        ) from error
    if isinstance(array, np.ndarray) and array.dtype.kind == "U" and array.size:
        codes = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if codes.max(initial=0) > sys.maxunicode:  # Python cannot even raise an orderly error for it
            raise InputError(f"{path}: {name} holds text that is not Unicode")
    return array


def read_array(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read the array of an .npy file.

    Raises:
        InputError: there is no such file, it is no .npy, is truncated, holds Python objects, or takes more than
            `max_bytes`.
    """
    path = Path(path)
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(f"{path}: its array takes {path.stat().st_size} bytes; at most {max_bytes} are read")
        with (
            warnings.catch_warnings(action="ignore"),
            path.open("rb") as stream,
        ):  # np.load would also open an .npz, or unpickle
            return np.lib.format.read_array(stream, allow_pickle=False)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise InputError(f"{path}: not an .npy file of numbers, or cut off ({_line(error)})") from error


def write_array(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write an array to an .npy file, atomically.

    Raises:
        InputError: the folder cannot be written to.
    """
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        np.lib.format.write_array(stream, array, allow_pickle=False)


def check_parameters(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    name: str,
) -> None:
    """Check that the arrays of a file are those of a network.

    Args:
        path: of the file, for error messages.
        arrays: by name.
        shapes: what they have to be, by name.
        name: of the network's shape, for error messages.

    Raises:
        InputError: an array is missing, superfluous or of another shape, or holds something else than finite
            floating-point numbers.
    """
    if missing := sorted(set(shapes) - set(arrays)):
        raise InputError(f"{path}: {_first(missing)} of {name} is missing")
    if extra := sorted(set(arrays) - set(shapes)):
        raise InputError(f"{path}: {_first(extra)} is not part of {name}")
    for key, array in arrays.items():
        if array.shape != shapes[key]:
            raise InputError(f"{path}: {key} is {array.shape}, expected {shapes[key]} for {name}")
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise InputError(f"{path}: {key}: expected finite floating-point numbers")


class ArrayStream(NamedTuple):
    """An array that is too large for memory.

    Attributes:
        shape: of the array.
        dtype: of the array.
        chunks: its entries in C order, in arrays of any shape.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: Iterable[np.ndarray]


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray | ArrayStream]) -> None:
    """Write arrays to a compressed .npz file, atomically.

    Raises:
        InputError: the folder cannot be written to.
    """
    # With zipfile, because np.savez cannot take an array named "file".
    with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if isinstance(array, ArrayStream):
                    _write_stream(member, array)
                else:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _write_stream(member: Any, array: ArrayStream) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_2_0(member, header)
    for chunk in array.chunks:
        member.write(np.ascontiguousarray(chunk, array.dtype).tobytes())


def _line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def _first(names: list[str]) -> str:
    return names[0] + (f" (and {len(names) - 1} more)" if len(names) > 1 else "")
