"""Numbers of the frames that a page names: those of the file, or of the table that `fhr-jax track` writes."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from fhr_jax.data.io.landmark_files import LandmarkTrack

NUMBERED = ("csv", "deeplabcut")
"""Kinds of files that number their frames themselves; the frames of others count from 1."""

CLOSE = 1e-3
"""Seconds between the time of a frame and that in the table, which is rounded."""


def in_file(track: LandmarkTrack, kind: str) -> Int[np.ndarray, " t"]:
    """The number of each frame (T,) of a track from a kind of file."""
    frames = np.arange(len(track.points)) if track.frame is None else track.frame
    return frames + track.first + (kind not in NUMBERED)


def in_table(path: Path, times: Float[np.ndarray, " t"]) -> Int[np.ndarray, " t"] | None:
    """The number of each frame (T,) at its time in seconds, from landmarks.csv of `fhr-jax track`.

    Frames without a face have no row there; they are counted between those that have one. None where there is no such
    table, or it has other times.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            if not stream.readline().startswith("frame,face_id,timestamp,"):
                return None
            cells = (line.split(",", 3)[:3] for line in stream)
            rows = np.array([(float(frame), float(time)) for frame, _, time in cells]).reshape(-1, 2)
    except (OSError, ValueError):
        return None
    if not len(rows) or not np.isfinite(rows).all() or not np.isfinite(times).all():
        return None
    number, first = np.unique(rows[:, 0], return_index=True)
    at = rows[first, 1]
    after = np.searchsorted(times, at).clip(1, max(1, len(times) - 1))
    place = np.where(at - times[after - 1] <= times[after % len(times)] - at, after - 1, after % len(times))
    if (np.abs(times[place] - at) > CLOSE).any() or (np.diff(place) <= 0).any():
        return None
    frames = np.arange(len(times))
    found = np.interp(frames, place, number)
    found = np.where(frames < place[0], number[0] + frames - place[0], found)
    found = np.rint(np.where(frames > place[-1], number[-1] + frames - place[-1], found)).astype(np.int64)
    return found if (np.diff(found) > 0).all() else None
