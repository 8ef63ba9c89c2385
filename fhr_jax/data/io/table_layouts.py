"""Which columns of a CSV hold what: OpenFace, DeepLabCut, SLEAP and OpenSeeFace, told by their headers.

* OpenFace: x_0, x_1, ... and y_0, y_1, ...; perhaps frame, face_id, timestamp, confidence, success. Its FaceLandmarkImg
  writes a column face instead of frame and timestamp: each row is a face of its own in an image.
* DeepLabCut: three rows of header (scorer, bodyparts, coords), with x, y and likelihood of each point; the first column
  is the frame. With several individuals there is a row individuals too.
* SLEAP: frame_idx, perhaps track and instance.score, and NAME.x, NAME.y and perhaps NAME.score of each point.
* OpenSeeFace (the log of its facetracker): Landmark[0].X, Landmark[0].Y, Landmark[0].Confidence, ..., Frame, FaceID
  and Time.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhr_jax.errors import InputError


class TableLayout(NamedTuple):
    """Columns of a table, each None where there is no such column.

    Attributes:
        name: of the program that writes such tables.
        head: number of rows of the header; the last one names the columns in error messages.
        x: of each landmark.
        y: of each landmark.
        scores: of each landmark; empty without.
        frame: number of the frame.
        face: number or name of the face.
        time: in seconds.
        confidence: of the whole face.
        success: 0 where there is no face.
        individuals: name of each, and the first and the last of its landmarks plus one, where a row holds several.
        images: whether each row is a face of its own, and not one over time.
    """

    name: str
    head: int
    x: list[int]
    y: list[int]
    scores: list[int]
    frame: int | None = None
    face: int | None = None
    time: int | None = None
    confidence: int | None = None
    success: int | None = None
    individuals: tuple[tuple[str, int, int], ...] = ()
    images: bool = False


DELIMITERS = (",", ";", "\t")


def begins_like_one(text: str) -> bool:
    """Whether a text begins with the header of one of the programs, whole or cut off."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        cells = {cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])}
    except csv.Error:
        return False
    if first.split(delimiter)[0].strip().strip('"') == "scorer" or {"x_0", "y_0"} <= cells:
        return True
    return any(re.fullmatch(r"frame_idx|Landmark\[[0-9]+\]\.X", cell) for cell in cells)


def find(path: Path, rows: Sequence[Sequence[str]]) -> TableLayout:
    """The layout of a table from its first rows.

    Args:
        path: of the file, for error messages.
        rows: cells of the rows, from the first one on.

    Raises:
        InputError: it is none of these, or two columns have the name of a landmark's.
    """
    header = [cell.strip() for cell in rows[0]] if rows else []
    place = {name: column for column, name in reversed(list(enumerate(header)))}
    for layout in (_openface(place), _deeplabcut(path, rows, header), _sleap(place, header), _openseeface(place)):
        if layout is not None:
            _check_unique(path, rows[: layout.head], [*layout.x, *layout.y, *layout.scores])
            return layout
    if {"frame", "success", "confidence"} <= place.keys():
        raise InputError(f"{path}: a table of OpenFace without landmarks (x_0, ...); its option -2Dfp writes them")
    raise InputError(
        f"{path}: expected the columns of OpenFace (x_0, x_1, ... and as many y_0, y_1, ...), DeepLabCut, SLEAP or "
        f"OpenSeeFace, between commas, semicolons or tabs; its first columns are {', '.join(header[:4]) or 'missing'}"
    )


def _check_unique(path: Path, head: Sequence[Sequence[str]], columns: Sequence[int]) -> None:
    """Refuse a table in which another column has the name of a landmark's: either may be the right one."""
    width = min(map(len, head))
    names = [" ".join(row[column].strip() for row in head) for column in range(width)]
    for column in columns:
        if column < width and names.count(names[column]) > 1:
            raise InputError(f"{path}: the column {names[column]!r} is there twice, expected one for each coordinate")


