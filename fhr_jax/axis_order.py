"""Notice landmarks whose axes are in another order than (..., T, M, d): frames or images, points, coordinates."""

from typing import Literal

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

MANY = 51
"""Points from which on a markup's number of points is rarely the number of frames or images by chance."""

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
    message = _wrong(shape, (1, 0, 2))
    points_first = own[0] in MARKUP_SIZES and own[1] not in MARKUP_SIZES
    if points_first and second < SURE * first:
        raise InputError(f"{name}: {message}")
    frames_first = own[1] in MARKUP_SIZES and own[0] not in MARKUP_SIZES
    # The lengths alone are mentioned unless the motion contradicts them.
    if points_first and own[0] >= MANY and 0 < SURE * second <= first:
        return f"{name}: {message}, unless these are {own[0]} frames of {own[1]} points"
    if frames_first or not second < LIKELY * first:
        return None
    return f"{name}: {message}, unless the face moves more from frame to frame than from point to point"


def check_faces(tracks: Num[np.ndarray, "f t m d"], *, name: str = "tracks") -> None:
    """Refuse tracks of several faces whose frames come first, (T, F, M, d) instead of (F, T, M, d).

    A face moves little from frame to frame, but is far from the next face. Only arrays whose first axis is the longer
    one are refused: several tracks of one face, as two detectors give, are close to each other.

    Args:
        tracks: (F, T, M, d) in any unit.
        name: of the array, for the message.

    Raises:
        InputError: the first axis clearly holds the frames.
    """
    first, second, points = (_typical_step(tracks, axis) for axis in (0, 1, 2))
    frames, faces = tracks.shape[:2]
    if frames > faces and first < (SURE * second if faces > 1 else LIKELY * points):
        raise InputError(
            f"{name}: {tracks.shape}, but the faces move less along the first axis than along the second; expected "
            f"(F, T, M, {tracks.shape[3]}), {faces} face{'s' * (faces > 1)} of {frames} frames: transpose with "
            f"(1, 0, 2, 3)"
        )


def check_images(faces: Num[np.ndarray, "n m d"], *, points: int | None = None, name: str = "faces") -> None:
    """Refuse landmarks of images whose axes are clearly in another order than (N, M, d).

    The images need not belong to a video, so motion tells nothing. Coordinates that lie on another axis are recognized
    by its length, 2 or 3. Images and points are told apart by the lengths. Where these do not tell, an error about the
    coordinates names the order in which the faces are alike when they are moved to one place and size.

    Args:
        faces: (N, M, d) in any unit, N images of M points with d = 2 or 3 coordinates.
        points: M if it is known.
        name: of the array, for the messages.

    Raises:
        InputError: the order is clearly another one; the message names it and how to change it.
    """
    shape = faces.shape
    if len(shape) != 3 or 0 in shape:
        return
    if shape[2] not in _DIMS:
        places = [axis for axis in (1, 0) if shape[axis] in _DIMS]
        if not places:
            return
        first, second = (axis for axis in (0, 1, 2) if axis != places[0])
        known = [_is_markup(shape[axis], points) for axis in (first, second)]
        ordered = np.asarray(faces).transpose(first, second, places[0])
        swap = known == [True, False] or (known[0] == known[1] and _difference(ordered, 1) < _difference(ordered, 0))
        images, landmarks = (second, first) if swap else (first, second)
        raise InputError(f"{name}: {_wrong(shape, (images, landmarks, places[0]), 'N')}")
    given = points is not None and shape[0] == points
    if not (given or shape[0] >= MANY) or not _is_markup(shape[0], points) or _is_markup(shape[1], points):
        return
    keeps = "" if given else f"; a markup of {shape[1]} points keeps the order"
    raise InputError(f"{name}: {_wrong(shape, (1, 0, 2), 'N')}{keeps}")


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


def _is_markup(length: int, points: int | None) -> bool:
    return length in MARKUP_SIZES if points is None else length == points


def _difference(faces: np.ndarray, axis: int) -> float:
    """RMS difference of the slices along an axis, 0 or 1, from their mean, each in its own place and of size 1.

    Slices with a missing point are left out; infinite where none is left.
    """
    slices = np.asarray(np.moveaxis(faces, axis, 0)[:MAX_LENGTH, :MAX_LENGTH], np.float64)
    slices = slices[np.isfinite(slices).all(axis=(1, 2))]
    if not len(slices):
        return float("inf")
    slices = slices - slices.mean(axis=1, keepdims=True)
    size = np.sqrt((slices**2).sum(axis=-1).mean(axis=-1))
    slices = slices / np.where(size > 0, size, 1)[:, None, None]
    return float(np.sqrt(((slices - slices.mean(axis=0)) ** 2).sum(axis=-1).mean()))


def _wrong(shape: tuple[int, ...], order: tuple[int, int, int], items: Literal["T", "N"] = "T") -> str:
    """What the shape looks like, and how to change it.

    Args:
        shape: of the array.
        order: the axes of frames or images, points and coordinates.
        items: "T" for frames, "N" for images.
    """
    names = [(items, *_NAMES[1:])[order.index(axis)] for axis in range(3)]
    lead = len(shape) - 3
    axes = (*range(lead), *(lead + axis for axis in order))
    return (
        f"shape {shape} looks like ({', '.join(names)}), expected ({items}, M, d), "
        f"{'frames' if items == 'T' else 'images'}, points, coordinates: transpose{axes} changes it"
    )


def _typical_step(track: np.ndarray, axis: int) -> float:
    """Median absolute difference of neighbours along an axis; NaN where there are none."""
    part = track[..., :MAX_LENGTH, :MAX_LENGTH, :]
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(np.asarray(part, np.float64), axis=axis))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if steps.size else float("nan")
