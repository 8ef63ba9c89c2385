"""The step that all commands share between the arrays of a file and a track: what is missing, how far it is trusted.

`smooth`, `fit` and `evaluate` read landmarks through it, whatever kind of file holds them, and print its notes.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real, Shaped

from fhr_jax import axis_order
from fhr_jax.data.io import third_column
from fhr_jax.data.io.missing_points import find_markers
from fhr_jax.data.io.third_column import Third
from fhr_jax.errors import InputError

OBSERVED = ("predictions", "landmarks")
"""Names that the track may have in an .npz; the first one that exists is used."""

UNSURE = 0.05
"""Share of the median confidence of a track's points, below which a point is missing: no detector means that place."""

MIN_PERCENT = 20.0
"""The highest confidence of a file in percent, at least; lower numbers above 1 are something else."""

TRUTH = ("truth", "ground_truth")
"""Names of the true track."""

CONFIDENCE = ("confidence", "score")
"""Names of the confidence, (T,) or (T, M)."""

TIME = ("time", "timestamp")
"""Names of the times, (T,) in seconds."""


MAX_PIXEL = 1e7
"""In pixels; float32 does not resolve single pixels of larger coordinates."""

CHUNK = 4096
"""Frames that are looked at at once."""

EXPECTED_PIXELS = f"expected pixels up to {MAX_PIXEL:.0e}"


class ReadOptions(NamedTuple):
    """How the numbers of a file are read.

    Attributes:
        keep_zeros: points at (0, 0) or (-1, -1) count as they stand, and not as missing.
        third: what the third column of (T, M, 3) is; None guesses it (`third_column.guess`).
        part: which points of a file that has several sets, such as "face" or "pose"; None: the first that is there.
        share: points in float32 or float64 may stay in the array of the file, and are not to be changed then.
    """

    keep_zeros: bool = False
    third: Third | None = None
    part: str | None = None
    share: bool = False


DEFAULT = ReadOptions()


def first_name(arrays: Mapping[str, np.ndarray], names: Iterable[str]) -> str | None:
    """The first of the names that the arrays have, or None."""
    return next((name for name in names if name in arrays), None)


