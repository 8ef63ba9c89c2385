"""The numbers of a track that its page shows, frame by frame: jitter, missing and moved points by region, openings.

NumPy on the host; points are (x, y) in pixels. Lengths are in percent of the face size, the RMS distance of the
landmarks to their centroid. A region's number is the mean over its landmarks that are known; NaN without any.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from fhr_jax.markup import Markup, regions_of
from fhr_jax.metrics import second_difference
from fhr_jax.metrics.eyelid_lip_opening import eyelid_opening, has_openings, lip_opening

FAR = 10.0
"""Distance between raw and smoothed point in percent of the face size from which the point counts as moved far: one
that the filter did not believe."""

CHUNK = 4096
"""Frames that are measured at once, so that memory does not grow with the recording."""

SHARES = 3.0
"""Largest coordinate of a track whose points are shares of the image."""

WHOLE = "whole face"
"""The name of the region of all landmarks."""


class TrackOfFace(NamedTuple):
    """One face over time, as a page shows it.

    Attributes:
        times: (T,) in seconds, increasing.
        steady: (T, M, 2) the track that is to be judged, NaN where a point is missing.
        raw: (T, M, 2) the same before smoothing; None if it was not smoothed.
        confidence: (T, M) or (T, 1) in [0, 1], or None.
        name: that tells it from other faces.
        number: (T,) of the frames in the recording, increasing; None: 1, 2, 3 and so on.
        left_out: frames in long gaps without the face that the arrays do not have.
    """

    times: Float[np.ndarray, " t"]
    steady: Float[np.ndarray, "t m 2"]
    raw: Float[np.ndarray, "t m 2"] | None = None
    confidence: Float[np.ndarray, "t _"] | None = None
    name: str = "face"
    number: Int[np.ndarray, " t"] | None = None
    left_out: int = 0


class TrackNumbers(NamedTuple):
    """What is measured of one face, T frames and R regions, the first of which is the whole face.

    Attributes:
        regions: R names.
        size: (T,) of the face in pixels.
        seen: (T,) frames in which at least half of the landmarks are known, before smoothing.
        jitter: (T, R) mean second difference over time in percent of the face size.
        jitter_raw: (T, R) the same of the raw track, or None.
        missing: (T, R) share of the landmarks without a raw place, in percent.
        far: (T, R) share of the landmarks that smoothing moved by more than `FAR`, in percent; 0 without a raw track.
        moved: (T,) mean distance between raw and smoothed landmarks, in percent of the face size; None without raw.
        confidence: (T,) mean confidence of the landmarks, NaN in frames without the face; or None.
        eyes: (T,) distance of the lids, mean of both eyes, in percent of the face size; None where the markup does
            not tell.
        mouth: (T,) distance of the inner lips in the same unit, or None.
    """

    regions: tuple[str, ...]
    size: Float[np.ndarray, " t"]
    seen: Bool[np.ndarray, " t"]
    jitter: Float[np.ndarray, "t r"]
    jitter_raw: Float[np.ndarray, "t r"] | None
    missing: Float[np.ndarray, "t r"]
    far: Float[np.ndarray, "t r"]
    moved: Float[np.ndarray, " t"] | None
    confidence: Float[np.ndarray, " t"] | None
    eyes: Float[np.ndarray, " t"] | None
    mouth: Float[np.ndarray, " t"] | None


def has_face(points: Float[np.ndarray, "t m _"]) -> Bool[np.ndarray, " t"]:
    """The frames (T,) in which at least half of the landmarks (T, M, d), in any unit, are known."""
    return np.asarray(np.isfinite(points).all(axis=-1).mean(axis=1) >= 0.5)


def in_pixels(*tracks: Float[np.ndarray, "_ _ _"]) -> bool:
    """Whether the largest coordinate of tracks (T, M, d) says that they are in pixels, and not shares of the image."""
    parts = (track[start : start + CHUNK] for track in tracks for start in range(0, len(track), CHUNK))
    return any(float(np.nanmax(np.abs(part), initial=0)) > SHARES for part in parts)


def frame_numbers(face: TrackOfFace) -> Int[np.ndarray, " t"]:
    """Number of each frame (T,) in the recording."""
    return np.arange(1, len(face.times) + 1) if face.number is None else face.number


def measure(face: TrackOfFace, *, markup: Markup) -> TrackNumbers:
    """All numbers of a face with landmarks (T, M, 2) in pixels; its arrays may lie on disk, mapped to memory."""
    size = face_sizes(face.steady)
    regions: tuple[str, ...] = ()
    fields: dict[str, Any] = {}
    for start in range(0, len(size), CHUNK):
        part = _measure(face, size, markup, start)
        regions = part.regions
        for name, values in zip(TrackNumbers._fields[1:], part[1:], strict=True):
            if start == 0:
                fields[name] = None if values is None else _empty(len(size), values)
            if values is not None:
                fields[name][start : start + len(values)] = values
    return TrackNumbers(regions, **fields)


def _empty(frames: int, like: np.ndarray) -> np.ndarray:
    """For so many frames: numbers by region in float32, since a long recording has many of them."""
    return np.empty((frames, *like.shape[1:]), np.float32 if like.ndim > 1 else like.dtype)


def _measure(face: TrackOfFace, sizes: np.ndarray, markup: Markup, start: int) -> TrackNumbers:
    """The numbers of the frames of a chunk, from those and a frame more on each side, for the second difference."""
    stop = min(len(sizes), start + CHUNK)
    part = slice(max(0, start - 1), stop + 1)
    own = slice(start - part.start, stop - part.start)
    regions = {WHOLE: tuple(range(markup.size))} | regions_of(markup)

    def by_region(values: np.ndarray) -> np.ndarray:
        return np.stack([_mean(values[own, list(points)]) for points in regions.values()], axis=1)

    size = sizes[part]
    steady = np.asarray(face.steady[part], np.float64)
    raw = steady if face.raw is None else np.asarray(face.raw[part], np.float64)
    known = np.asarray(np.isfinite(raw).all(axis=-1))
    seen = has_face(raw)  # before smoothing, which fills gaps
    distance = 100 * np.linalg.norm(raw - steady, axis=-1) / size[:, None]
    eyes = mouth = confidence = None
    if has_openings(markup):
        openings = (eyelid_opening(steady, markup=markup), lip_opening(steady, markup=markup))
        eyes, mouth = ((100 * opening / size)[own] for opening in openings)
    if face.confidence is not None:
        confidence = np.where(seen, _mean(np.asarray(face.confidence[part], np.float64)), np.nan)[own]
    return TrackNumbers(
        regions=tuple(regions),
        size=size[own],
        seen=seen[own],
        jitter=by_region(jitter(steady, size)),
        jitter_raw=None if face.raw is None else by_region(jitter(raw, size)),
        missing=by_region(np.where(known, 0.0, 100.0)),
        far=by_region(np.where(np.nan_to_num(distance) > FAR, 100.0, 0.0)),
        moved=None if face.raw is None else _mean(distance)[own],
        confidence=confidence,
        eyes=eyes,
        mouth=mouth,
    )


def face_sizes(track: Float[np.ndarray, "t m 2"]) -> Float[np.ndarray, " t"]:
    """Size of the face in each frame (T,), the RMS distance of its landmarks (T, M, 2) to their centroid, in pixels.

    Frames with a missing landmark take it from the frames around them; without any complete frame the size is that
    of the landmarks that are known, and 1 where it would be 0.
    """
    parts = [_sizes(np.asarray(track[start : start + CHUNK], np.float64)) for start in range(0, len(track), CHUNK)]
    if not parts:
        return np.ones(0)
    size, complete = (np.concatenate(part) for part in zip(*parts, strict=True))
    good = (complete if complete.any() else np.isfinite(size)) & (size > 0)
    if not good.any():
        return np.ones(len(track))
    return np.interp(np.arange(len(track)), np.flatnonzero(good), size[good])


def _sizes(track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    away = track - _mean(track, axis=1)[:, None]
    return np.sqrt(_mean((away**2).sum(axis=-1))), np.asarray(np.isfinite(track).all(axis=(1, 2)))


def jitter(track: Float[np.ndarray, "t m 2"], size: Float[np.ndarray, " t"]) -> Float[np.ndarray, "t m"]:
    """Second difference over time (T, M) of a track (T, M, 2), in percent of the face size (T,).

    NaN in the first and the last frame, and where one of the three points is missing.
    """
    result = np.full(track.shape[:2], np.nan)
    if len(track) > 2:
        result[1:-1] = 100 * second_difference(track) / size[1:-1, None]
    return result


def mean_shape(track: Float[np.ndarray, "t m 2"], *, markup: Markup) -> Float[np.ndarray, "m 2"]:
    """The mean face (M, 2) of a track (T, M, 2), upright, in face sizes about its centroid; NaN for unseen landmarks.

    A face is upright where the line through the points that normalize errors is level; without such points it stays as
    it is in the image.
    """
    chosen = np.unique(np.linspace(0, len(track) - 1, 500).round().astype(int)) if len(track) else []
    some = np.asarray(track[chosen], np.float64)
    some = some[np.isfinite(some).all(axis=-1).mean(axis=1) >= 0.5]
    if not len(some):
        return np.full(track.shape[1:], np.nan)
    some = (some - _mean(some, axis=1)[:, None]) / face_sizes(some)[:, None, None]
    if markup.eye_corners:
        first, second = (some[:, np.atleast_1d(group)].mean(axis=1) for group in markup.eye_corners)
        along = second - first
        along *= np.where(np.nansum(np.sign(along[:, :1])) < 0, -1, 1)
        length = np.linalg.norm(along, axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            cos, sin = (along / length[:, None]).T
        known = np.isfinite(cos) & np.isfinite(sin)
        cos, sin = np.where(known, cos, 1)[:, None], np.where(known, sin, 0)[:, None]
        some = np.stack([cos * some[..., 0] + sin * some[..., 1], cos * some[..., 1] - sin * some[..., 0]], axis=-1)
    return _mean(some, axis=0)


def _mean(values: np.ndarray, *, axis: int = -1) -> np.ndarray:
    """Mean of the known values; NaN without any."""
    known = np.isfinite(values)
    number = known.sum(axis=axis)
    return np.where(number > 0, np.where(known, values, 0).sum(axis=axis) / np.maximum(number, 1), np.nan)
