"""Arrays for a page: fewer samples of a long recording, without losing its spikes, and arrays as base64 text.

A long track is cut into buckets of `step` frames. Of each bucket and of each curve the page gets the smallest and the
largest value, in the order in which they came.
"""

import base64
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

MAX_SAMPLES, MIN_SAMPLES = 20_000, 400
"""Samples of a curve, at most, and at least, however many landmarks there are."""

MARGIN = 0.5
"""Room beyond the usual coordinates, as a share of their extent; a point further out is drawn at its edge."""

CHUNK = 8192
"""Frames that are reduced at once."""

_MISSING = -32768


def step_for(frames: int, bytes_per_frame: int, *, budget: float) -> int:
    """Frames in a bucket, 1 for all frames, so that one face takes at most `budget` bytes where that is possible."""
    samples = int(np.clip(budget / max(bytes_per_frame, 1), MIN_SAMPLES, MAX_SAMPLES))
    return 1 if frames <= samples else -(-2 * frames // samples)


def places(frames: int, step: int) -> Shaped[np.ndarray, " s"]:
    """Numbers of the frames (S,), from 0, that samples stand for: all, or two in each bucket."""
    if step == 1:
        return np.arange(frames)
    starts = np.arange(0, frames, step)
    inside = np.minimum(np.stack([starts + step // 4, starts + 3 * step // 4], axis=1).reshape(-1), frames - 1)
    inside[0], inside[-1] = 0, frames - 1  # the curves begin and end with the recording
    return inside


def extremes(
    values: Float[np.ndarray, "t *n"], step: int, *, where: Float[np.ndarray, "t m 2"] | None = None
) -> Float[np.ndarray, "s *n"]:
    """Smallest and largest known value of each bucket and curve, (T, ...) to (S, ...), in the unit of the values.

    Args:
        values: (T, ...) of any unit.
        step: frames in a bucket; with 1 the values stay as they are.
        where: (T, M, 2), for values (T, M), which count where their point is known, or (T, 1), which count where half
            of the points are.

    Returns:
        (S, ...), S as in `places`; NaN where a bucket has no known value.
    """
    buckets = max(1, CHUNK // step)
    starts = range(0, len(values), buckets * step)
    parts = []
    for start in starts:
        part = np.asarray(values[start : start + buckets * step], np.float64)
        if where is not None:
            known = np.asarray(np.isfinite(where[start : start + buckets * step]).all(axis=-1))
            known = known if values.shape[1:] == where.shape[1:2] else known.mean(axis=1, keepdims=True) >= 0.5
            part = np.where(known, part, np.nan)
        parts.append(part if step == 1 else _extremes(part, step))
    return np.concatenate(parts) if parts else np.zeros((0, *values.shape[1:]))


def _extremes(values: np.ndarray, step: int) -> np.ndarray:
    frames, rest = len(values), values.shape[1:]
    buckets = -(-frames // step)
    padded = np.full((buckets * step, *rest), np.nan)
    padded[:frames] = values
    padded = padded.reshape(buckets, step, *rest)
    known = np.isfinite(padded)
    low, high = np.where(known, padded, np.inf), np.where(known, padded, -np.inf)
    first = low.argmin(axis=1) <= high.argmax(axis=1)
    lowest, highest = (np.where(known.any(axis=1), v, np.nan) for v in (low.min(axis=1), high.max(axis=1)))
    pair = np.stack([np.where(first, lowest, highest), np.where(first, highest, lowest)], axis=1)
    return pair.reshape(2 * buckets, *rest)


def base64_text(content: bytes) -> str:
    """Bytes as text that a page can hold."""
    return base64.b64encode(content).decode("ascii")


def encoded(values: Shaped[np.ndarray, "..."], kind: str) -> dict[str, Any]:
    """An array (...) of any unit as JSON: its numbers as base64 of little-endian `kind`, such as "f4" or "f8"."""
    array = np.ascontiguousarray(values, np.dtype(f"<{kind}"))
    return {"kind": kind, "shape": list(array.shape), "data": base64_text(array.tobytes())}


def encoded_share(values: Float[np.ndarray, "s m"]) -> dict[str, Any]:
    """Values (S, M) in [0, 1] as JSON, in steps of 1/254; NaN becomes 255."""
    share = np.where(np.isfinite(values), np.rint(254 * np.clip(np.nan_to_num(values), 0, 1)), 255)
    return encoded(share, "u1")


class Quantizer:
    """Coordinates in pixels as whole numbers of 16 bits, with the same steps for all arrays of a face.

    Attributes:
        centre: (2,) the coordinates of 0.
        step: pixels of 1.
        clipped: whether a point lay further out than the numbers reach.
    """

    def __init__(self, *tracks: Float[np.ndarray, "t m 2"]):
        some = [np.asarray(track[:: max(1, len(track) // 4000)], np.float64) for track in tracks]
        points = np.concatenate([track[np.isfinite(track).all(axis=-1)] for track in some])
        low, high = np.percentile(points, [0.5, 99.5], axis=0) if len(points) else (np.zeros(2), np.ones(2))
        self.centre = (low + high) / 2
        self.step = max(float((high - low).max()), 1e-9) * (1 + 2 * MARGIN) / 65534
        self.clipped = False

    def __call__(self, track: Float[np.ndarray, "s m 2"]) -> dict[str, Any]:
        """A track (S, M, 2) in pixels as JSON; missing points become -32768."""
        known = np.isfinite(track).all(axis=-1, keepdims=True)
        whole = np.rint((np.where(known, track, self.centre) - self.centre) / self.step)
        self.clipped |= bool((np.abs(whole) > 32767).any())
        whole = np.clip(whole, -32767, 32767)
        coded = encoded(np.where(known, whole, _MISSING), "i2")
        return coded | {"step": self.step, "centre": self.centre.tolist()}
