"""Score a stabilizer on real tracks without a truth, against the zero-phase smoothing of the track.

All in NumPy. Outliers are found and interpolated first, so that they affect neither the reference nor the scores of
the input.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax import metrics
from fhr_jax.errors import InputError
from fhr_jax.filters import smoothers
from fhr_jax.filters.smoothers import interpolate
from fhr_jax.stabilizer.units import median_face_size

SHIFTS = range(-5, 6)
"""Delays that are tried, in frames."""
WINDOW, ORDER = 13, 2
"""Frames and order of the polynomial of the zero-phase reference."""


class Steadiness(NamedTuple):
    """How much steadier than its input an output is, and what that costs; over valid frames only.

    Attributes:
        second_difference: mean |x(t+1) - 2x(t) + x(t-1)| of the output, divided by that of the input without outliers.
        distance: mean distance of the output to the zero-phase reference, divided by that of the input.
        delay: shift in frames at which the output matches the reference best; positive is late.
        max_deviation: largest distance of a point of the output to the reference, in face sizes.
    """

    second_difference: float
    distance: float
    delay: int
    max_deviation: float


def find_outliers(track: Float[np.ndarray, "t m d"], *, far: float = 0.5) -> Bool[np.ndarray, "t m"]:
    """Where a point is missing or an outlier, (T, M).

    An outlier lies more than `far` face sizes from the median of its 9 neighbouring frames. The size of a face is the
    RMS distance of its points to their centroid, median over the frames.

    Args:
        track: (T, M, d), NaN where a point is missing.
        far: distance in face sizes.
    """
    from scipy.ndimage import median_filter

    missing = np.asarray(~np.isfinite(track).all(axis=-1))
    filled = interpolate(track, missing)
    middle = median_filter(filled, size=(9, 1, 1), mode="nearest")
    outlying = np.linalg.norm(filled - middle, axis=-1) > far * median_face_size(filled)
    return outlying | missing


def zero_phase(
    track: Float[np.ndarray, "t m d"], *, window: int = WINDOW, order: int = ORDER
) -> Float[np.ndarray, "t m d"]:
    """Savitzky-Golay smoothing of the track, with outliers interpolated; not causal, without delay.

    Args:
        track: (T, M, d), NaN where a point is missing.
        window: frames of the filter, odd.
        order: of the polynomial.
    """
    return smoothers.zero_phase(interpolate(track, find_outliers(track)), window=window, order=order)


def steadiness(
    output: Float[np.ndarray, "t m d"],
    track: Float[np.ndarray, "t m d"],
    *,
    valid: Bool[np.ndarray, " t"] | None = None,
) -> Steadiness:
    """Compare a stabilized track with its input.

    Args:
        output: the stabilized track, (T, M, d).
        track: its input, (T, M, d).
        valid: (T,), False leaves a frame out; None counts all.

    Raises:
        InputError: the track is shorter than 13 frames, or no three frames in a row are valid.
    """
    if len(track) < 13:
        raise InputError(f"track: {len(track)} frames, expected at least 13 to compare with")
    valid = np.ones(len(track), bool) if valid is None else valid
    three = valid[2:] & valid[1:-1] & valid[:-2]
    if not three.any():
        raise InputError("valid: no three valid frames in a row, expected some")
    output = np.asarray(output, np.float64)
    clean = interpolate(track, find_outliers(track))
    reference = smoothers.zero_phase(clean, window=WINDOW, order=ORDER)

    def second_difference(x: np.ndarray) -> float:
        return float(metrics.second_difference(x)[three].mean())

    def distance(x: np.ndarray) -> np.ndarray:
        return np.linalg.norm(x - reference, axis=-1)

    edge = max(abs(shift) for shift in SHIFTS)
    inner = slice(edge, len(track) - edge)
    by_shift = [
        np.linalg.norm(output[edge + k : len(track) - edge + k] - reference[inner], axis=-1)[valid[inner]].mean()
        for k in SHIFTS
    ]
    return Steadiness(
        second_difference=second_difference(output) / second_difference(clean),
        distance=float(distance(output)[valid].mean() / distance(clean)[valid].mean()),
        delay=SHIFTS[int(np.argmin(by_shift))],
        max_deviation=float(distance(output)[valid].max() / median_face_size(reference)),
    )
