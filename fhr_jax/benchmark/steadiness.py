"""Judging a stabilizer on real tracks, where no truth exists: the zero-phase smoothing of the track stands for it.

NumPy on the host. Single points that were thrown far away are found first and interpolated, so that neither the
reference nor the measure of the input is made of them.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import median_filter

from fhr_jax.errors import InputError
from fhr_jax.filters import smoothers
from fhr_jax.filters.smoothers import interpolate

SHIFTS = range(-5, 6)
"""Frames of delay that are tried."""


class Steadiness(NamedTuple):
    """How much steadier, and at what price, an output is than its input; all against the valid frames.

    Attributes:
        bend: mean |x(t+1) - 2x(t) + x(t-1)| of the output over that of the input without its outliers.
        distance: mean distance of the output to the zero-phase reference over that of the input.
        delay: shift in frames at which the output matches the reference best; positive is late.
        stray: largest distance of a point of the output to the reference, in face sizes.
    """

    bend: float
    distance: float
    delay: int
    stray: float


def find_outliers(track: Float[np.ndarray, "t m d"], *, far: float = 0.5) -> Bool[np.ndarray, "t m"]:
    """Points that are missing, or further than `far` face sizes from the median of their 9 neighbouring frames.

    The size of a face is the RMS distance of its points to their centroid, the median over the frames.
    """
    missing = np.asarray(~np.isfinite(track).all(axis=-1))
    filled = interpolate(track, missing)
    off = filled - filled.mean(axis=1, keepdims=True)
    size = np.median(np.sqrt((off**2).sum(axis=-1).mean(axis=-1)))
    middle = median_filter(filled, size=(9, 1, 1), mode="nearest")
    jumped = np.linalg.norm(filled - middle, axis=-1) > far * size
    return jumped | missing


def zero_phase(track: Float[np.ndarray, "t m d"], *, window: int = 13, order: int = 2) -> Float[np.ndarray, "t m d"]:
    """Savitzky-Golay smoothing of the track with its outliers interpolated: not causal, and without delay."""
    return smoothers.zero_phase(interpolate(track, find_outliers(track)), window=window, order=order)


def steadiness(
    output: Float[np.ndarray, "t m d"],
    track: Float[np.ndarray, "t m d"],
    valid: Bool[np.ndarray, " t"] | None = None,
) -> Steadiness:
    """Measure a stabilized track against its input; frames where `valid` is False are left out.

    Raises:
        InputError: the track is shorter than 13 frames, or no three frames in a row are valid.
    """
    if len(track) < 13:
        raise InputError(f"track: {len(track)} frames, expected at least 13 to judge it by")
    valid = np.ones(len(track), bool) if valid is None else valid
    three = valid[2:] & valid[1:-1] & valid[:-2]
    if not three.any():
        raise InputError("valid: no three valid frames in a row")
    output = np.asarray(output, np.float64)
    clean, reference = interpolate(track, find_outliers(track)), zero_phase(track)

    def bend(x: np.ndarray) -> float:
        return float(np.linalg.norm(x[2:] - 2 * x[1:-1] + x[:-2], axis=-1)[three].mean())

    def distance(x: np.ndarray) -> np.ndarray:
        return np.linalg.norm(x - reference, axis=-1)

    edge = max(abs(shift) for shift in SHIFTS)
    inner = slice(edge, len(track) - edge)
    by_shift = [
        np.linalg.norm(output[edge + k : len(track) - edge + k] - reference[inner], axis=-1)[valid[inner]].mean()
        for k in SHIFTS
    ]
    off = reference - reference.mean(axis=1, keepdims=True)
    size = np.median(np.sqrt((off**2).sum(axis=-1).mean(axis=-1)))
    return Steadiness(
        bend=bend(output) / bend(clean),
        distance=float(distance(output)[valid].mean() / distance(clean)[valid].mean()),
        delay=SHIFTS[int(np.argmin(by_shift))],
        stray=float(distance(output)[valid].max() / size),
    )
