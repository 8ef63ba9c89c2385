"""Read and write files of landmark tracks: .npz, .npy, .csv of several programs, or a folder with one .pts a frame.

Points are (x, y) in pixels, counted from 0. Only .pts files count from 1, and `data.io.pts` converts them.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax import npz
from fhr_jax.data.io import landmark_arrays, landmark_table, pts
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_folder, check_name, check_new_folder

MAX_FRAMES = 10_000_000


class LandmarkTrack(NamedTuple):
    """The landmarks of one face over time.

    Attributes:
        points: (T, M, 2) or (T, M, 3) float64, pixels (x, y), NaN where a point is missing. T counts all frames from
            the first to the last one of the face, including those for which the file has no row.
        present: (T,) true for the frames that the file has.
        confidence: (T,) or (T, M) in [0, 1], or None.
        face: number of the face in the file.
        time: (T,) in seconds as the file has it, NaN where it does not; or None.
        stored: (T, M, 2) the points as the file has them, where some are markers of missing points; else None.
    """

    points: Float[np.ndarray, "t m d"]
    present: np.ndarray
    confidence: np.ndarray | None = None
    face: int = 0
    time: Float[np.ndarray, " t"] | None = None
    stored: Float[np.ndarray, "t m d"] | None = None


class Recording(NamedTuple):
    """The content of a file of tracks.

    Attributes:
        path: of the file.
        kind: "npz", "npy", "csv" or "pts".
        tracks: one for each face.
        content: what `write` needs: the arrays by name, the table, or the file names.
        notes: what was assumed about the file, one sentence each.
        fps: frames a second, or None.
    """

    path: Path
    kind: str
    tracks: tuple[LandmarkTrack, ...]
    content: Any
    notes: tuple[str, ...] = ()
    fps: float | None = None


def read(path: str | os.PathLike[str], *, options: ReadOptions = landmark_arrays.DEFAULT) -> Recording:
    """Read a file of tracks; the suffix of its name decides its kind, and a folder holds .pts files.

    Missing points are NaN, whether the file writes NaN, `success` 0, or (0, 0) or (-1, -1) far from the face.

    Args:
        path: the file or folder.
        options: how its numbers are read.

    Raises:
        InputError: the file cannot be read, has an unknown suffix, no frames, or arrays of another shape.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, options)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.suffix.lower() == ".npz":
        return _read_npz(path, options)
    if path.suffix.lower() == ".npy":
        return _read_npy(path, options)
    if path.suffix.lower() == ".csv":
        return _read_csv(path, options)
    raise InputError(
        f"{path}: expected an .npz, an .npy, a .csv of OpenFace, DeepLabCut, SLEAP or OpenSeeFace, or a folder of .pts"
    )


def read_track(path: str | os.PathLike[str]) -> Float[np.ndarray, "t m d"]:
    """Read the track (T, M, 2) of a file that holds one face; see `read`."""
    recording = read(path)
    if len(recording.tracks) != 1:
        raise InputError(f"{path}: {len(recording.tracks)} faces, expected one")
    return recording.tracks[0].points


def check_output(path: str | os.PathLike[str], recording: Recording) -> None:
    """Check, before the work is done, that `write` will accept `path`.

    Raises:
        InputError: the suffix of `path` differs from that of the input, or `path` is a folder that is not empty.
    """
    path = Path(path)
    check_name(path)
    if recording.kind == "pts":
        check_new_folder(path)
    elif path.suffix.lower() != f".{recording.kind}":
        raise InputError(f"{path}: expected a name that ends in .{recording.kind}, like the input's")


def write(path: str | os.PathLike[str], recording: Recording, points: Sequence[Float[np.ndarray, "_ m d"]]) -> None:
    """Write a file of tracks with other landmarks and everything else unchanged, atomically.

    A missing point that the file writes as (0, 0) or (-1, -1) and that is NaN in `points` stays as the file has it.

    Args:
        path: with the same suffix as the input, or a new folder for .pts files.
        recording: from `read`.
        points: for each track, landmarks (T, M, 2) of its shape, in its pixels.

    Raises:
        InputError: `path` has another suffix, or cannot be written to.
    """
    check_output(path, recording)
    for track, new in zip(recording.tracks, points, strict=True):
        if new.shape != track.points.shape:
            raise InputError(f"points of shape {new.shape}, expected {track.points.shape}")
    points = [_with_markers(track, new) for track, new in zip(recording.tracks, points, strict=True)]
    if recording.kind == "npz":
        arrays, key = recording.content
        new = arrays[key].copy()
        new[..., : points[0].shape[-1]] = points[0]  # a score in the third column stays
        npz.write(path, arrays | {key: new})
    elif recording.kind == "npy":
        new = recording.content.copy()
        new[..., : points[0].shape[-1]] = points[0]
        npz.write_array(path, new)
    elif recording.kind == "csv":
        table, places = recording.content
        rows = np.full_like(table.points, np.nan)
        for track, place, new in zip(recording.tracks, places, points, strict=True):
            rows[place] = new[track.present]
        landmark_table.write(path, table, rows)
    else:
        with atomic_folder(path) as folder:
            for name, frame in zip(recording.content, points[0], strict=True):
                pts.write(folder / name, frame)


