"""The CSV of OpenFace: one row for each face in each frame, with columns x_0 ... x_67, y_0 ... y_67 among others.

Spreadsheets write it with semicolons and decimal commas, or with tabs; both are read, and written back in kind.
"""

import csv
import io
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 2 * 2**30
DELIMITERS = (",", ";", "\t")
DECIMALS = (3, 12)
"""Fewest and most digits after the point of a landmark that is written; between them, as many as the file has."""
_NO_NUMBER = ("", "na", "n/a", "none", "null", "nil", "-")
_WORDS = {"true": 1.0, "false": 0.0}


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
        lines: (R,) number of each row in the file, the header being row 1.
        names: of the faces by their number in `face`, where the file has texts instead of numbers; else None.
        delimiter: between the cells.
        decimal: the decimal mark.
        decimals: digits after it that the landmarks have at most, within `DECIMALS`.
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
    lines: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    delimiter: str = ","
    decimal: str = "."
    decimals: int = 3


def read(path: str | os.PathLike[str]) -> OpenFaceTable:
    """Read a CSV with commas, semicolons or tabs, and with or without spaces after them.

    Raises:
        InputError: the file cannot be read, lacks landmark columns, or has a cell that should be a number and is not.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            delimiter = max(DELIMITERS, key=stream.readline().count)
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter)
            numbered = [(reader.line_num, row) for row in reader if any(row)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8 ({error}); save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    lines, (header, *rows) = [line for line, _ in numbered[1:]], [row for _, row in numbered] or [[]]
    place = {name.strip(): column for column, name in enumerate(header)}
    count = next(m for m in range(len(header) + 1) if f"x_{m}" not in place)
    if not count or f"y_{count}" in place or any(f"y_{m}" not in place for m in range(count)):
        raise InputError(
            f"{path}: expected the columns of OpenFace: x_0, x_1, ... and as many y_0, y_1, ..., between commas, "
            f"semicolons or tabs; its first columns are {', '.join(map(str.strip, header[:4])) or 'missing'}"
        )
    x, y = ([place[f"{axis}_{m}"] for m in range(count)] for axis in "xy")
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise InputError(f"{path}: row {line} has {len(row)} cells, expected {len(header)}")
    decimal = "," if delimiter != "," and any("," in row[c] for row in rows for c in (*x, *y)) else "."

    def numbers(columns: list[int]) -> np.ndarray:
        return _numbers(path, rows, columns, header=header, lines=lines, decimal=decimal)

    def column(name: str) -> np.ndarray | None:
        return numbers([place[name]])[:, 0] if name in place else None

    points = np.stack([numbers(x), numbers(y)], axis=-1)
    success, frame, names = column("success"), column("frame"), None
    if "face_id" in place and _is_text(ids := [row[place["face_id"]].strip() for row in rows]):
        names = tuple(dict.fromkeys(ids))
        face = np.array([names.index(one) for one in ids])
    else:
        face = column("face_id")
    if success is not None:
        points[~(success > 0)] = np.nan
    frame = np.arange(len(rows)) if frame is None else _whole(path, "frame", frame)
    face = np.zeros(len(rows), int) if face is None else _whole(path, "face_id", face)
    time = column("timestamp")
    decimals = _decimals(rows, (*x, *y), decimal)
    return OpenFaceTable(
        header,
        rows,
        x,
        y,
        points,
        frame,
        face,
        column("confidence"),
        time,
        np.array(lines),
        names,
        delimiter,
        decimal,
        decimals,
    )


def write(path: str | os.PathLike[str], table: OpenFaceTable, points: Float[np.ndarray, "r m 2"]) -> None:
    """Write a table with other landmarks (R, M, 2), in image pixels, and all other cells unchanged, atomically."""
    rows = [list(row) for row in table.rows]
    # Some versions of OpenFace put a space before each cell, also in the header.
    space = " " if table.header[table.x[0]].startswith(" ") else ""
    for row, face in zip(rows, points, strict=True):
        for (x, y), column_x, column_y in zip(face, table.x, table.y, strict=True):
            for column, value in ((column_x, x), (column_y, y)):
                row[column] = space + f"{value:.{table.decimals}f}".replace(".", table.decimal)
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=table.delimiter, lineterminator="\n").writerows([table.header, *rows])


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


def _numbers(
    path: Path, rows: list[list[str]], columns: list[int], *, header: list[str], lines: list[int], decimal: str
) -> np.ndarray:
    """The cells of some columns, (R, columns), as float64; cells without a number and infinities are NaN."""
    numbers = np.empty((len(rows), len(columns)))
    for row, cells, line in zip(numbers, rows, lines, strict=True):
        for k, column in enumerate(columns):
            try:
                row[k] = _number(cells[column], decimal)
            except ValueError:
                name, cell = header[column].strip(), cells[column].strip()
                raise InputError(f"{path}: row {line}, column {name}: {cell[:40]!r} is no number") from None
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _number(cell: str, decimal: str) -> float:
    try:
        return float(cell) if decimal == "." else float(cell.replace(decimal, "."))
    except ValueError:
        word = cell.strip().lower()
        if word in _WORDS:
            return _WORDS[word]
        if word in _NO_NUMBER or re.fullmatch(r"[-+]?nan(\(.*\))?", word):  # some builds of OpenFace print -nan(ind)
            return np.nan
        raise


def _is_text(cells: list[str]) -> bool:
    """Whether some of the cells are names."""
    return any(cell and not re.fullmatch(r"[-+0-9.eE]+|nan", cell) for cell in cells)


def _decimals(rows: list[list[str]], columns: tuple[int, ...], decimal: str) -> int:
    """The most digits that a number of these columns has after its decimal mark; of 1000 rows, evenly."""
    low, high = DECIMALS
    chosen = rows[:: max(1, len(rows) // 1000)]
    cells = [row[column].strip() for row in chosen for column in columns]
    digits = (len(cell.rpartition(decimal)[2]) for cell in cells if decimal in cell and cell[-1:].isdigit())
    if any("e" in cell.lower() and "nan" not in cell.lower() for cell in cells):
        return high
    return min(max(low, max(digits, default=low)), high)


def _whole(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if not (np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 2**53)).all():
        raise InputError(f"{path}: column {name} must hold whole numbers")
    return values.astype(np.int64)
