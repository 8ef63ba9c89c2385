"""What `fhr-jax smooth` says at its end: how many frames, how many points were missing, how far they jump."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fhr_jax import metrics
from fhr_jax.data.io.formats.base import LandmarkTrack
from fhr_jax.data.io.frame_times import Timeline

SHARES = 3.0
"""Largest coordinate of a file whose points are shares of the image."""

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
    frames = sum(int(track.present.sum()) for track in before)
    points = sum(int(track.present.sum()) * track.points.shape[1] for track in before)
    missing = sum(_missing(track) for track in before)
    faces = f"{len(before)} face{'s' if len(before) > 1 else ''}"
    lines = [f"{output}: {frames} frames, {faces}, {100 * missing / points:.2f} % of the points were missing"]
    both = [
        _jitter(track.points, steady, timeline.new)
        for track, steady, timeline in zip(before, after, timelines, strict=True)
    ]
    raw, steady = (np.concatenate(side) for side in zip(*both, strict=True))
    if raw.size:
        # Normalised coordinates are shares of the image, and their jitter far below a thousandth.
        unit = "pixels" if max(_largest(track.points) for track in before) > SHARES else "units"
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


def _missing(track: LandmarkTrack) -> int:
    x = track.points[..., 0]
    return sum(int(np.isnan(x[own][track.present[own]]).sum()) for own in _chunks(len(x)))


def _largest(points: np.ndarray) -> float:
    return max(float(np.nanmax(np.abs(points[own]), initial=0)) for own in _chunks(len(points)))


def _chunks(frames: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, frames, CHUNK))


def _number(value: Any) -> str:
    return f"{value:.3f}" if value >= 0.1 or value == 0 else f"{value:.3g}"
