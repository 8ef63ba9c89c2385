"""Damage files: any bytes, and where their kind is known also numbers, cells, JSON values, zip and .npy headers.

A mutator is a function of a random generator and the content of a file, and of another file of its kind. It returns
the new content, or None where it has nothing to change.
"""

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Rng = np.random.Generator
Mutator = Callable[[Rng, bytes, bytes], bytes | None]

NASTY = (
    "nan", "-nan(ind)", "inf", "-Infinity", "1e400", "-1e308", "1e30", "1e-320", "", " ", "-1", "0", "-0.0", "2", "0.5",
    "99999999999999999999999", "9007199254740993", "9" * 5000, "0x10", "1_000", "١٢", "1,5", "1;2", "1.2.3", "true",
    "null", '"', "'", "\0", "ÿ", "x", "--", "1e", "#", "//", "{", "}", "[", ":", "\t", "\r", "\n",
)  # fmt: skip
"""What takes the place of a number."""


def _span(rng: Rng, length: int) -> tuple[int, int]:
    begin = int(rng.integers(0, length))
    return begin, min(length, begin + int(2 ** rng.uniform(0, 9)))


def flip_bits(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    if not content:
        return None
    array = bytearray(content)
    for place in rng.integers(0, len(array), int(rng.integers(1, 9))):
        array[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(array)


def overwrite(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    if not content:
        return None
    begin, end = _span(rng, len(content))
    value = rng.choice([b"\0", b"\xff", b""])
    filling = value * (end - begin) if value else rng.bytes(end - begin)
    return content[:begin] + filling + content[end:]


def truncate(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    return content[: int(rng.integers(0, len(content) + 1))]


def duplicate(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    if not content:
        return None
    begin, end = _span(rng, len(content))
    return content[:end] + content[begin:]


def delete(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    if not content:
        return None
    begin, end = _span(rng, len(content))
    return content[:begin] + content[end:]


def splice(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    return content[: int(rng.integers(0, len(content) + 1))] + other[int(rng.integers(0, len(other) + 1)) :]


def damage_head(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """Most headers stand in the first 200 bytes."""
    head = content[:200]
    changed = (flip_bits if rng.random() < 0.5 else overwrite)(rng, head, other)
    return None if changed is None else changed + content[200:]


BYTES: tuple[Mutator, ...] = (flip_bits, overwrite, truncate, duplicate, delete, splice, damage_head)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def replace_number(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    text = _text(content)
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    for match in sorted(
        (found[i] for i in set(rng.integers(0, len(found), int(rng.integers(1, 4))).tolist())), key=lambda m: -m.start()
    ):
        text = text[: match.start()] + NASTY[int(rng.integers(len(NASTY)))] + text[match.end() :]
    return _bytes(text)


def change_lines(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    lines = _text(content).split("\n")
    i, j = (int(k) for k in rng.integers(0, len(lines), 2))
    choice = rng.integers(0, 5)
    if choice == 0:
        del lines[i]
    elif choice == 1:
        lines.insert(i, lines[j])
    elif choice == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif choice == 3:
        lines.insert(i, NASTY[int(rng.integers(len(NASTY)))])
    else:
        lines = lines[:i] + lines[j:]
    return _bytes("\n".join(lines))


def change_text(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """The whole file in another encoding, with other line ends or marks; or one word gone."""
    text = _text(content)
    marks = [",", ";", "\t", ".", " ", "|", '"', "'", "\r\n", "\n", "\r", "\0", ":", "="]
    choice = rng.integers(0, 6)
    if choice == 0:
        a, b = (marks[int(k)] for k in rng.integers(0, len(marks), 2))
        return _bytes(text.replace(a, b))
    if choice == 1:
        return text.encode(str(rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-7"])), "replace")
    if choice == 2:
        return b"\xef\xbb\xbf\xef\xbb\xbf" + content
    if choice == 3:
        return content + str(NASTY[int(rng.integers(len(NASTY)))]).encode() * int(rng.integers(1, 2000))
    words = list(re.finditer(r"[A-Za-z_][\w.]*", text))
    if not words:
        return None
    word = words[int(rng.integers(len(words)))]
    new = ["", word[0].upper(), words[int(rng.integers(len(words)))][0], word[0] * 2][int(rng.integers(4))]
    return _bytes(text[: word.start()] + new + text[word.end() :])


def change_cells(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """Change one column of a table: its order, its numbers, or drop it."""
    rows = [line.split(",") for line in _text(content).split("\n")]
    width = len(rows[0])
    i, j = (int(k) for k in rng.integers(0, width, 2))
    choice, value = rng.integers(0, 4), NASTY[int(rng.integers(len(NASTY)))]
    for number, row in enumerate(rows):
        if len(row) != width:
            continue
        if choice == 0:
            del row[i]
        elif choice == 1:
            row[i], row[j] = row[j], row[i]
        elif choice == 2 and number:
            row[i] = value
        elif choice == 3:
            row.insert(i, row[j])
    return _bytes("\n".join(",".join(row) for row in rows))


TEXT: tuple[Mutator, ...] = (*BYTES[:6], replace_number, replace_number, change_lines, change_text)
TABLE: tuple[Mutator, ...] = (*TEXT, change_cells, change_cells)

_JSON_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 10**400, 2**63, float("nan"), float("inf"), "", "x", "\ud800", "../x", 0.5, -0.0,
    [], {}, [[]], [[[0]]], {"x": 1}, [1, 2, 3],
)  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += [(value, key), *_places(inner)]
    return found


def change_json(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    choice = rng.integers(0, 20)
    if choice == 0:
        return b"[" * 200_000
    if choice == 1:
        return b'{"a":' * 200_000
    if choice == 2:
        return json.dumps(_JSON_VALUES[int(rng.integers(len(_JSON_VALUES)))]).encode()
    if not (places := _places(value)):
        return None
    holder, key = places[int(rng.integers(len(places)))]
    if choice < 6:
        del holder[key]
    elif choice < 9 and isinstance(holder, dict):
        holder[str(rng.choice(["x", "", "points", "a b"]))] = holder.pop(key)
    elif choice < 10:
        return json.dumps(value).replace('"', "'").encode()
    elif choice < 11:
        holder[key] = [holder[key]]
    else:
        holder[key] = _JSON_VALUES[int(rng.integers(len(_JSON_VALUES)))]
    return json.dumps(value).encode()


JSON: tuple[Mutator, ...] = (*TEXT, change_json, change_json, change_json, change_json)

_DTYPES = (
    "<f2", ">f8", "<f8", "<f4", "|b1", "<i8", ">i2", "|u1", "<u8", "<c16", "<U3", "|S2", "<M8[s]", "<m8[us]", "|O",
    "|V4", "<g", "<f16", "x", "", "[('a','<f4')]", "<f4,<f4", "<i0", "<U0", "9" * 99,
)  # fmt: skip


def _choice(rng: Rng, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def change_npy_header(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """Another type, order, shape or version in the header of an .npy, or damage within it."""
    if len(content) < 12 or content[:6] != b"\x93NUMPY":
        return None
    length = struct.unpack("<H", content[8:10])[0]
    header, body = content[10 : 10 + length].decode("latin1"), content[10 + length :]
    choice, version = rng.integers(0, 9), content[6:8]
    if choice == 0:
        header = re.sub(r"'descr': '[^']*'", f"'descr': {_DTYPES[int(rng.integers(len(_DTYPES)))]!r}", header)
    elif choice == 1:
        shapes = [
            "()",
            "(0,)",
            "(-1, 2)",
            "(10**9, 68, 2)",
            "(1000000000, 68, 2)",
            "(2, 68, 1)",
            "(99999999999999999999,)",
            "(1.0, 2)",
            "(True, 5, 2)",
            "5",
            "('a',)",
            "(0, 5, 2)",
            "(1,)*40",
            "(1, 5, 2)",
        ]
        header = re.sub(r"'shape': \([^)]*\)", f"'shape': {shapes[int(rng.integers(len(shapes)))]}", header)
    elif choice == 2:
        header = header.replace("False", str(rng.choice(["True", "1", "None", "'a'"])))
    elif choice == 3:
        version = bytes(rng.integers(0, 5, 2).astype(np.uint8))
    elif choice == 4:
        header = "(" * 5000 + header
    elif choice == 5:
        header = str(rng.choice(["", "{}", "[]", "{'descr'", "__import__('os')", "\0" * 40, "{1: 2}", " " * 70000]))
    else:
        header = (flip_bits(rng, header.encode("latin1"), b"") or b"").decode("latin1")
    encoded = header.encode("latin1")
    keep = rng.random() < 0.3  # the old length, which is then wrong
    number = length if keep else min(len(encoded), 65535)
    return content[:6] + version + struct.pack("<H", number) + encoded + body


def change_npy_values(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """Other values, types and shapes in a whole .npy file."""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception:
        return None
    choice = rng.integers(0, 14)
    if array.dtype.kind == "f" and array.size and choice < 5:
        array = array.copy()
        flat = array.reshape(-1)
        places = rng.integers(0, flat.size, int(2 ** rng.uniform(0, 6)))
        values = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e300, 1e-300, 0, -1, 1e7])
        with np.errstate(all="ignore"):
            flat[places] = values[rng.integers(0, len(values), len(places))].astype(array.dtype)
    elif choice < 8:
        kinds = [
            np.float16,
            np.float32,
            np.float64,
            np.longdouble,
            np.int64,
            np.uint8,
            np.bool_,
            np.complex64,
            "U5",
            "S3",
            object,
            ">f8",
        ]
        with np.errstate(all="ignore"):
            array = array.astype(kinds[int(rng.integers(len(kinds)))])
    elif choice == 8:
        array = array.T
    elif choice == 9:
        array = array.reshape(-1)
    elif choice == 10:
        array = array[:0]
    elif choice == 11:
        array = array[..., :1] if array.ndim else array
    elif choice == 12:
        array = array[None]
    else:
        array = array[: int(rng.integers(0, len(array) + 1))] if array.ndim else array[()]
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=True)
    return stream.getvalue()


NPY: tuple[Mutator, ...] = (*BYTES, change_npy_header, change_npy_header, change_npy_values, change_npy_values)


def change_zip_member(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """Another member, name or method of compression; the checksums are right, so only the reader can notice."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:
        return None
    if not members:
        return None
    i, choice = int(rng.integers(len(members))), rng.integers(0, 12)
    name, body = members[i]
    if choice == 0:
        del members[i]
    elif choice == 1:
        members.append((name, body))
    elif choice == 2:
        names = [
            "x.npy",
            "../x.npy",
            "fps.npy",
            "confidence.npy",
            "time.npy",
            "names",
            "",
            "landmarks.npy",
            "a/b.npy",
            "ü.npy",
            "truth.npy",
        ]
        members[i] = (names[int(rng.integers(len(names)))], body)
    elif choice == 3:
        members[i] = (name, bytes(rng.integers(0, 256, 50).astype(np.uint8)))
    elif choice == 4:
        members[i] = (name, members[int(rng.integers(len(members)))][1])
    else:
        inner = [change_npy_header, change_npy_values, change_npy_values, *BYTES][int(rng.integers(3 + len(BYTES)))]
        members[i] = (name, inner(rng, body, body) or b"")
    stream = io.BytesIO()
    method = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA][int(rng.integers(4))]
    with zipfile.ZipFile(stream, "w", method) as archive:
        import warnings

        with warnings.catch_warnings(action="ignore"):
            for each, inside in members:
                archive.writestr(each, inside)
    return stream.getvalue()


def change_zip_header(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """A field of a local or central header, or of the end record, set to another number."""
    marks = {b"PK\x03\x04": 30, b"PK\x01\x02": 46, b"PK\x05\x06": 22}
    places = [(m.start(), marks[m[0]]) for m in re.finditer(rb"PK(\x03\x04|\x01\x02|\x05\x06)", content)]
    if not places:
        return None
    at, size = places[int(rng.integers(len(places)))]
    array = bytearray(content)
    width = int(rng.choice([1, 2, 4]))
    where = at + int(rng.integers(4, size))
    value = [0, 1, 8, 12, 14, 99, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF][int(rng.integers(9))] % (1 << (8 * width))
    array[where : where + width] = value.to_bytes(width, "little")
    return bytes(array)


NPZ: tuple[Mutator, ...] = (*BYTES, change_zip_header, change_zip_header, *[change_zip_member] * 6)


def change_hdf5(rng: Rng, content: bytes, other: bytes) -> bytes | None:
    """Another value, type, shape, name, attribute or link in `other`, an HDF5 file that is whole."""
    import h5py

    stream = io.BytesIO(other)
    with h5py.File(stream, "r+") as file:
        items: list[Any] = []
        file.visititems(lambda name, item: items.append(item))
        arrays = [item for item in items if isinstance(item, h5py.Dataset)]
        item = _choice(rng, arrays)
        name, value, attrs = item.name, item[()], dict(item.attrs)
        choice = int(rng.integers(0, 12))
        if choice < 3 and np.size(value) and value.dtype.kind in "fiu":
            numbers = [np.nan, np.inf, -np.inf, 1e30, -1e300, 0, -1, 1e7, 255, 2**40, -(2**63)]
            flat = np.array(value).reshape(-1)
            places = rng.integers(0, flat.size, int(2 ** rng.uniform(0, 6)))
            with np.errstate(all="ignore"):
                flat[places] = np.array(numbers)[rng.integers(0, len(numbers), len(places))].astype(flat.dtype)
            item[...] = flat.reshape(value.shape)
        elif choice < 4:
            del file[name]
        elif choice < 5:
            file.move(name, name + str(_choice(rng, ["2", "ü", " ", "/x"])))
        elif choice < 6:
            two = _choice(rng, arrays)
            del file[name]
            file[name] = file[two.name] if two.name != name else h5py.SoftLink(name)
        elif choice < 7:
            del file[name]
            links = [h5py.ExternalLink("/etc/hostname", "/"), h5py.SoftLink("/"), h5py.SoftLink("/nothing")]
            file[name] = _choice(rng, links)
        elif choice < 9:
            owner = _choice(rng, [one for one in items if len(one.attrs)] or items)
            key = _choice(rng, [*owner.attrs, "dims"])
            old = owner.attrs.get(key)
            values = [0, -1, 2**62, 1.5, "", "[]", '["frame"]', np.bytes_(b"\xff\x80."), "x" * 3000, [1, 2]]
            if isinstance(old, bytes) and len(old):
                values += [np.bytes_((flip_bits(rng, old, b"") or b"x").rstrip(b"\0") or b"x")] * 6
            owner.attrs[key] = _choice(rng, values)
        elif value.dtype.names is None:
            kinds = ["f2", "f4", ">f8", "i1", "u8", "?", "c8", "S3", "f8", "g"]
            changed = [
                lambda: value.astype(_choice(rng, kinds)),
                lambda: value.T,
                lambda: value.reshape(-1),
                lambda: value[:0],
                lambda: value[None],
                lambda: value[..., :1],
                lambda: value[: len(value) // 2],
            ]
            del file[name]
            with np.errstate(all="ignore"):
                file[name] = _choice(rng, changed)()
            file[name].attrs.update(attrs)
        else:
            rows = np.array(value)
            field = _choice(rng, rows.dtype.names)
            rows[field] = _choice(rng, [0, -1, 7, rows[field][::-1].copy()])
            item[...] = rows
    return stream.getvalue()


HDF5: tuple[Mutator, ...] = (*BYTES, *[change_hdf5] * 10)


def mutate(rng: Rng, contents: Sequence[bytes], mutators: Sequence[Mutator]) -> bytes:
    """One of the files, damaged once or a few times."""
    content, other = (contents[int(k)] for k in rng.integers(0, len(contents), 2))
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        try:
            changed = mutators[int(rng.integers(len(mutators)))](rng, content, other)
        except Exception:  # what is damaged already may be beyond a mutator
            changed = None
        content = content if changed is None else changed
    return content
