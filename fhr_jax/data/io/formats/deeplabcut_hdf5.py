"""The HDF5 file of DeepLabCut: a table of pandas with columns (scorer, perhaps individual, body part, coordinate).

pandas stores it as a table of PyTables or as plain arrays ("fixed"). Both are read with h5py, and a copy of the file
is written with other numbers in the columns x and y only, so that it stays a table of pandas.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import hdf5, hdf5_child, pickled_labels
from fhr_jax.data.io.formats.base import OpenedFile, Recording, with_markers
from fhr_jax.data.io.formats.frame_gaps import track_of_rows, track_where_present
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

MOST = 1000
"""Blocks of numbers, and levels of labels, at most."""
COORDINATES = ("x", "y", "likelihood")


class _Column(NamedTuple):
    """A column: its label, the block of numbers that holds it, and its place there."""

    label: tuple[str, ...]
    block: str
    place: int


class DeepLabCutContent(NamedTuple):
    """What `write` needs.

    Attributes:
        group: name of the table.
        table: its rows, or None where it is plain arrays.
        blocks: values (R, C) by name.
        tracks: for each its columns, x and y in turn, and its rows.
        stored: types of the blocks in the file by name.
    """

    group: str
    table: np.ndarray | None
    blocks: dict[str, np.ndarray]
    tracks: tuple[tuple[list[_Column], np.ndarray], ...]
    stored: dict[str, np.dtype]


def recognise(source: OpenedFile) -> bool:
    """Whether it is HDF5 with a table of pandas at the top."""
    return bool(_tables(source.hdf5))


def _tables(file: hdf5.Group) -> dict[str, hdf5.Group]:
    """The tables of pandas at the top."""
    groups = {name: group for name, group in file.items.items() if isinstance(group, hdf5.Group)}
    return {name: group for name, group in groups.items() if group.attrs.get("pandas_type") in hdf5_child.TABLES}


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read a file of DeepLabCut; each individual is a face.

    Raises:
        InputError: it holds several tables, its columns are others, or its rows are not frames.
    """
    path = source.path
    found = _tables(source.hdf5)
    if len(found) != 1:
        raise InputError(f"{path}: holds {len(found)} tables ({', '.join(found)}), expected one")
    ((name_of_table, table),) = found.items()
    rows_of_table = None if table.attrs["pandas_type"] == "frame" else hdf5.values(path, table, "table")
    columns, blocks, frame = _fixed(path, table) if rows_of_table is None else _table(path, table, rows_of_table)
    _check_lengths(path, columns, blocks, frame)
    if frame.dtype.kind not in "iu":
        raise InputError(f"{path}: its rows are named by texts, as labelled images are; expected numbers of frames")
    if not ((frame > -(2**53)) & (frame < 2**53)).all():
        raise InputError(f"{path}: the numbers of its frames are damaged, expected whole numbers below 2**53")
    order = np.argsort(frame, kind="stable")
    frame = frame[order].astype(np.int64)
    if not len(frame):
        raise InputError(f"{path}: the track is empty: no rows in its table")
    if (np.diff(frame) == 0).any():
        raise InputError(f"{path}: frame {frame[np.flatnonzero(np.diff(frame) == 0)[0]]} is in it twice, expected once")
    tracks, content, notes = [], [], []
    individuals = _individuals(path, columns)
    for number, (name, parts) in enumerate(individuals.items()):
        places = [[part[axis] for axis in ("x", "y")] for part in parts.values()]
        points = np.stack([[blocks[c.block][:, c.place] for c in pair] for pair in places]).transpose(2, 0, 1)[order]
        trust = None
        if all("likelihood" in part for part in parts.values()):
            own = [part["likelihood"] for part in parts.values()]
            values = np.stack([blocks[c.block][:, c.place] for c in own], axis=1)[order]
            trust, more = landmark_arrays.scaled_confidence("the likelihood", values)
            # Who is in no frame has no likelihood either.
            notes += [note for note in more if note not in notes and np.isfinite(points).any()]
        rows = np.arange(len(frame))
        if len(individuals) == 1:
            track, said = track_of_rows(path, frame, points, options, confidence=trust)
        else:
            track, rows, said = track_where_present(
                path, points, options, name=f"individual {name}", frame=frame, confidence=trust, face=number
            )
        notes += said if len(individuals) == 1 else [f"individual {name}: {note}" for note in said]
        if track is not None:
            tracks.append(track)
            content.append(([column for pair in places for column in pair], order[rows]))
    if not tracks:
        raise InputError(f"{path}: no individual has a point in any frame, expected some")
    return Recording(
        path,
        "deeplabcut",
        tuple(tracks),
        DeepLabCutContent(name_of_table, rows_of_table, blocks, tuple(content), _types(table, rows_of_table, blocks)),
        tuple(notes),
        title="a table of DeepLabCut (HDF5)",
        face_word="individual",
    )


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write a copy of the file with other points.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, 2) in pixels.

    Raises:
        InputError: a table holds whole numbers or float16, which cannot be other landmarks.
    """
    content: DeepLabCutContent = recording.content
    blocks = {name: block.copy() for name, block in content.blocks.items()}
    changed = set()
    for track, (columns, rows), new in zip(recording.tracks, content.tracks, points, strict=True):
        found = with_markers(track, new)[track.present].reshape(len(rows), -1)
        for column, numbers in zip(columns, found.T, strict=True):
            blocks[column.block][rows, column.place] = numbers
            changed.add(column.block)
    if content.table is None:
        group = content.group
        changes = {f"{group}/{name}": hdf5.change(content.stored[name], blocks[name]) for name in sorted(changed)}
    else:
        table = content.table.copy()
        for name in changed:
            hdf5.check_holds(recording.path, name, content.stored[name])
            table[name] = blocks[name].reshape(table[name].shape)
        changes = {f"{content.group}/table": hdf5.Change(table)}
    hdf5.write_copy(path, source=recording.path, changes=changes)


Parts = dict[str, dict[str, _Column]]


def _types(table: hdf5.Group, rows: np.ndarray | None, names: Iterable[str]) -> dict[str, np.dtype]:
    """The types of blocks in the file."""
    if rows is not None:
        return {name: rows.dtype[name].base for name in names}
    return {name: item.dtype for name, item in table.items.items() if isinstance(item, hdf5.Array)}


def _individuals(path: Path, columns: list[_Column]) -> dict[str, Parts]:
    """The columns of each individual, by body part and coordinate."""
    levels = len(columns[0].label) if columns else 0
    if levels not in (3, 4):
        raise InputError(
            f"{path}: {levels} levels of columns, expected those of DeepLabCut: scorer, perhaps individuals, "
            "bodyparts, coords"
        )
    if len({column.label[0] for column in columns}) > 1:
        raise InputError(f"{path}: holds points of several scorers, expected one")
    found: dict[str, Parts] = {}
    for column in columns:
        name = column.label[1] if levels == 4 else ""
        if column.label[-1] not in COORDINATES:
            continue
        axes = found.setdefault(name, {}).setdefault(column.label[-2], {})
        if column.label[-1] in axes:
            raise InputError(f"{path}: the column {' '.join(column.label)} is there twice, expected it once")
        axes[column.label[-1]] = column
    for name, parts in found.items():
        for part, axes in parts.items():
            if not {"x", "y"} <= axes.keys():
                raise InputError(f"{path}: {' '.join([name, part]).strip()} has no column x or no y, expected both")
    if not found:
        raise InputError(f"{path}: no columns x and y, expected those of DeepLabCut")
    return found


def _table(path: Path, group: hdf5.Group, rows: np.ndarray) -> tuple[list[_Column], dict[str, np.ndarray], np.ndarray]:
    """Columns, blocks (R, C) and the index (R,) of a table of PyTables."""
    attrs = hdf5.dataset(path, group, "table").attrs
    names = [name for name in rows.dtype.names or () if name.startswith("values_block_")]
    columns, blocks = [], {}
    if rows.ndim != 1:
        raise InputError(f"{path}: its table is {rows.shape}, expected rows")
    for name in names:
        blocks[name] = _numbers(path, name, rows[name].reshape(len(rows), int(np.prod(rows[name].shape[1:]))))
        labels = pickled_labels.read(path, f"{name}_kind", str(attrs.get(f"{name}_kind", "")).encode("latin-1"))
        columns += [_Column(one, name, place) for place, one in enumerate(labels)]
    if "index" not in (rows.dtype.names or ()):
        raise InputError(f"{path}: its rows have no numbers of frames")
    return columns, blocks, rows["index"]


def _fixed(path: Path, group: hdf5.Group) -> tuple[list[_Column], dict[str, np.ndarray], np.ndarray]:
    """The same of plain arrays; the labels of each block are stored by level."""
    columns, blocks = [], {}
    for number in range(_count(group, "nblocks")):
        name, items = f"block{number}_values", f"block{number}_items"
        blocks[name] = _numbers(path, name, hdf5.values(path, group, name))
        levels = []
        for level in range(_count(group, f"{items}_nlevels")):
            texts = [hdf5.text(one) for one in hdf5.values(path, group, f"{items}_level{level}").ravel()]
            places = hdf5.values(path, group, f"{items}_label{level}")
            if places.dtype.kind not in "iu" or places.ndim != 1 or not ((places >= 0) & (places < len(texts))).all():
                raise InputError(f"{path}: {items}_label{level} is damaged, expected numbers of labels")
            levels.append([texts[k] for k in places])
        if len({len(level) for level in levels}) > 1:
            raise InputError(f"{path}: the levels of {items} have different lengths")
        columns += [_Column(label, name, place) for place, label in enumerate(zip(*levels, strict=True))]
    return columns, blocks, hdf5.values(path, group, "axis1")


def _check_lengths(path: Path, columns: list[_Column], blocks: dict[str, np.ndarray], frame: np.ndarray) -> None:
    """Refuse blocks that have not as many rows as frames, or fewer columns than labels."""
    if frame.ndim != 1:
        raise InputError(f"{path}: the numbers of its frames are {frame.shape}, expected a list")
    labels = Counter(column.block for column in columns)
    for name, block in blocks.items():
        if frame.ndim != 1 or block.ndim != 2 or len(block) != len(frame) or block.shape[1] < labels[name]:
            raise InputError(
                f"{path}: {name} is {block.shape}, expected {frame.shape} rows and {labels[name]} columns: damaged"
            )


def _count(group: hdf5.Group, name: str) -> int:
    """A small whole number among the attributes."""
    value = group.attrs.get(name, 0)
    return value if isinstance(value, int) and 0 <= value <= MOST else 0


def _numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name} is {values.dtype}, expected numbers")
    return landmark_arrays.as_float64(values)
