"""Tables in CSV, of OpenFace, DeepLabCut, SLEAP and OpenSeeFace, whose cells `data.io.landmark_table` reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_arrays, landmark_table, table_layouts
from fhr_jax.data.io.formats import people
from fhr_jax.data.io.formats.base import LandmarkTrack, OpenedFile, Recording, make_track, with_markers
from fhr_jax.data.io.formats.frame_gaps import track_of_rows, track_where_present
from fhr_jax.data.io.formats.people import Sighting
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.io.landmark_table import LandmarkTable
from fhr_jax.errors import InputError


class _Face(NamedTuple):
    """Where the points of a track stand: rows (R,) of the table, and which of its landmarks."""

    rows: np.ndarray
    landmarks: slice


def recognise(source: OpenedFile) -> bool:
    """Whether it is text that begins with the header of one of the programs."""
    if source.path.is_dir() or b"\0" in source.start:
        return False
    return table_layouts.begins_like_one(source.start.decode("utf-8-sig", "replace"))


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read a table.

    Raises:
        InputError: the file cannot be read, has no rows, or repeats a frame of a face.
    """
    path = source.path
    table = landmark_table.read(path)
    if not len(table.rows):
        raise InputError(f"{path}: the track is empty: no rows below the header")
    trust, notes = None, []
    if table.confidence is not None:
        what = "confidence" if table.confidence.ndim == 1 else "the score of the points"
        known, by_hand = table.confidence, []
        if table.layout.name == "SLEAP":
            known, by_hand = landmark_arrays.of_points_set_by_hand(known, table.points)
        trust, notes = landmark_arrays.scaled_confidence(what, known)
        notes = [*by_hand, *notes]
    if table.layout.images:
        faces = [_image(table, row, trust, options) for row in range(len(table.rows))]
    elif table.layout.individuals:
        faces = _individuals(path, table, trust, options, notes)
    else:
        faces = _faces(path, table, trust, options, notes)
    tracks, places = [track for track, _ in faces], [place for _, place in faces]
    title = f"a table of {table.layout.name}"
    return Recording(
        path,
        "csv",
        tuple(tracks),
        (table, places),
        tuple(notes),
        title=title,
        images=table.layout.images,
        face_word="individual" if table.layout.individuals else "face",
    )


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the table with other landmarks and all other cells unchanged.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, 2) in pixels.
    """
    table, places = recording.content
    rows = np.full_like(table.points, np.nan)
    for track, place, new in zip(recording.tracks, places, points, strict=True):
        rows[place.rows, place.landmarks] = with_markers(track, new)[track.present]
    landmark_table.write(path, table, rows)


def _faces(
    path: Path, table: LandmarkTable, trust: np.ndarray | None, options: ReadOptions, notes: list[str]
) -> list[tuple[LandmarkTrack, _Face]]:
    """Each face has rows of its own."""
    found, faces = [], []
    for face in np.unique(table.face).tolist():
        name = str(face) if table.names is None else repr(table.names[face])
        if _without_track(table, face):
            own, note = _instances(path, table, face)
            # Numbers beyond those of the names.
            faces += [(k, f"without a track, {k}", rows) for k, rows in enumerate(own, len(table.names or ()))]
        else:
            rows, note = _in_order(path, table, face, name)
            faces.append((face, name, rows))
        notes += note
    for face, name, rows in faces:
        track, more = track_of_rows(
            path,
            table.frame[rows],
            table.points[rows],
            options,
            name=f"face {name}",
            confidence=None if trust is None else trust[rows],
            time=None if table.time is None else table.time[rows],
            face=face,
        )
        notes += more if len(faces) == 1 else [f"face {name}: {note}" for note in more]
        found.append((track, _Face(rows, slice(None))))
    return found


def _without_track(table: LandmarkTable, face: int) -> bool:
    """Whether the rows of a face are those of SLEAP that name no track."""
    named = table.names is not None and table.names[face]
    return table.layout.name == "SLEAP" and not named and (table.layout.face is None or table.names is not None)


def _instances(path: Path, table: LandmarkTable, face: int) -> tuple[list[np.ndarray], list[str]]:
    """The rows of each instance without a track, in the order of their frames, and what to tell the user."""
    place = np.flatnonzero(table.face == face)
    if len(np.unique(table.frame[place])) == len(place):
        rows, notes = _in_order(path, table, face, "without a track")
        return [rows], notes
    lines = table.lines if table.lines is not None else np.arange(len(table.rows)) + 2
    first: dict[tuple[str, ...], int] = {}
    for row in place.tolist():
        before = first.setdefault(tuple(table.rows[row]), row)
        if before != row:
            raise InputError(f"{path}: row {lines[row]} repeats row {lines[before]}; expected each instance once")
    landmark_arrays.check_pixels(path, table.points[place])  # distances of larger numbers overflow
    place = place[np.argsort(table.frame[place], kind="stable")]
    sightings = [Sighting(int(table.frame[row]), (int(row),), table.points[row]) for row in place]
    groups, notes = people.followed(sightings, word="instances")
    return [np.array([one.place[0] for one in group]) for group in groups], notes


def _individuals(
    path: Path, table: LandmarkTable, trust: np.ndarray | None, options: ReadOptions, notes: list[str]
) -> list[tuple[LandmarkTrack, _Face]]:
    """Each row has all individuals."""
    order, note = _in_order(path, table, 0, "0")
    notes += [text.replace("face 0", "the table") for text in note]
    found = []
    for number, (name, first, last) in enumerate(table.layout.individuals):
        own = slice(first, last)
        track, rows, more = track_where_present(
            path,
            table.points[order, own],
            options,
            name=f"individual {name}",
            frame=table.frame[order],
            confidence=None if trust is None else trust[order, own],
            face=number,
        )
        notes += [f"individual {name}: {note}" for note in more]
        if track is not None:
            found.append((track, _Face(order[rows], own)))
    if not found:
        raise InputError(f"{path}: no individual has a point in any frame, expected some")
    return found


def _image(
    table: LandmarkTable, row: int, trust: np.ndarray | None, options: ReadOptions
) -> tuple[LandmarkTrack, _Face]:
    """Each row is a face of an image, of its own."""
    confidence = None if trust is None else trust[row : row + 1]
    track, _ = make_track(table.points[row : row + 1], options, confidence=confidence, face=row)
    return track, _Face(np.array([row]), slice(None))


def _in_order(path: Path, table: LandmarkTable, face: int, name: str) -> tuple[np.ndarray, list[str]]:
    """The rows of a face in the order of their frames, and what to tell the user."""
    place = np.flatnonzero(table.face == face)
    if (np.diff(table.frame[place]) > 0).all():
        return place, []
    place = place[np.argsort(table.frame[place], kind="stable")]
    same = np.flatnonzero(np.diff(table.frame[place]) == 0)
    if same.size:
        first, second = place[same[0]], place[same[0] + 1]
        lines = table.lines if table.lines is not None else np.arange(len(table.rows)) + 2
        more = f", and {same.size - 1} more rows repeat others" if same.size > 1 else ""
        raise InputError(
            f"{path}: row {lines[second]} repeats frame {table.frame[second]} of face {name}, which row {lines[first]} "
            f"has{more}; expected one row for each frame of a face"
        )
    return place, [f"the rows of face {name} are not in the order of their frames: read in that order"]