def _with_markers(track: LandmarkTrack, new: np.ndarray) -> np.ndarray:
    return new if track.stored is None else np.where(np.isfinite(new), new, track.stored)


def _track(
    stored: np.ndarray, options: ReadOptions, *, offset: float = 0.0, **fields: Any
) -> tuple[LandmarkTrack, list[str]]:
    """A track from points (T, M, d) as the file has them, and what to tell the user."""
    points, notes = landmark_arrays.points_as_nan(stored, options, offset=offset)
    points, unsure = landmark_arrays.unsure_as_nan(points, fields.get("confidence"))
    notes += unsure
    fields.setdefault("present", np.ones(len(points), bool))
    track = LandmarkTrack(points, stored=np.asarray(stored, np.float64) if notes else None, **fields)
    return track, notes + landmark_arrays.in_one_place(points)


def _read_npz(path: Path, options: ReadOptions) -> Recording:
    arrays = npz.read(path)
    key, array, order = landmark_arrays.landmarks(path, arrays, landmark_arrays.OBSERVED)
    if array.dtype.kind != "f":
        arrays = arrays | {key: array.astype(np.float32)}
    coordinates, score, notes = landmark_arrays.split_third(array, options)
    confidence, more = landmark_arrays.confidence(arrays, array.shape[:2])
    time, fps, unused = landmark_arrays.time(arrays, len(array))
    trust = score if confidence is None else confidence
    track, missing = _track(coordinates, options, confidence=trust, time=time)
    return Recording(path, "npz", (track,), (arrays, key), (*order, *notes, *more, *unused, *missing), fps)


def _read_npy(path: Path, options: ReadOptions) -> Recording:
    name = "its array"
    _, array, order = landmark_arrays.landmarks(path, {name: npz.read_array(path)}, (name,))
    coordinates, score, notes = landmark_arrays.split_third(array, options)
    track, missing = _track(coordinates, options, confidence=score)
    content = array if array.dtype.kind == "f" else array.astype(np.float32)
    return Recording(path, "npy", (track,), content, (*order, *notes, *missing))


def _read_csv(path: Path, options: ReadOptions) -> Recording:
    table = landmark_table.read(path)
    if not len(table.rows):
        raise InputError(f"{path}: the track is empty: no rows below the header")
    landmark_arrays.check_pixels(path, table.points)
    trust, notes = None, [] if table.layout.name == "OpenFace" else [f"read as a table of {table.layout.name}"]
    if table.confidence is not None:
        what = "confidence" if table.confidence.ndim == 1 else "the score of the points"
        trust, more = landmark_arrays.scaled_confidence(what, table.confidence)
        notes += more
    tracks, places, faces = [], [], np.unique(table.face).tolist()

    def name(face: int) -> str:
        return str(face) if table.names is None else repr(table.names[face])

    for face in faces:
        place, note = _in_order(path, table, face, name(face))
        frame = table.frame[place]
        notes += note
        length = int(frame[-1] - frame[0]) + 1
        if length > MAX_FRAMES:
            raise InputError(f"{path}: face {name(face)} spans {length} frames; at most {MAX_FRAMES} are read")
        present = np.zeros(length, bool)
        present[frame - frame[0]] = True
        points = np.full((length, *table.points.shape[1:]), np.nan)
        points[present] = table.points[place]
        confidence = time = None
        if trust is not None:
            confidence = np.zeros((length, *trust.shape[1:]))
            confidence[present] = trust[place]
        if table.time is not None:
            time = np.full(length, np.nan)
            time[present] = table.time[place]
        track, more = _track(points, options, present=present, confidence=confidence, face=face, time=time)
        tracks.append(track)
        notes += more if len(faces) == 1 else [f"face {name(face)}: {note}" for note in more]
        places.append(place)
    return Recording(path, "csv", tuple(tracks), (table, places), tuple(notes))


def _in_order(path: Path, table: landmark_table.LandmarkTable, face: int, name: str) -> tuple[np.ndarray, list[str]]:
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


def _read_folder(path: Path, options: ReadOptions) -> Recording:
    names = sorted((p.name for p in path.iterdir() if p.suffix.lower() == ".pts"), key=natural)
    if not names:
        raise InputError(f"{path}: no .pts files in this folder")
    first = pts.read(path / names[0])
    points = np.stack([first, *(pts.read(path / name, landmarks=len(first)) for name in names[1:])])
    track, notes = _track(points, options, offset=-1.0)
    return Recording(path, "pts", (track,), names, tuple(notes))


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key that compares numbers in names by value: frame2 before frame10."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [(0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts]