def landmarks(
    path: Path, arrays: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> tuple[str, np.ndarray, list[str]]:
    """The name and the array of the landmarks, (T, M, 2) or (T, M, 3), as the file holds them; what to tell the user.

    Args:
        path: the file, for error messages.
        arrays: of the file.
        names: that the landmarks may have.

    Raises:
        InputError: there is no such array, it has another shape or type, its axes are in another order, or it has no
            frame.
    """
    key = first_name(arrays, names)
    if key is None:
        raise InputError(f"{path}: no array {' or '.join(names)} in it, only {', '.join(arrays) or 'nothing'}")
    array, warning = arrays[key], None
    array = as_float64(array) if array.dtype.kind == "f" and array.dtype.itemsize > 8 else array
    if array.ndim == 3 and array.dtype.kind in "fiu":
        check_pixels(path, array, name=key)
        try:
            warning = axis_order.check(array, name=key)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    if array.ndim != 3 or array.shape[2] not in (2, 3) or array.dtype.kind not in "fiu" or not array.shape[1]:
        raise InputError(f"{path}: {key} is {array.dtype} {array.shape}, expected numbers of shape (T, M, 2)")
    if not len(array):
        raise InputError(f"{path}: the track is empty: {key} has no frames, expected numbers of shape (T, M, 2)")
    return key, array, [] if warning is None else [warning]


def beyond_pixels(points: Shaped[np.ndarray, "*shape"]) -> np.ndarray:
    """Which coordinates (...) of an array (...) are no pixels: beyond `MAX_PIXEL`, or infinite; NaN is missing."""
    return np.abs(as_float64(points)) > MAX_PIXEL


def as_float64(points: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The numbers (...) of a file as float64 (...); those that it does not hold are infinite, without a warning."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(points, np.float64)


def check_pixels(path: Path, points: Real[np.ndarray, "t m d"], *, name: str = "") -> None:
    """Refuse finite coordinates beyond `MAX_PIXEL`; infinite ones count as missing.

    Args:
        path: the file, for the error message.
        points: (T, M, d) in the unit of the file.
        name: of the array.

    Raises:
        InputError: there is one.
    """
    for part in _parts(points):
        huge = beyond_pixels(part) & np.isfinite(part)
        if huge.any():
            where = f"{name}: " if name else ""
            raise InputError(f"{path}: {where}a coordinate of {part[huge][0]:.3g}, {EXPECTED_PIXELS}")


def _parts(points: np.ndarray) -> Iterator[np.ndarray]:
    """An array (T, ...) in parts of some frames, so that what is computed of a long track needs little memory."""
    return (points[start : start + CHUNK] for start in range(0, len(points), CHUNK))


def split_third(
    points: Real[np.ndarray, "t m d"], options: ReadOptions
) -> tuple[Real[np.ndarray, "t m c"], Float[np.ndarray, "t m"] | None, list[str]]:
    """Separate coordinates and scores of (T, M, 3).

    Args:
        points: (T, M, 2) or (T, M, 3) in the unit of the file.
        options: how they are read.

    Returns:
        Coordinates (T, M, 2), or (T, M, 3) where the third column is one; scores (T, M) in [0, 1], or None; and what to
        tell the user.
    """
    if points.shape[-1] != 3:
        return points, None, []
    lost = (points == -1).all(axis=-1)
    # A point without a place has no score either; its marker says nothing about the column.
    known = np.where(lost[..., None], np.nan, as_float64(points))
    third = options.third or third_column.guess(known)
    if third == "z":
        return points, None, [] if options.third else ["the third column is read as z; --third score reads it as score"]
    trust, notes = scaled_confidence("the third column", known[..., 2])
    values = known[..., 2][np.isfinite(known[..., 2])]
    if options.third is None:
        span = f"it goes from {values.min():g} to {values.max():g}"
        notes = [f"the third column is read as score: {span}; --third z reads it as z", *notes]
    return points[..., :2], trust, notes


def points_as_nan(
    points: Real[np.ndarray, "t m d"], options: ReadOptions, *, offset: float = 0.0
) -> tuple[Float[np.ndarray, "t m d"], list[str]]:
    """Points in float64 with NaN in both coordinates where they are missing, and what to tell the user.

    With `options.share` float32 stays float32.

    Args:
        points: (T, M, d) in the unit of the file.
        options: how they are read.
        offset: what reading the file added to its coordinates.
    """
    given = points
    if not _stays(points, options):
        points = as_float64(points)
        points = points.copy() if np.may_share_memory(points, given) else points
    if not all(np.isfinite(part).all() for part in _parts(points)):
        points = points.copy() if points is given else points
        for part in _parts(points):
            part[~np.isfinite(part).all(axis=-1)] = np.nan
    if options.keep_zeros:
        return points, []
    notes = []
    for marker, missing in find_markers(points, offset=offset).items():
        points = points.copy() if points is given else points
        points[missing] = np.nan
        number = int(missing.sum())
        what = f"1 point at ({marker:g}, {marker:g})" if number == 1 else f"{number} points at ({marker:g}, {marker:g})"
        notes.append(f"{what} read as missing; --keep-zeros keeps {'it' if number == 1 else 'them'}")
    return points, notes


def _stays(points: np.ndarray, options: ReadOptions) -> bool:
    return options.share and points.dtype in (np.float32, np.float64) and points.dtype.isnative


def in_one_place(points: Float[np.ndarray, "t m d"]) -> list[str]:
    """What to tell the user where all points (T, M, d), in the unit of their file, lie in one place."""
    first, number = None, 0
    for part in _parts(points):
        places = part[np.isfinite(part).all(axis=-1)]
        first = places[0] if first is None and len(places) else first
        number += len(places)
        if first is not None and not (places == first).all():
            return []
    if first is None or number < 2:
        return []
    where = ", ".join(f"{value:g}" for value in first)
    return [f"all points of all frames lie at ({where}): there is no face to see"]


def of_points_set_by_hand(
    scores: Float[np.ndarray, "t m"], points: Float[np.ndarray, "t m d"]
) -> tuple[Float[np.ndarray, "t m"], list[str]]:
    """Scores with 1 where a point that has a place has none, as where a person corrected it; what to tell the user.

    Args:
        scores: (T, M) as the file has them, NaN where it has none.
        points: (T, M, d) in any unit, NaN where missing.
    """
    by_hand = np.asarray(np.isnan(scores) & np.isfinite(points).all(axis=-1))
    if not by_hand.any() or not np.isfinite(scores).any():
        return scores, []
    number = int(by_hand.sum())
    what = "1 point has a place and no score" if number == 1 else f"{number} points have a place and no score"
    return np.where(by_hand, 1.0, scores), [f"{what}, as if set by hand: fully trusted"]


def unsure_as_nan(
    points: Float[np.ndarray, "t m d"], confidence: Float[np.ndarray, "t *n"] | None
) -> tuple[Float[np.ndarray, "t m d"], list[str]]:
    """Points with NaN where their confidence is below 0.05 of its median, and what to tell the user.

    Args:
        points: (T, M, d) in any unit, NaN where missing.
        confidence: (T, M) in [0, 1]; None, or that of whole frames (T,), changes nothing.
    """
    if confidence is None or confidence.ndim == 1:
        return points, []
    known = np.concatenate([np.isfinite(part).all(axis=-1) for part in _parts(points)])
    if not known.any():
        return points, []
    lowest = UNSURE * float(np.median(confidence[known]))
    # Where all are 0 they say nothing.
    unsure = known & ((confidence < lowest) | ((confidence == 0) & bool(confidence.max() > 0)))
    if not unsure.any():
        return points, []
    number = int(unsure.sum())
    what = "1 point has" if number == 1 else f"{number} points have"
    small = f"below {lowest:.2g}, a twentieth of the median" if lowest else "of 0"
    note = f"{what} a confidence {small}: read as missing"
    return np.where(unsure[..., None], np.nan, points), [note]


def confidence(
    arrays: Mapping[str, np.ndarray], shape: tuple[int, int]
) -> tuple[Float[np.ndarray, "t *m"] | None, list[str]]:
    """The confidence (T,) or (T, M) in [0, 1] of a file, and what to tell the user.

    Args:
        arrays: of the file.
        shape: T frames, M points.
    """
    key = first_name(arrays, CONFIDENCE)
    if key is None:
        return None, []
    array = arrays[key]
    if array.shape not in (shape, shape[:1]) or array.dtype.kind not in "fiub":
        return None, [f"{key} is {array.dtype} {array.shape}, not numbers of shape (T,) or (T, M): not used"]
    return scaled_confidence(key, array)


def time(
    arrays: Mapping[str, np.ndarray], frames: int
) -> tuple[Float[np.ndarray, " t"] | None, float | None, list[str]]:
    """The times (T,) in seconds and the frames a second of a file, each None without, and what to tell the user.

    Args:
        arrays: of the file.
        frames: T.
    """
    seconds, fps, notes = None, None, []
    key = first_name(arrays, TIME)
    if key is not None and arrays[key].shape == (frames,) and arrays[key].dtype.kind in "fiu":
        seconds = as_float64(arrays[key])
    elif key is not None:
        notes.append(f"{key} is {arrays[key].dtype} {arrays[key].shape}, not numbers of shape (T,): not used")
    if "fps" in arrays and arrays["fps"].size == 1 and arrays["fps"].dtype.kind in "fiu":
        fps = float(arrays["fps"].item())
    elif "fps" in arrays:
        notes.append("fps is not one number: not used")
    return seconds, fps, notes


def scaled_confidence(
    name: str, values: Shaped[np.ndarray, "t *m"]
) -> tuple[Float[np.ndarray, "t *m"] | None, list[str]]:
    """Confidences (T,) or (T, M) as numbers in [0, 1], 0 where they are missing; percent are divided by 100.

    The numbers 0, 1 and 2 alone are COCO's visibility: not labelled, labelled but hidden, visible. 0 is missing.

    Args:
        name: of the array or column, for the notes.
        values: as the file holds them.

    Returns:
        None where the values are none of these, or all are NaN; and what to tell the user.
    """
    if values.size and np.isnan(as_float64(values)).all():
        return None, [f"{name} is NaN everywhere: not used"]
    values = np.nan_to_num(as_float64(values), nan=0.0, posinf=np.inf, neginf=-np.inf)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if high == 2 and np.isin(values, (0, 1, 2)).all():
        return np.minimum(values, 1), [f"{name} is 0, 1 or 2: read as COCO's visibility, 0 is missing"]
    if low < 0 or high > 100 or 1.5 < high < MIN_PERCENT:
        return None, [f"{name} goes from {low:g} to {high:g}, neither within 0 and 1 nor percent: not used"]
    # Rounding may exceed 1 a little.
    if high <= 1.5:
        return values.clip(0, 1), []
    return values / 100, [f"{name} goes up to {high:g}: read as percent"]
