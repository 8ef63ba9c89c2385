"""Notice landmarks whose axes are in another order than (..., T, M, d): frames, points, coordinates."""

import numpy as np
from jaxtyping import Num

from fhr_jax.errors import InputError

MARKUP_SIZES = frozenset({5, 7, 19, 21, 29, 51, 68, 98, 106, 194, 468, 478})
"""Numbers of landmarks in common markups."""

SURE = 0.5
"""If the differences along the second axis are smaller than this share of those along the first, and only the first is
as long as a markup, the first axis holds the points."""

LIKELY = 0.2
"""The same share where the lengths do not tell: a warning."""

MAX_LENGTH = 2000
"""Frames and points that are looked at, at most."""

_DIMS = (2, 3)
_NAMES = ("T", "M", "d")


def check(track: Num[np.ndarray, "..."], *, name: str = "track") -> str | None:
    """Refuse an array of landmarks whose axes are clearly in another order than (T, M, d).

    Coordinates that lie on another axis are recognized by its length, 2 or 3. Frames and points are told apart by the
    motion: a landmark moves little from frame to frame, but is far from the next landmark.

    Args:
        track: (T, M, d) in any unit, T frames of M points with d = 2 or 3 coordinates; leading axes are allowed.
        name: of the argument or array, for the messages.

    Returns:
        None, or a sentence that warns of an unlikely order that is not clearly wrong.

    Raises:
        InputError: the order is clearly another one; the message names it and how to change it.
    """
    shape = track.shape
    if len(shape) < 3 or 0 in shape:
        return None
    own = shape[-3:]
    if own[2] not in _DIMS:
        places = [axis for axis in (1, 0) if own[axis] in _DIMS]
        if not places:
            return None
        rest = [axis for axis in (0, 1, 2) if axis != places[0]]
        raise InputError(f"{name}: {_wrong(shape, _order(track, rest, places[0]))}")
    first, second = (_typical_step(track, axis) for axis in (-3, -2))
    if not second < SURE * first:
        return None
    message = _wrong(shape, (1, 0, 2))
    if own[0] in MARKUP_SIZES and own[1] not in MARKUP_SIZES:
        raise InputError(f"{name}: {message}")
    sizes_tell = own[1] in MARKUP_SIZES and own[0] not in MARKUP_SIZES
    if sizes_tell or not second < LIKELY * first:
        return None
    return f"{name}: {message}, unless the face moves more from frame to frame than from point to point"


def _order(track: np.ndarray, rest: list[int], coordinates: int) -> tuple[int, int, int]:
    """The axes of frames, points and coordinates, given that of the coordinates."""
    frames, points = rest
    sizes = track.shape[-3:]
    known = [sizes[axis] in MARKUP_SIZES for axis in rest]
    steps = [_typical_step(track, axis - 3) for axis in rest]
    # A track may have as many frames as a markup has points: motion that is clear tells more than the lengths.
    if known == [True, False]:
        swap = not steps[0] < LIKELY * steps[1]
    else:
        swap = steps[1] < (LIKELY if known == [False, True] else SURE) * steps[0]
    if swap:
        frames, points = points, frames
    return frames, points, coordinates


def _wrong(shape: tuple[int, ...], order: tuple[int, int, int]) -> str:
    """What the shape looks like, and how to change it; `order` are the axes of frames, points and coordinates."""
    names = [_NAMES[order.index(axis)] for axis in range(3)]
    lead = len(shape) - 3
    axes = (*range(lead), *(lead + axis for axis in order))
    return (
        f"shape {shape} looks like ({', '.join(names)}), expected (T, M, d), frames, points, coordinates: "
        f"transpose{axes} changes it"
    )


def _typical_step(track: np.ndarray, axis: int) -> float:
    """Median absolute difference of neighbours along an axis; NaN where there are none."""
    part = track[..., :MAX_LENGTH, :MAX_LENGTH, :]
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(np.asarray(part, np.float64), axis=axis))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if steps.size else float("nan")
