"""Lids and lips: how far they are open, and how much of their fast movement an output keeps, and how late.

NumPy on the host; (x, y), pixels of any unit, the 68-point markup.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import maximum_filter1d

SLOW = 31
"""Frames of the centred mean that is taken off: what is left are blinks and syllables."""

SHIFTS = np.arange(-20, 51) / 10
"""Frames of delay that are tried."""

NEAR = 10
"""Frames before and after a blink that belong to it."""

_EYES = ((36, 39, (37, 38), (41, 40)), (42, 45, (43, 44), (47, 46)))
_LIPS = (60, 64, (61, 62, 63), (67, 66, 65))
"""First and last corner, points above, points below, for each opening."""


class Followed(NamedTuple):
    """How an output follows a movement.

    Attributes:
        share: of the amplitude that is kept: slope of the output's fast part on the truth's, at the delay.
        delay: frames of shift at which the two correlate best; positive is late.
    """

    share: float
    delay: float


def lids(track: Float[np.ndarray, "*batch t 68 2"]) -> Float[np.ndarray, "*batch t"]:
    """Distance between upper and lower lid, across the line of the corners, the mean of both eyes."""
    return np.mean([_gap(track, *eye) for eye in _EYES], axis=0)


def lips(track: Float[np.ndarray, "*batch t 68 2"]) -> Float[np.ndarray, "*batch t"]:
    """Distance between the inner lips, across the line of the corners."""
    return _gap(track, *_LIPS)


def blinks(opening: Float[np.ndarray, " t"], *, depth: float = 0.5) -> list[int]:
    """Frames at which an exact opening of the lids is smallest, below `depth` of its median: one a blink."""
    closed = np.concatenate([[False], opening < depth * np.median(opening), [False]])
    starts, stops = (np.flatnonzero(np.diff(closed.astype(int)) == sign) for sign in (1, -1))
    return [int(a + np.argmin(opening[a:b])) for a, b in zip(starts, stops, strict=True)]


def near_blinks(openings: Float[np.ndarray, "n t"], *, frames: int = NEAR) -> Bool[np.ndarray, "n t"]:
    """Where an exact opening of the lids is within `frames` of a blink."""
    near = np.zeros(openings.shape, bool)
    for row, opening in zip(near, openings, strict=True):
        row[blinks(opening)] = True
    return maximum_filter1d(near, 2 * frames + 1, axis=1)


def followed(
    output: Float[np.ndarray, "n t"], truth: Float[np.ndarray, "n t"], where: Bool[np.ndarray, "n t"] | None = None
) -> Followed:
    """Share and delay of the fast part of an opening, over all videos together.

    Args:
        output: of the output.
        truth: exact.
        where: frames that count; the first and last half `SLOW` frames of a video never do, nor do frames without an
            output and those around them.
    """
    x, p = _fast(np.asarray(output, np.float64)), _fast(np.asarray(truth, np.float64))
    counts = np.ones(x.shape, bool) if where is None else np.array(where)
    edge = SLOW // 2 + int(np.ceil(np.abs(SHIFTS).max()))
    counts &= np.isfinite(x)
    counts[:, :edge], counts[:, x.shape[1] - edge :] = False, False
    time = np.arange(x.shape[1])
    best = (-np.inf, Followed(np.nan, np.nan))
    for shift in SHIFTS:
        late = np.stack([np.interp(time - shift, time, row) for row in p])[counts]
        product, energy = float(x[counts] @ late), float(late @ late)
        if energy > 0 and product / np.sqrt(energy) > best[0]:
            best = (product / np.sqrt(energy), Followed(product / energy, float(shift)))
    return best[1]


def _gap(
    track: np.ndarray, first: int, last: int, above: tuple[int, ...], below: tuple[int, ...]
) -> Float[np.ndarray, "*batch t"]:
    along = track[..., last, :] - track[..., first, :]
    size = np.maximum(np.linalg.norm(along, axis=-1), 1e-9)
    # A quarter turn from the line of the corners towards the chin: x right, y down.
    down = np.stack([-along[..., 1], along[..., 0]], axis=-1) / size[..., None]
    apart = track[..., list(below), :].mean(axis=-2) - track[..., list(above), :].mean(axis=-2)
    return (apart * down).sum(axis=-1)


def _fast(opening: Float[np.ndarray, "n t"]) -> Float[np.ndarray, "n t"]:
    kernel = np.ones(SLOW) / SLOW
    return opening - np.stack([np.convolve(row, kernel, mode="same") for row in opening])
