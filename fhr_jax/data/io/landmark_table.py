"""Tables of landmarks in CSV files: one row for each face in each frame; `table_layouts` tells the columns.

Spreadsheets write them with semicolons and decimal commas, or with tabs; both are read, and written back in kind.
"""

import csv
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import encoding, table_layouts
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 2 * 2**30
DECIMALS = (3, 12)
"""Fewest and most digits after the point of a landmark that is written; between them, as many as the file has."""
_NO_NUMBER = ("", "na", "n/a", "none", "null", "nil", "-")
_WORDS = {"true": "1", "false": "0"}


class LandmarkTable(NamedTuple):
    """The cells of a CSV, and the numbers in them.

    Attributes:
        layout: which column holds what.
        header: rows of the header, unchanged.
        rows: cells of each row, unchanged.
        points: (R, M, 2), pixels (x, y), NaN where a row has no face (`success` 0) or no number.
        frame: (R,) number of the frame; the index of the row where there is no such column.
        face: (R,) number of the face; 0 where there is no such column.
        confidence: (R,) of faces or (R, M) of landmarks, or None.
        time: (R,) in seconds, NaN where it is missing, or None.
        lines: (R,) number of each row in the file, the header being row 1.
        names: of the faces by their number in `face`, where the file has texts instead of numbers; else None.
        delimiter: between the cells.
        decimal: the decimal mark.
        decimals: digits after it that the landmarks have at most, within `DECIMALS`.
    """

    layout: table_layouts.TableLayout
    header: list[list[str]]
    rows: list[list[str]]
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


def read(path: str | os.PathLike[str]) -> LandmarkTable:
    """Read a CSV with commas, semicolons or tabs, and with or without spaces after them.

    Raises:
        InputError: the file cannot be read, lacks landmark columns, or has a cell that should be a number and is not.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            first = next((line for line in stream if line.strip()), "")
            delimiter = max(table_layouts.DELIMITERS, key=first.count)
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter)
            numbered = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        with path.open("rb") as start:
            raise InputError(encoding.not_utf8(path, start.read(4))) from error
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    if numbered and numbered[0][1][0].startswith("\ufeff"):  # some programs write the mark twice
        numbered[0][1][0] = numbered[0][1][0].lstrip("\ufeff")
    layout = table_layouts.find(path, [row for _, row in numbered[:8]])
    header, body = [row for _, row in numbered[: layout.head]], numbered[layout.head :]
    rows, lines = [row for _, row in body], [line for line, _ in body]
    names = _column_names(layout, header)
    for line, row in body:
        if len(row) != len(names):
            raise InputError(f"{path}: row {line} has {len(row)} cells, expected {len(names)}")
    landmarks = (*layout.x, *layout.y)
    numeric = [*landmarks, *layout.scores, *(c for c in (layout.time, layout.confidence) if c is not None)]
    decimal = "," if delimiter != "," and any("," in row[c] for row in rows for c in numeric) else "."

    def numbers(columns: list[int]) -> np.ndarray:
        return _numbers(path, rows, columns, names=names, lines=lines, decimal=decimal)

    def column(place: int | None) -> np.ndarray | None:
        return None if place is None else numbers([place])[:, 0]

    if layout.name == "DeepLabCut" and _is_text([row[0] for row in rows]):
        raise InputError(f"{path}: its rows are named by texts, as labelled images are; expected numbers of frames")
    points = np.stack([numbers(layout.x), numbers(layout.y)], axis=-1)
    frame = column(layout.frame)
    if layout.success is not None:
        said = [[_WORDS.get(row[layout.success].strip().lower(), row[layout.success])] for row in rows]
        success = _numbers(path, said, [0], names=["success"], lines=lines, decimal=decimal)[:, 0]
        points[~(success > 0)] = np.nan
    face, face_names = np.zeros(len(rows), int), None
    ids = [] if layout.face is None else [row[layout.face].strip() for row in rows]
    # SLEAP leaves the cell empty where an instance has no track.
    if _is_text(ids) or (layout.name == "SLEAP" and not all(ids)):
        face_names = tuple(dict.fromkeys(ids))
        numbers_of = {name: number for number, name in enumerate(face_names)}
        face = np.array([numbers_of[one] for one in ids])
    elif layout.face is not None and any(ids):
        face = _whole(path, names[layout.face], numbers([layout.face])[:, 0])
    return LandmarkTable(
        layout,
        header,
        rows,
        points,
        np.arange(len(rows)) if frame is None else _whole(path, names[layout.frame or 0], frame),
        face,
        numbers(layout.scores) if layout.scores else column(layout.confidence),
        column(layout.time),
        np.array(lines),
        face_names,
        delimiter,
        decimal,
        _decimals(rows, landmarks, decimal),
    )


def write(path: str | os.PathLike[str], table: LandmarkTable, points: Float[np.ndarray, "r m 2"]) -> None:
    """Write a table with other landmarks (R, M, 2), in image pixels, and all other cells unchanged, atomically.

    The cells of a landmark that is NaN, and of a coordinate that has not changed, stay as they are.
    """
    rows, layout = [list(row) for row in table.rows], table.layout
    # Some versions of OpenFace put a space before each cell, also in the header.
    space = " " if table.header[-1][layout.x[0]].startswith(" ") else ""
    changed = np.isfinite(points).all(axis=-1, keepdims=True) & (points != table.points)
    columns = np.stack([layout.x, layout.y], axis=-1)
    for row, face, new in zip(rows, points, changed, strict=True):
        for column, value in zip(columns[new].tolist(), face[new].tolist(), strict=True):
            row[column] = space + f"{value:.{table.decimals}f}".replace(".", table.decimal)
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=table.delimiter, lineterminator="\n").writerows([*table.header, *rows])


def _column_names(layout: table_layouts.TableLayout, header: list[list[str]]) -> list[str]:
    """What error messages call the columns; each body part of DeepLabCut has an x, so the rows above are told too."""
    if layout.name != "DeepLabCut":
        return header[-1]
    above = [row for row in header[1:-1] if len(row) == len(header[-1])]
    cells = zip(*above, header[-1], strict=True)
    return [header[-1][0], *[" ".join(cell.strip() for cell in column) for column in list(cells)[1:]]]


def _numbers(
    path: Path, rows: list[list[str]], columns: list[int], *, names: list[str], lines: list[int], decimal: str
) -> np.ndarray:
    """The cells of some columns, (R, columns), as float64; cells without a number and infinities are NaN."""
    numbers = np.empty((len(rows), len(columns)))
    for row, cells, line in zip(numbers, rows, lines, strict=True):
        for k, column in enumerate(columns):
            try:
                row[k] = _number(cells[column], decimal)
            except ValueError:
                name, cell = names[column].strip(), cells[column].strip()
                raise InputError(f"{path}: row {line}, column {name}: {cell[:40]!r} is no number") from None
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _number(cell: str, decimal: str) -> float:
    try:
        return float(cell) if decimal == "." else float(cell.replace(decimal, "."))
    except ValueError:
        if _is_missing(cell):
            return np.nan
        raise


def _is_missing(cell: str) -> bool:
    word = cell.strip().lower()
    return word in _NO_NUMBER or bool(re.fullmatch(r"[-+]?nan(\(.*\))?", word))  # OpenFace may print -nan(ind)


def _is_text(cells: list[str]) -> bool:
    """Whether some of the cells are names."""

    def is_name(cell: str) -> bool:
        try:
            float(cell)
        except ValueError:
            return not _is_missing(cell)
        return False

    return any(is_name(cell) for cell in set(cells))


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
