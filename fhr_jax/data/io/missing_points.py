"""Recognize missing points that a file writes as (0, 0) or (-1, -1).

Many detectors write a point that they did not find as zeros or as minus ones. A point counts as missing only if both
coordinates are exactly that number *and* the face is elsewhere, so coordinates in which 0 is ordinary (normalized to
[0, 1], centred on the face or on one of its points) stay as they are. With the bounding box of the frame's other
points, and the face size S, the larger side of that box (or of the track's median box, if that is larger), a point
at the marker is missing

* if it lies further than S outside the box; or
* if it lies outside the box, and jumps there and back: before and after the frames in which it is at the marker, it is
  further than S / 4 from there, once it has been moved as the other points have moved.

A frame with fewer than two other points, in which all others lie at one marker, has no face. Its points are missing if
the marker lies outside the box of the nearest frames with a face, before and after.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

MARKERS = (0.0, -1.0)
"""Values that both coordinates of a missing point may have."""

FAR = 1.0
"""Face sizes outside the box of the other points, beyond which a point at a marker is missing."""

JUMP = 0.25
"""Face sizes that a missing point outside the box jumps to the marker and back; a point cut off at the corner of an
image moves there with the face."""

CHUNK = 4096
"""Frames that are looked at at once."""

MIN_POINTS = 3
"""Tracks with fewer points are left as they are: there is no face to compare with."""


class _Boxes(NamedTuple):
    """Bounding boxes of the points that are not at a marker.

    Attributes:
        low: (T, d) lowest coordinates, inf where a frame has none.
        high: (T, d) highest coordinates, -inf where a frame has none.
        face: (T,) whether a frame has at least two such points, not all in one place.
        size: () median over the frames with a face of the larger side.
    """

    low: np.ndarray
    high: np.ndarray
    face: np.ndarray
    size: float


def find_markers(points: Float[np.ndarray, "t m d"], *, offset: float = 0.0) -> dict[float, Bool[np.ndarray, "t m"]]:
    """Find the missing points that are written as markers.

    Args:
        points: (T, M, d) in any unit; NaN where a point is known to be missing.
        offset: what reading the file added to its coordinates, such as -1 for .pts files.

    Returns:
        For each marker, as it stands in the file, that occurs as a missing point: (T, M), True where it does.
    """
    values = [np.float64(marker + offset) for marker in MARKERS]
    parts = range(0, len(points), CHUNK)
    if points.shape[1] < MIN_POINTS or not any(
        (points[start : start + CHUNK] == value).all(axis=-1).any() for start in parts for value in values
    ):
        return {}
    points = np.asarray(points, np.float64)
    at = {marker: (points == marker + offset).all(axis=-1) for marker in MARKERS}
    suspects = np.logical_or.reduce(list(at.values()))
    boxes = _boxes(points, suspects)
    if not boxes.face.any():
        return {}
    found = {}
    for marker, places in at.items():
        missing = _in_faces(points, places, suspects, boxes, marker + offset)
        missing |= places & _lost_frames(places, suspects, boxes, marker + offset)[:, None]
        if missing.any():
            found[marker] = missing
    return found


def _boxes(points: np.ndarray, suspects: np.ndarray) -> _Boxes:
    known = np.isfinite(points).all(axis=-1) & ~suspects
    low = np.where(known[..., None], points, np.inf).min(axis=1)
    high = np.where(known[..., None], points, -np.inf).max(axis=1)
    with np.errstate(invalid="ignore"):
        side = (high - low).max(axis=-1)
    face = (known.sum(axis=1) >= 2) & (side > 0)
    # Where most points are missing the box is too small for a face.
    whole = face & (known.mean(axis=1) > 0.5)
    return _Boxes(low, high, face, float(np.median(side[whole if whole.any() else face])) if face.any() else 0.0)


def _outside(low: np.ndarray, high: np.ndarray, value: float) -> np.ndarray:
    """How far the point with all coordinates `value` lies outside boxes (N, d), the largest coordinate of it: (N,)."""
    return np.maximum(low - value, value - high).max(axis=-1)


def _in_faces(points: np.ndarray, places: np.ndarray, suspects: np.ndarray, boxes: _Boxes, value: float) -> np.ndarray:
    """(T, M) the points at a marker that are missing, in frames with a face."""
    missing = np.zeros_like(places)
    chosen = places.any(axis=1) & boxes.face
    distance = _outside(boxes.low, boxes.high, value)
    size = np.maximum((boxes.high - boxes.low).max(axis=-1, initial=0, where=boxes.face[:, None]), boxes.size)
    missing[chosen & (distance > FAR * size)] = True
    near = chosen & (distance > 0) & (distance <= FAR * size)
    known = np.isfinite(points).all(axis=-1) & ~suspects

    @cache
    def moved(start: int, end: int) -> np.ndarray:
        """How far most points that both frames have move from one to the other, (d,)."""
        common = known[start] & known[end]
        return (
            np.median(points[end, common] - points[start, common], axis=0)
            if common.any()
            else np.zeros(points.shape[-1])
        )

    for m in np.flatnonzero((places & near[:, None]).any(axis=0)):
        frames = np.flatnonzero(known[:, m] & boxes.face)
        for run in _runs(places[:, m]):
            k = np.searchsorted(frames, run[0])
            edges = [(before, run[0]) for before in frames[max(k - 1, 0) : k]]
            edges += [(after, run[-1]) for after in frames[k : k + 1]]
            jumps = [np.linalg.norm(points[f, m] + moved(int(f), int(t)) - value) for f, t in edges]
            if jumps and min(jumps) > JUMP * size[run[0]]:
                missing[run[near[run]], m] = True
    return missing & places


def _runs(chosen: np.ndarray) -> list[np.ndarray]:
    """The runs of consecutive frames that are chosen (T,), each as the numbers of its frames."""
    frames = np.flatnonzero(chosen)
    return np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)


def _lost_frames(places: np.ndarray, suspects: np.ndarray, boxes: _Boxes, value: float) -> np.ndarray:
    """(T,) the frames without a face that have points at a marker outside the faces before and after."""
    lost = np.zeros(len(places), bool)
    faces = np.flatnonzero(boxes.face)
    chosen = np.flatnonzero((places.sum(axis=1) >= 2) & ~boxes.face)
    after = np.searchsorted(faces, chosen)
    for t, k in zip(chosen, after, strict=True):
        near = faces[[max(k - 1, 0), min(k, len(faces) - 1)]]
        lost[t] = _outside(boxes.low[near].min(axis=0)[None], boxes.high[near].max(axis=0)[None], value)[0] > 0
    return lost
