"""Rows of one face as frames of a track: frames without a row are missing, and long gaps are shortened.

A frame without any observation only lets the stabilizer forget. After `LONGEST` of them it has, so the rest of a gap is
one step of many frames: what is kept of a gap are its first frames, and the numbers of the frames tell how long it was.
The time and the memory are then those of the rows, not of the time between them.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from fhr_jax.data.io.formats.base import LandmarkTrack, make_track
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.io.missing_points import MARKERS
from fhr_jax.errors import InputError

LONGEST = 128
"""Frames without a row that are kept of a gap; look-ahead over a whole track sees no further either."""

MAX_FRAMES = 10_000_000
"""Most frames of a track."""

MAX_SPAN = 10**9
"""Most frames from the first to the last one: a year."""


def places(
    frame: Int[np.ndarray, " r"],
) -> tuple[Int[np.ndarray, " r"], Int[np.ndarray, " t"] | None]:
    """Where rows lie in their track (R,), and the frame numbers (T,) of the track where a gap is shortened, else None.

    Args:
        frame: (R,) numbers of the frames of the rows, which increase.
    """
    steps = np.diff(frame)
    kept = np.minimum(steps, LONGEST + 1)
    place = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    if (kept == steps).all():
        return place, None
    left_out = np.zeros(int(place[-1]) + 1, np.int64)
    left_out[place[1:]] = steps - kept
    return place, np.arange(len(left_out)) + np.cumsum(left_out)


def track_of_rows(
    path: Path,
    frame: Int[np.ndarray, " r"],
    points: Float[np.ndarray, "r m d"],
    options: ReadOptions,
    *,
    name: str = "",
    confidence: np.ndarray | None = None,
    time: Float[np.ndarray, " r"] | None = None,
    face: int = 0,
) -> tuple[LandmarkTrack, list[str]]:
    """The track of a face from its rows, and what to tell the user.

    Args:
        path: of the file, for error messages.
        frame: (R,) numbers of the frames, which increase.
        points: (R, M, d) in the unit of the file, NaN where missing.
        options: how they are read.
        name: of the face, for error messages.
        confidence: (R,) or (R, M) in [0, 1], or None.
        time: (R,) in seconds, or None.
        face: number of the face.

    Raises:
        InputError: the frames are too far apart, or too many.
    """
    span = int(frame[-1]) - int(frame[0]) + 1
    if span > MAX_SPAN:
        raise InputError(f"{path}: {name or 'the track'} spans {span} frames; at most {MAX_SPAN} are read")
    place, numbers = places(frame)
    length = int(place[-1]) + 1
    if length > MAX_FRAMES:
        raise InputError(f"{path}: {name or 'the track'} has {length} frames; at most {MAX_FRAMES} are read")

    def spread(values: np.ndarray | None, fill: float) -> Any:
        if values is None or length == len(values):
            return values
        full = np.full((length, *values.shape[1:]), fill)
        full[place] = values
        return full

    present = np.zeros(length, bool)
    present[place] = True
    return make_track(
        spread(points, np.nan),
        options,
        present=present,
        confidence=spread(confidence, 0.0),
        time=spread(time, np.nan),
        face=face,
        frame=numbers,
        first=int(frame[0]),
    )


def track_where_present(
    path: Path,
    points: Float[np.ndarray, "t m d"],
    options: ReadOptions,
    *,
    name: str = "",
    frame: Int[np.ndarray, " t"] | None = None,
    confidence: np.ndarray | None = None,
    time: Float[np.ndarray, " t"] | None = None,
    face: int = 0,
) -> tuple[LandmarkTrack | None, Int[np.ndarray, " r"], list[str]]:
    """The track of a face that is not in all frames: those in which it has no point at all stay as they are.

    Args:
        path: of the file, for error messages.
        points: (T, M, d) in the unit of the file; NaN or markers where a point is missing.
        options: how they are read.
        name: of the face, for error messages.
        frame: (T,) numbers of the frames, which increase; None: 0, 1, 2 and so on.
        confidence: (T,) or (T, M) in [0, 1], or None.
        time: (T,) in seconds, or None.
        face: number of the face.

    Returns:
        The track, None if the face is in no frame; the indices of its frames (R,); what to tell the user.
    """
    known = np.asarray(np.isfinite(points).all(axis=-1))
    if not options.keep_zeros:
        known &= ~np.logical_or.reduce([(points == marker).all(axis=-1) for marker in MARKERS])
    rows = np.flatnonzero(known.any(axis=1))
    if not len(rows):
        return None, rows, []
    track, notes = track_of_rows(
        path,
        rows if frame is None else frame[rows],
        points[rows],
        options,
        name=name,
        confidence=None if confidence is None else confidence[rows],
        time=None if time is None else time[rows],
        face=face,
    )
    return track, rows, notes
