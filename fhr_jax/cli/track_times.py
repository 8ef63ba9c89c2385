"""When the frames of a user's track were taken, and how far they are trusted: the same for `smooth` and `fit`."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax.data.io import frame_times
from fhr_jax.data.io.frame_times import Timeline
from fhr_jax.data.io.landmark_files import LandmarkTrack, Recording
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import FRAME_RATE
from fhr_jax.stabilizer.cleaning import LONGEST_GAP

MIN_CONFIDENCE = 0.05
"""Lower limit of the confidence of a whole frame, as OpenFace gives it: the stabilizer divides the noise by it."""

_CHUNK = 4096
"""Frames that are looked at at once."""


class Pieces(NamedTuple):
    """The new frames of a track without the long gaps in it.

    Attributes:
        used: (N,) False for frames without a point in a long gap: nothing is known of them.
        restart: (K,) of the K used frames, True where a face is seen again after a long gap; the past is forgotten.
        dt: (K,) steps before each, in frames of the nominal rate, 1 at a restart; None where all are 1.
    """

    used: Bool[np.ndarray, " n"]
    restart: Bool[np.ndarray, " k"]
    dt: Float[np.ndarray, " k"] | None


def pieces(points: Float[np.ndarray, "n m d"], timeline: Timeline) -> Pieces:
    """What the stabilizer takes of the new frames (N, M, d) of a track.

    Args:
        points: the new frames, in any unit, NaN where missing.
        timeline: of the track.
    """
    return _pieces(seen(points), timeline)


def track_pieces(track: LandmarkTrack, timeline: Timeline) -> Pieces:
    """`pieces` of a track, without a copy of its points."""
    return _pieces(seen(track.points)[timeline.new], timeline)


def seen(points: Float[np.ndarray, "n m d"]) -> Bool[np.ndarray, " n"]:
    """The frames (N,) that show a point, of points (N, M, d) in any unit."""
    parts = range(0, len(points), _CHUNK)
    shown = [np.isfinite(points[start : start + _CHUNK]).all(axis=-1).any(axis=-1) for start in parts]
    return np.concatenate(shown) if shown else np.zeros(0, bool)


def _pieces(seen: Bool[np.ndarray, " n"], timeline: Timeline) -> Pieces:
    dt = np.ones(len(seen)) if timeline.dt is None else timeline.dt
    clock = np.cumsum(dt)
    before = np.maximum.accumulate(np.where(seen, clock, clock[:1] - 1))
    after = np.minimum.accumulate(np.where(seen, clock, clock[-1:])[::-1])[::-1]
    used = seen | (after - before <= LONGEST_GAP)
    known = np.flatnonzero(seen)
    restart = np.zeros(len(seen), bool)
    restart[known[1:][np.diff(clock[known]) > LONGEST_GAP]] = True
    steps = np.where(restart, 1.0, dt)[used]
    return Pieces(used, restart[used], None if timeline.dt is None else steps)


def check_over_time(recording: Recording) -> None:
    """Refuse a file whose faces are those of single images.

    Raises:
        InputError: they are.
    """
    if recording.images:
        raise InputError(
            f"{recording.path}: {recording.title}: each row is the face of a single image, expected faces over time, "
            "as FaceLandmarkVid and FeatureExtraction write them"
        )


def timeline(track: LandmarkTrack, recording: Recording, *, fps: float | None) -> Timeline:
    """The steps between the frames of a track that are not repeated.

    Args:
        track: of the recording.
        recording: its file.
        fps: frames a second that the user gave, which count instead of the times and the rate of the file.

    Raises:
        InputError: the times run backwards or are no seconds, or the rate is out of range.
    """
    # Times of its own tell more about a frame than the rate of the file.
    rate = fps if fps is not None or track.time is not None else recording.fps
    try:
        return frame_times.timeline(
            track.points,
            nominal=FRAME_RATE,
            time=track.time,
            present=track.present,
            fps=rate,
            name="timestamp" if recording.kind == "csv" else "time",
            option=fps is not None,
            frame=track.frame,
        )
    except InputError as error:
        raise InputError(f"{recording.path}: {error}") from None


def gap_notes(found: Pieces, present: Bool[np.ndarray, " n"]) -> list[str]:
    """What to tell the user about the long gaps of a track.

    Args:
        found: its pieces.
        present: (N,) whether the file has each of the new frames; nobody expects the others to be filled.
    """
    seconds = LONGEST_GAP / FRAME_RATE
    notes = []
    if number := int(found.restart.sum()):
        times = "once" if number == 1 else f"{number} times"
        notes.append(f"a gap of more than {seconds:.1f} s {times}: the face starts anew after it")
    if number := int((~found.used & present).sum()):
        frames = "1 frame lies" if number == 1 else f"{number} frames lie"
        notes.append(f"{frames} in gaps of more than {seconds:.1f} s: left as they are, nothing is known of them")
    return notes


def confidence(track: LandmarkTrack, timeline: Timeline) -> Float[np.ndarray, "n *m"] | None:
    """The confidence (N,) or (N, M) of the new frames of a track; None where the file has none, or only zeros."""
    if track.confidence is None or not track.confidence.max() > 0:
        return None
    weight = track.confidence if track.confidence.ndim == 2 else track.confidence.clip(MIN_CONFIDENCE)
    return weight if timeline.new.all() else weight[timeline.new]
