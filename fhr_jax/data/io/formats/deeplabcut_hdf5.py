"""The HDF5 file of DeepLabCut: a table of pandas with columns (scorer, perhaps individual, body part, coordinate).

pandas stores it as a table of PyTables or as plain arrays ("fixed"). Both are read with h5py, and a copy of the file
is written with other numbers in the columns x and y only, so that it stays a table of pandas.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import hdf5, pickled_labels
from fhr_jax.data.io.formats.base import OpenedFile, Recording, with_markers
from fhr_jax.data.io.formats.frame_gaps import track_of_rows, track_where_present
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

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
        tracks: for each its columns, x and y in turn, and its rows.
    """

    group: str
    tracks: tuple[tuple[list[_Column], np.ndarray], ...]


def recognise(source: OpenedFile) -> bool:
    """Whether it is HDF5 with a table of pandas at the top."""
    if not hdf5.is_hdf5(source):
        return False
    with hdf5.opened(source.path) as file:
        return bool(_groups(file))


def _groups(file: Any) -> list[str]:
    kinds = {name: hdf5.text(file[name].attrs.get("pandas_type", b"")) for name in file}
    return [name for name, kind in kinds.items() if kind in ("frame", "frame_table")]


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read a file of DeepLabCut; each individual is a face.

    Raises:
        InputError: it holds several tables, its columns are others, or its rows are not frames.
    """
    path = source.path
    with hdf5.opened(path) as file:
        names = _groups(file)
        if len(names) != 1:
            raise InputError(f"{path}: holds {len(names)} tables ({', '.join(names)}), expected one")
        fixed = hdf5.text(file[names[0]].attrs["pandas_type"]) == "frame"
        columns, blocks, frame = (_fixed if fixed else _table)(path, file, names[0])
    if frame.dtype.kind not in "iu":
        raise InputError(f"{path}: its rows are named by texts, as labelled images are; expected numbers of frames")
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
            notes += [note for note in more if note not in notes]
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
        DeepLabCutContent(names[0], tuple(content)),
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
    """
    content: DeepLabCutContent = recording.content
    with hdf5.changed_copy(path, source=recording.path) as file:
        group = file[content.group]
        fixed = "table" not in group
        values = {} if fixed else {"table": group["table"][()]}
        for track, (columns, rows), new in zip(recording.tracks, content.tracks, points, strict=True):
            found = with_markers(track, new)[track.present].reshape(len(rows), -1)
            for column, numbers in zip(columns, found.T, strict=True):
                if fixed and column.block not in values:
                    values[column.block] = group[column.block][()]
                block = (
                    values[column.block] if fixed else values["table"][column.block].reshape(len(values["table"]), -1)
                )
                block[rows, column.place] = numbers
        for name, block in values.items():
            group[name][...] = block


Parts = dict[str, dict[str, _Column]]


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
        if column.label[-1] in COORDINATES:
            found.setdefault(name, {}).setdefault(column.label[-2], {})[column.label[-1]] = column
    for name, parts in found.items():
        for part, axes in parts.items():
            if not {"x", "y"} <= axes.keys():
                raise InputError(f"{path}: {' '.join([name, part]).strip()} has no column x or no y, expected both")
    if not found:
        raise InputError(f"{path}: no columns x and y, expected those of DeepLabCut")
    return found


def _table(path: Path, file: Any, group: str) -> tuple[list[_Column], dict[str, np.ndarray], np.ndarray]:
    """Columns, blocks (R, C) and the index (R,) of a table of PyTables."""
    table = hdf5.dataset(path, file, f"{group}/table")
    rows = table[()]
    names = [name for name in rows.dtype.names or () if name.startswith("values_block_")]
    columns, blocks = [], {}
    for name in names:
        blocks[name] = _numbers(path, name, rows[name].reshape(len(rows), -1))
        label = table.attrs.get(f"{name}_kind", b"")
        labels = pickled_labels.read(path, f"{name}_kind", bytes(label))
        columns += [_Column(one, name, place) for place, one in enumerate(labels)]
    if "index" not in (rows.dtype.names or ()):
        raise InputError(f"{path}: its rows have no numbers of frames")
    return columns, blocks, rows["index"]


def _fixed(path: Path, file: Any, group: str) -> tuple[list[_Column], dict[str, np.ndarray], np.ndarray]:
    """The same of plain arrays; the labels of each block are stored by level."""
    columns, blocks = [], {}
    found = file[group]
    for number in range(int(found.attrs.get("nblocks", 0))):
        name, items = f"block{number}_values", f"block{number}_items"
        values = hdf5.dataset(path, found, name)[()]
        blocks[name] = _numbers(path, name, values)
        levels = []
        for level in range(int(found.attrs.get(f"{items}_nlevels", 0))):
            texts = [hdf5.text(one) for one in hdf5.dataset(path, found, f"{items}_level{level}")[()]]
            levels.append([texts[k] for k in hdf5.dataset(path, found, f"{items}_label{level}")[()]])
        columns += [_Column(label, name, place) for place, label in enumerate(zip(*levels, strict=True))]
    return columns, blocks, hdf5.dataset(path, found, "axis1")[()]


def _numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name} is {values.dtype}, expected numbers")
    return values.astype(np.float64)
