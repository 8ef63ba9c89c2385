"""What `fhr-jax smooth` says at its end: how many frames, how many points were missing, how far they jump."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fhr_jax import metrics
from fhr_jax.data.io.formats.base import LandmarkTrack
from fhr_jax.data.io.frame_times import Timeline
from fhr_jax.reports.track_data import has_face, in_pixels

NAMED = 4
"""Faces that are named with their frames without the face, at most."""

MOST = 2**21
"""Second differences of a track whose median is printed; of a longer track they are those of evenly spaced frames."""

ROUGHER = 1.05
"""Ratio of the jitter after to that before from which on the user is told."""

CHUNK = 4096
"""Frames that are looked at at once."""


def summary(
    output: Path, before: Sequence[LandmarkTrack], after: Sequence[np.ndarray], timelines: Sequence[Timeline]
) -> str:
    """The lines for the user.

    Args:
        output: the file that was written.
        before: its tracks.
        after: their new points (T, M, d).
        timelines: of the tracks.
    """
    lines = [f"{output}: {_frames(before)}"]
    both = [
        _jitter(track.points, steady, timeline.new)
        for track, steady, timeline in zip(before, after, timelines, strict=True)
    ]
    raw, steady = (np.concatenate(side) for side in zip(*both, strict=True))
    if raw.size:
        # Normalised coordinates are shares of the image, and their jitter far below a thousandth.
        unit = "pixels" if in_pixels(*(track.points for track in before)) else "units"
        # A repeated frame makes the track seem to stand still, before and after.
        without = "" if all(timeline.new.all() for timeline in timelines) else ", without repeated frames"
        lines.append(
            f"jitter (median second difference of a point over time{without}): {_number(np.median(raw))} before, "
            f"{_number(np.median(steady))} after, in {unit} of the file"
        )
        if np.median(steady) > ROUGHER * np.median(raw):
            lines.append(
                "the output jitters more than the input: these points may be smooth already, or not those of one face"
            )
    return "\n".join(lines)


def _jitter(before: np.ndarray, after: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Second differences of two tracks (T, M, d) at the frames that are not repeated, where all three are observed."""
    rows = np.flatnonzero(new)
    middle = np.arange(1, len(rows) - 1)
    middle = middle[:: max(1, -(-len(middle) * before.shape[1] // MOST))]
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for chosen in np.array_split(middle, max(1, len(middle) // CHUNK)):
        three = [rows[chosen + k] for k in (-1, 0, 1)]
        known = np.logical_and.reduce([np.isfinite(before[own, :, 0]) for own in three])
        for side, track in zip(found, (before, after), strict=True):
            parts = np.stack([np.asarray(track[own], np.float64) for own in three])
            points = parts.reshape(3, -1, parts.shape[-1])[:, known.ravel()]
            side.append(metrics.second_difference(points)[0])
    return np.concatenate(found[0]), np.concatenate(found[1])


def _frames(tracks: Sequence[LandmarkTrack]) -> str:
    """The frames of the recording, how many are without the face, and the points that are missing in the others.

    As on the page: a frame has a face if at least half of its landmarks are known, and the frames of a face are those
    from its first to its last one, whether the file has rows for them or not.
    """
    spans = [len(track.points) if track.frame is None else int(track.frame[-1]) + 1 for track in tracks]
    frames = max(t.first + span for t, span in zip(tracks, spans, strict=True)) - min(t.first for t in tracks)
    counts = [_counts(track) for track in tracks]
    lost = [(t.face, span - seen, span) for t, span, (seen, *_) in zip(tracks, spans, counts, strict=True)]
    lost = [one for one in lost if one[1]]
    faces = f"{len(tracks)} face{'s' * (len(tracks) > 1)}"
    parts = [f"{frames} frame{'s' * (frames != 1)}, {faces}"]
    if len(tracks) == 1:
        parts += [f"{number} of the frames without the face" for _, number, _ in lost]
    elif lost:
        named = [f"face {face} in {number} of its {span} frames" for face, number, span in lost[:NAMED]]
        named += [f"{len(lost) - NAMED} more faces in some"] * (len(lost) > NAMED)
        parts.append(f"not there: {', '.join(named)}")
    missing, points = (sum(count) for count in list(zip(*counts, strict=True))[1:])
    if points:
        elsewhere = "elsewhere " if lost else ""
        parts.append(f"{elsewhere}{100 * missing / points:.2f} % of the points were missing")
    return "; ".join(parts) if lost else ", ".join(parts)


def _counts(track: LandmarkTrack) -> tuple[int, int, int]:
    """Frames with the face, and of these the missing points and all points."""
    seen = missing = 0
    for own in _chunks(len(track.points)):
        part = track.points[own]
        part = part[has_face(part)]
        seen += len(part)
        missing += int((~np.isfinite(part).all(axis=-1)).sum())
    return seen, missing, seen * track.points.shape[1]


def _chunks(frames: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, frames, CHUNK))


def _number(value: Any) -> str:
    return f"{value:.3f}" if value >= 0.1 or value == 0 else f"{value:.3g}"
