"""The box of a record: from its landmarks, the same moved at random, or from the file of a detector."""

import csv
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from fhr_jax.data.records import Record, Records, encoded
from fhr_jax.errors import InputError

COLUMNS = ("file", "frame", "x", "y", "width", "height")

Boxes = Callable[[int, Record], Float32[np.ndarray, "*t 4"]]
"""boxes(index, record) -> its box (4,), or one for each frame of a clip (T, 4): x, y, width, height in pixels."""


class BoxJitter(NamedTuple):
    """Boxes moved at random, like those of an inexact detector. A record has the same box at every visit.

    Attributes:
        seed: of the whole set.
        shift: largest shift of the centre, in either direction, as a fraction of width and height.
        scale: the size is multiplied by (1 + scale)^u, u uniform in [-1, 1]. All frames of a clip move alike.
    """

    seed: int
    shift: float = 0.1
    scale: float = 0.15

    def __call__(self, index: int, record: Record) -> Float32[np.ndarray, "*t 4"]:
        """The moved box of record `index`."""
        x, y, factor = np.random.default_rng([self.seed, index]).uniform(-1, 1, 3)
        corner, size = np.split(record["box"], 2, axis=-1)
        centre = corner + size * (0.5 + self.shift * np.array([x, y]))
        size = size * (1 + self.scale) ** factor
        return np.concatenate([centre - size / 2, size], axis=-1).astype(np.float32)

    def __repr__(self) -> str:  # a run compares it when it resumes: "Jitter" must stay as it is in old checkpoints
        return f"Jitter(seed={self.seed!r}, shift={self.shift!r}, scale={self.scale!r})"


class DetectorBoxes:
    """The boxes in the file of a detector, by file and frame of the record; see `read_boxes`."""

    def __init__(self, path: Path, boxes: dict[tuple[str, int], tuple[float, float, float, float]]):
        self._path, self._boxes = path, boxes
        self._hash = hashlib.blake2b(repr(sorted(boxes.items())).encode(), digest_size=6).hexdigest()

    def __call__(self, index: int, record: Record) -> Float32[np.ndarray, "*t 4"]:
        """The box of the record, or of each of its frames."""
        rows = [self._box(record["file"], int(frame)) for frame in np.ravel(record["frame"])]
        return np.array(rows, np.float32).reshape(*np.shape(record["frame"]), 4)

    def __repr__(self) -> str:  # a run compares it when it resumes: "FromFile" must stay as it is in old checkpoints
        return f"FromFile({self._path.name!r}, {len(self._boxes)} {self._hash})"

    def _box(self, file: str, frame: int) -> tuple[float, float, float, float]:
        try:
            return self._boxes[file, frame]
        except KeyError:
            raise InputError(f"{self._path}: no row for file {file}, frame {frame}") from None


class RecordsWithBoxes:
    """The records of another source with other boxes.

    Args:
        source: the records.
        boxes: makes the box (4,) of a record, x, y, width, height in pixels of its image.
    """

    def __init__(self, source: Records, boxes: Boxes):
        self._source, self._boxes = source, boxes

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Record:
        return self._with_box(index, self._source[index])

    def encoded(self, index: int) -> Record:
        """The record, with its image not decoded if the source supports that."""
        return self._with_box(index, encoded(self._source, index))

    def __repr__(self) -> str:  # a run compares it when it resumes: "Boxed" must stay as it is in old checkpoints
        return f"Boxed({self._source!r}, {self._boxes!r})"

    def _with_box(self, index: int, record: Record) -> Record:
        return record | {"box": self._boxes(int(index), record)}


def with_boxes(source: Records, boxes: str | os.PathLike[str] | BoxJitter) -> Records:
    """The records of a source with the chosen boxes.

    Args:
        source: the records.
        boxes: "truth" leaves the source as it is; a `BoxJitter`; or the file of a detector, see `read_boxes`.

    Raises:
        InputError: the file cannot be read.
    """
    if isinstance(boxes, str) and boxes == "truth":
        return source
    return RecordsWithBoxes(source, boxes if isinstance(boxes, BoxJitter) else read_boxes(boxes))


def read_boxes(path: str | os.PathLike[str]) -> DetectorBoxes:
    """Read the boxes of a detector: a CSV with the columns file, frame, x, y, width, height in any order.

    `file` and `frame` are those of the records; photographs have frame 0. x and y are the upper left corner in pixels,
    counted from 0. Other columns are ignored. Of several rows for one frame the first counts.

    Raises:
        InputError: the file cannot be read, lacks a column, or a cell is no number or no box.
    """
    path = Path(path)
    boxes: dict[tuple[str, int], tuple[float, float, float, float]] = {}
    for row in _rows(path, COLUMNS):
        boxes.setdefault((row.file, row.frame), row.box)
    return DetectorBoxes(path, boxes)


def read_video_boxes(path: str | os.PathLike[str], *, video: str) -> dict[int, Float64[np.ndarray, "n 4"]]:
    """Read the boxes of the faces in one video, from a file as for `read_boxes`; the column `file` may be missing.

    Args:
        path: of the file.
        video: name of the video. Where there is a column `file`, only its rows count.

    Returns:
        Boxes (N, 4) by number of the frame, in the order of the rows: x, y, width, height in pixels.

    Raises:
        InputError: as for `read_boxes`, a frame is negative, or no row is one of the video.
    """
    path = Path(path)
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    for row in _rows(path, COLUMNS[1:]):
        if row.file in (None, video):
            boxes.setdefault(row.frame, []).append(row.box)
    if not boxes:
        raise InputError(f"{path}: no row for file {video}")
    if min(boxes) < 0:
        raise InputError(f"{path}: a row for frame {min(boxes)}; frames count from 0")
    return {frame: np.array(rows, np.float64) for frame, rows in boxes.items()}


class _Row(NamedTuple):
    """A row of a file of boxes; `file` is None without that column."""

    file: Any
    frame: int
    box: tuple[float, float, float, float]


def _rows(path: Path, columns: Sequence[str]) -> list[_Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, skipinitialspace=True))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    if not rows or not set(columns) <= set(rows[0]):
        raise InputError(f"{path}: expected a CSV with the columns {','.join(columns)} and rows below them")
    found = []
    for number, row in enumerate(rows, start=2):
        try:
            frame = int(row["frame"])
            x, y, width, height = (float(row[name]) for name in COLUMNS[2:])
        except (TypeError, ValueError):
            raise InputError(f"{path}: row {number}: expected numbers for {', '.join(COLUMNS[1:])}") from None
        if not (np.isfinite([x, y, width, height]).all() and width > 0 and height > 0):
            raise InputError(f"{path}: row {number} is no box: {x}, {y}, {width} x {height}")
        found.append(_Row(row.get("file"), frame, (x, y, width, height)))
    return found
