"""MATLAB files of version 5 to 7.2: arrays of numbers are read, and one is exchanged; all other bytes stay as they are.

After a header of 128 bytes come elements, each a tag with type and length, and data. A variable is an element whose
data are elements again: flags, dimensions, name, numbers. It may be compressed. Every length is checked.
"""

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 2 * 2**30
"""Largest file, and largest variable."""

HEADER = 128
_NAME_WITHIN = 4096
"""Bytes of a variable that hold its flags, dimensions and name."""
_MATRIX, _COMPRESSED, _INT8, _INT32, _UINT32, _UTF8 = 14, 15, 1, 5, 6, 16
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX, _OPAQUE = 0x800, 17


class Variable(NamedTuple):
    """Where a variable lies in a file.

    Attributes:
        start: of its element, in bytes.
        end: of its element.
        compressed: whether it is.
        name: of the variable.
        kind: its class of MATLAB, with flags.
        shape: its dimensions.
    """

    start: int
    end: int
    compressed: bool
    name: str
    kind: int
    shape: tuple[int, ...]


class MatFile(NamedTuple):
    """A file, unchanged, and the variables in it.

    Attributes:
        content: its bytes.
        order: "<" for little-endian numbers, ">" for the others.
        variables: by name; those without a name, such as the data of objects, are not among them.
    """

    content: bytes
    order: str
    variables: dict[str, Variable]


def read(path: Path) -> MatFile:
    """Read a file and list its variables.

    Raises:
        InputError: it cannot be read, is too large, no MATLAB file of version 5, or cut off.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES} bytes")
    order = {b"\0\1IM": "<", b"\1\0MI": ">"}.get(content[124:128])
    if order is None:
        raise InputError(f"{path}: not a MATLAB file of version 5 or later, or cut off")
    variables: dict[str, Variable] = {}
    start = HEADER
    while start < len(content):
        try:
            found = _variable(content, order, start)
        except (ValueError, zlib.error) as error:
            raise InputError(f"{path}: not a MATLAB file, or cut off at byte {start} ({error})") from error
        if found.name:
            variables[found.name] = found
        start = found.end
    return MatFile(content, order, variables)


def array(path: Path, file: MatFile, name: str) -> np.ndarray:
    """An array of numbers, in the type that it has in MATLAB.

    Args:
        path: of the file, for error messages.
        file: from `read`.
        name: of the variable.

    Raises:
        InputError: it holds no real numbers, or not as many as it should.
    """
    variable = file.variables[name]
    kind = _CLASSES.get(variable.kind & 0xFF)
    if kind is None or variable.kind & _COMPLEX:
        raise InputError(f"{path}: {name} is no array of real numbers")
    try:
        stored, data = _parts(_body(file.content, file.order, variable, MAX_BYTES), file.order, 4)[3]
        values = np.frombuffer(data, np.dtype(file.order + _STORED.get(stored, "V1")))
        if values.dtype.kind == "V":
            raise ValueError(f"numbers of type {stored}")
        return values.astype(kind).reshape(variable.shape, order="F")
    except (ValueError, zlib.error) as error:
        raise InputError(f"{path}: {name} is damaged ({error})") from error


def write(path: Path, file: MatFile, name: str, values: np.ndarray) -> None:
    """Write the file with another array of floating-point numbers under a name that it has, atomically.

    Args:
        path: of the new file.
        file: from `read`.
        name: of the variable.
        values: the array.
    """
    old = file.variables[name]
    kind, stored = (7, 7) if values.dtype == np.float32 else (6, 9)
    flags = struct.pack(f"{file.order}II", (old.kind & ~0x2FF) | kind, 0)
    shape = struct.pack(f"{file.order}{values.ndim}i", *values.shape)
    data = values.astype(np.dtype(file.order + _STORED[stored])).tobytes(order="F")
    parts = ((_UINT32, flags), (_INT32, shape), (_INT8, name.encode()), (stored, data))
    new = _element(file.order, _MATRIX, b"".join(_element(file.order, *part) for part in parts))
    if old.compressed:
        packed = zlib.compress(new)
        new = struct.pack(f"{file.order}II", _COMPRESSED, len(packed)) + packed
    header = file.content[:HEADER]
    offset = int.from_bytes(header[116:124], "little" if file.order == "<" else "big")
    if old.end <= offset < len(file.content):  # where the data of objects begin
        moved = struct.pack(f"{file.order}Q", offset + len(new) - (old.end - old.start))
        header = header[:116] + moved + header[124:]
    with atomic_file(path) as temporary:
        temporary.write_bytes(b"".join((header, file.content[HEADER : old.start], new, file.content[old.end :])))


def _element(order: str, kind: int, data: bytes) -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def _tag(content: bytes, order: str, start: int) -> tuple[int, int, int]:
    """Type, first byte and length of the data of an element."""
    if start + 8 > len(content):
        raise ValueError("no whole tag")
    kind, length = struct.unpack_from(f"{order}II", content, start)
    if kind >> 16:  # four bytes of data or fewer stand in the tag
        kind, length = kind & 0xFFFF, kind >> 16
        if length > 4:
            raise ValueError("a small element of more than 4 bytes")
        return kind, start + 4, length
    return kind, start + 8, length


def _variable(content: bytes, order: str, start: int) -> Variable:
    kind, first, length = _tag(content, order, start)
    if kind not in (_MATRIX, _COMPRESSED) or first + length > len(content):
        raise ValueError("no whole variable")
    end = first + length if kind == _COMPRESSED else first + length + -length % 8
    found = Variable(start, end, kind == _COMPRESSED, "", 0, ())
    body = _body(content, order, found, _NAME_WITHIN)
    if len(flags := _parts(body, order, 1)[0][1]) == 8 and struct.unpack_from(f"{order}I", flags)[0] & 0xFF == _OPAQUE:
        return found  # an object, such as a table or a text of MATLAB, which has no dimensions
    (_, flags), (whole, shape), (text, name) = _parts(body, order, 3)
    if whole not in (_INT32, _UINT32) or text not in (_INT8, _UTF8):
        raise ValueError("dimensions or a name of another type")
    if len(flags) != 8 or len(shape) % 4 or not shape:
        raise ValueError("no flags or dimensions")
    dimensions = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    if min(dimensions) < 0:
        raise ValueError("a negative dimension")
    return found._replace(name=name.decode("latin-1"), kind=struct.unpack_from(f"{order}I", flags)[0], shape=dimensions)


def _body(content: bytes, order: str, variable: Variable, most: int) -> bytes:
    """The data of a variable, up to `most` bytes of them."""
    _, first, length = _tag(content, order, variable.start)
    if not variable.compressed:
        return content[first : first + min(length, most)]
    opened = zlib.decompressobj()
    inner = opened.decompress(content[first : first + length], most + 8)
    kind, first, length = _tag(inner, order, 0)
    if kind != _MATRIX:
        raise ValueError("no variable in a compressed element")
    if most == MAX_BYTES and (not opened.eof or first + length > len(inner)):
        raise ValueError("too large, or cut off")
    return inner[first : first + min(length, most)]


def _parts(body: bytes, order: str, number: int) -> list[tuple[int, bytes]]:
    """Type and data of the first elements in the data of a variable."""
    found, start = [], 0
    for _ in range(number):
        kind, first, length = _tag(body, order, start)
        if first + length > len(body):
            raise ValueError("no whole part")
        found.append((kind, body[first : first + length]))
        start = first + 4 if first == start + 4 else first + length + -length % 8
    return found
