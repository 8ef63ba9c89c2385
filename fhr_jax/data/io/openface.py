"""The CSV of OpenFace: one row for each face in each frame, with columns x_0 ... x_67, y_0 ... y_67 among others."""

import csv
import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 2 * 2**30


class OpenFaceTable(NamedTuple):
    """The cells of a CSV, and the numbers in them.

    Attributes:
        header: column names, unchanged.
        rows: cells of each row, unchanged.
        x: column of the x of each landmark.
        y: column of the y of each landmark.
        points: (R, M, 2), pixels (x, y), NaN where a row has no face (`success` 0) or no number.
        frame: (R,) number of the frame; the index of the row where there is no such column.
        face: (R,) `face_id`; 0 where there is no such column.
        confidence: (R,) or None.
        time: (R,) `timestamp` in seconds, NaN where it is missing, or None.
    """

    header: list[str]
    rows: list[list[str]]
    x: list[int]
    y: list[int]
    points: Float[np.ndarray, "r m 2"]
    frame: np.ndarray
    face: np.ndarray
    confidence: np.ndarray | None
    time: np.ndarray | None = None


def read(path: str | os.PathLike[str]) -> OpenFaceTable:
    """Read a CSV with or without spaces after its commas.

    Raises:
        InputError: the file cannot be read, lacks landmark columns, or has a cell that should be a number and is not.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            header, *rows = [row for row in csv.reader(stream) if row] or [[]]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    place = {name.strip(): column for column, name in enumerate(header)}
    count = next(m for m in range(len(header) + 1) if f"x_{m}" not in place)
    if not count or f"y_{count}" in place or any(f"y_{m}" not in place for m in range(count)):
        raise InputError(f"{path}: expected the columns of OpenFace: x_0, x_1, ... and as many y_0, y_1, ...")
    x, y = ([place[f"{axis}_{m}"] for m in range(count)] for axis in "xy")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {number} has {len(row)} cells, expected {len(header)}")
    points = np.stack([_numbers(path, rows, x, header), _numbers(path, rows, y, header)], axis=-1)

    def column(name: str) -> np.ndarray | None:
        return _numbers(path, rows, [place[name]], header)[:, 0] if name in place else None

    success, frame, face = column("success"), column("frame"), column("face_id")
    if success is not None:
        points[~(success > 0)] = np.nan
    frame = np.arange(len(rows)) if frame is None else _whole(path, "frame", frame)
    face = np.zeros(len(rows), int) if face is None else _whole(path, "face_id", face)
    time = column("timestamp")
    return OpenFaceTable(header, rows, x, y, points, frame, face, column("confidence"), time)


def write(path: str | os.PathLike[str], table: OpenFaceTable, points: Float[np.ndarray, "r m 2"]) -> None:
    """Write a table with other landmarks (R, M, 2), in image pixels, and all other cells unchanged, atomically."""
    rows = [list(row) for row in table.rows]
    # Some versions of OpenFace put a space before each cell, also in the header.
    space = " " if table.header[table.x[0]].startswith(" ") else ""
    for row, face in zip(rows, points, strict=True):
        for (x, y), column_x, column_y in zip(face, table.x, table.y, strict=True):
            row[column_x], row[column_y] = f"{space}{x:.3f}", f"{space}{y:.3f}"
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([table.header, *rows])


class RowWriter:
    """Write rows of one face into an open text stream, frame by frame: frame, face_id, timestamp, ..., y_67."""

    def __init__(self, stream: io.TextIOBase, *, landmarks: int):
        self._writer = csv.writer(stream, lineterminator="\n")
        self._landmarks = landmarks
        names = [f"{axis}_{m}" for axis in "xy" for m in range(landmarks)]
        self._writer.writerow(["frame", "face_id", "timestamp", "confidence", "success", *names])

    def write(self, frame: int, time: float, confidence: float, points: Float[np.ndarray, "m 2"]) -> None:
        """Write one row. Points that are NaN are written as `nan`, with success 0.

        Args:
            frame: number of the frame, which OpenFace counts from 1.
            time: of the frame, in seconds.
            confidence: in [0, 1].
            points: landmarks (M, 2), image pixels (x, y).
        """
        success = int(np.isfinite(points).all())
        cells = [f"{value:.3f}" for value in np.asarray(points).T.ravel()]
        self._writer.writerow([frame, 0, f"{time:.3f}", f"{confidence:.3f}", success, *cells])


def _numbers(path: Path, rows: list[list[str]], columns: list[int], header: list[str]) -> np.ndarray:
    """The cells of some columns, (R, columns), as float64; empty cells and infinities are NaN."""
    cells = [[row[column] for column in columns] for row in rows]
    try:
        numbers = np.array([[_number(cell) for cell in row] for row in cells])
    except ValueError as error:
        raise InputError(f"{path}: a cell is no number ({error})") from error
    numbers = numbers.reshape(len(rows), len(columns))
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _number(cell: str) -> float:
    # Some builds of OpenFace print -nan(ind).
    return float(cell) if cell.strip() and "nan" not in cell.lower() else np.nan


def _whole(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if not (np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 2**53)).all():
        raise InputError(f"{path}: column {name} must hold whole numbers")
    return values.astype(np.int64)