def _openface(place: dict[str, int]) -> TableLayout | None:
    number = next(m for m in range(len(place) + 1) if f"x_{m}" not in place)
    if not number or f"y_{number}" in place or any(f"y_{m}" not in place for m in range(number)):
        return None
    x, y = ([place[f"{axis}_{m}"] for m in range(number)] for axis in "xy")
    names = ("frame", "face_id", "timestamp", "confidence", "success")
    images = "face" in place and not {"frame", "timestamp", "face_id"} & place.keys()
    name = "OpenFace (FaceLandmarkImg)" if images else "OpenFace"
    frame, face, time, confidence, success = (place.get(column) for column in names)
    return TableLayout(name, 1, x, y, [], frame, face, time, confidence, success, images=images)


def _deeplabcut(path: Path, rows: Sequence[Sequence[str]], header: list[str]) -> TableLayout | None:
    if not header or header[0] != "scorer":
        return None
    head = next((k for k, row in enumerate(rows[:6]) if row and row[0].strip() == "coords"), None)
    if head is None:
        raise InputError(f"{path}: begins like a table of DeepLabCut, but has no row coords")
    above = {row[0].strip(): row for row in rows[:head] if row}
    coords = [cell.strip() for cell in rows[head]]
    # Newer versions split the name of a labelled image into three cells.
    if coords[1:3] == ["", ""]:
        raise InputError(f"{path}: its rows are named by texts, as labelled images are; expected numbers of frames")
    owners = [cell.strip() for cell in above.get("individuals", [""] * len(coords))]
    if len(owners) != len(coords):
        raise InputError(f"{path}: {len(owners)} cells in the row individuals, expected {len(coords)} as in coords")
    x, y, scores, individuals = [], [], [], []
    # In the order of the file, each individual's points together.
    for owner in dict.fromkeys(owners[1:]):
        own = [k for k in range(1, len(coords)) if owners[k] == owner]
        parts = [[k for k in own if coords[k] == wanted] for wanted in ("x", "y", "likelihood")]
        if not parts[0] or len(parts[0]) != len(parts[1]) or len(parts[2]) not in (0, len(parts[0])):
            of = f" of individual {owner}" if owner else ""
            raise InputError(
                f"{path}: {len(parts[0])} columns x, {len(parts[1])} y and {len(parts[2])} likelihood in the row "
                f"coords{of}, expected as many of each"
            )
        individuals.append((owner, len(x), len(x) + len(parts[0])))
        for columns, part in zip((x, y, scores), parts, strict=True):
            columns += part
    if not x:
        raise InputError(f"{path}: no columns x and y in the row coords, expected those of each body part")
    if len(scores) != len(x):
        scores = []
    several = tuple(individuals) if len(individuals) > 1 else ()
    return TableLayout("DeepLabCut", head + 1, x, y, scores, frame=0, individuals=several)


def _sleap(place: dict[str, int], header: list[str]) -> TableLayout | None:
    names = [name[:-2] for name in header if name.endswith(".x") and f"{name[:-2]}.y" in place]
    if "frame_idx" not in place or not names:
        return None
    scores = [place[f"{name}.score"] for name in names if f"{name}.score" in place]
    x, y = ([place[f"{name}.{axis}"] for name in names] for axis in "xy")
    return TableLayout(
        "SLEAP",
        1,
        x,
        y,
        scores if len(scores) == len(names) else [],
        frame=place["frame_idx"],
        face=place.get("track"),
    )


def _openseeface(place: dict[str, int]) -> TableLayout | None:
    numbers = sorted(int(m[1]) for name in place if (m := re.fullmatch(r"Landmark\[([0-9]{1,4})\]\.X", name)))
    parts = [[place.get(f"Landmark[{m}].{part}") for m in numbers] for part in ("X", "Y", "Confidence")]
    x, y, scores = ([column for column in part if column is not None] for part in parts)
    if not x or len(y) != len(x):
        return None
    return TableLayout(
        "OpenSeeFace",
        1,
        x,
        y,
        scores if len(scores) == len(x) else [],
        frame=place.get("Frame"),
        face=place.get("FaceID"),
        time=place.get("Time"),
    )
