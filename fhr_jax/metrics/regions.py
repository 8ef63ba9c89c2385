"""Where landmarks are wrong: errors by region, lengths and openings of the face, and constant offsets.

NumPy on the host; points are (x, y) in pixels. Landmarks that are NaN are left out. The face's own frame has its origin
in the middle between the eye corners, x along the line through them, to the right where the face is upright, y down,
and their distance as 100 %. A markup without eye corners has its origin in the middle of the face box, x and y of the
image, and the unit of its errors.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.markup import FACE68, Group, Markup
from fhr_jax.markup.regions import regions_of
from fhr_jax.metrics.points import interocular

LIMIT = 8.0
"""NRMSE in percent above which a face is a failure, by default."""
MIN_FACES = 3
"""With fewer faces slopes and correlations are not defined."""
MIN_SPREAD = 0.01
"""Standard deviation, in percent of the inter-ocular distance, below which a measure is constant but for rounding."""


class Measure(NamedTuple):
    """A length in the face, as the mean over pairs of landmarks.

    Attributes:
        pairs: landmarks of the 68-point markup; the second is below the first where `vertical`.
        vertical: measure along y of the face's own frame instead of the distance.
    """

    pairs: tuple[tuple[int, int], ...]
    vertical: bool = False


MEASURES = {
    "outer mouth height": Measure(((51, 57),)),
    "inner mouth height": Measure(((62, 66),)),
    "mouth width": Measure(((48, 54),)),
    "eye opening": Measure(((37, 41), (38, 40), (43, 47), (44, 46))),
    "brow to eye": Measure(((19, 37), (20, 38), (23, 43), (24, 44)), vertical=True),
    "outer eye corners": Measure(((36, 45),)),
    "inner eye corners": Measure(((39, 42),)),
}
"""Lengths and openings that are measured in the 68-point markup."""


class RegionError(NamedTuple):
    """The error of a region.

    Attributes:
        name: of the region; "all" for the whole face.
        landmarks: number of its landmarks.
        faces: number of faces in which one of them at least is known.
        nrmse: mean over faces of the mean error of its landmarks, in percent.
    """

    name: str
    landmarks: int
    faces: int
    nrmse: float


class MeasureResponse(NamedTuple):
    """How a measure follows the truth, over faces that are no failures. What is not defined is NaN.

    Attributes:
        name: of the measure.
        faces: number of faces.
        truth: mean true value, in percent of the inter-ocular distance.
        predicted: mean predicted value, in the same unit.
        slope: of the least-squares line of predicted on true values; 1 is right, less is too little movement.
        correlation: of predicted and true values.
    """

    name: str
    faces: int
    truth: float
    predicted: float
    slope: float
    correlation: float


class Offsets(NamedTuple):
    """Constant errors of the landmarks, over faces that are no failures, in percent in the face's own frame.

    Attributes:
        faces: number of faces.
        shape: mean true position (M, 2).
        median: median of predicted minus true (M, 2); NaN for a landmark without any.
        symmetric: mean of `median` and of the mirror image of the other side's (M, 2); NaN if the markup does not know
            which landmarks change places.
    """

    faces: int
    shape: Float[np.ndarray, "m 2"]
    median: Float[np.ndarray, "m 2"]
    symmetric: Float[np.ndarray, "m 2"]


class FaceFrames(NamedTuple):
    """The frames of N faces, from true landmarks.

    Attributes:
        origin: (N, 2) in pixels.
        horizontal: (N, 2), unit vector along x.
        unit: (N,) in pixels; NaN where it is not known or not positive.
    """

    origin: Float[np.ndarray, "n 2"]
    horizontal: Float[np.ndarray, "n 2"]
    unit: Float[np.ndarray, " n"]


def face_frames(truth: Float[np.ndarray, "n m 2"], *, markup: Markup = FACE68) -> FaceFrames:
    """The own frames of faces with true landmarks (N, M, 2) in pixels.

    If the first of the two eye corners is on the right in most faces, x points from the second to the first.
    """
    truth = np.asarray(truth, np.float64)
    # Relative to a corner of the face: JAX computes in float32, which has too few digits for large images.
    corner = _extremes(truth)[0]
    unit = np.asarray(interocular(truth - corner[:, None], markup=markup), np.float64)
    unit = np.where(unit > 0, unit, np.nan)
    if not _has_eye_corners(markup):
        return FaceFrames(np.mean(_extremes(truth), axis=0), np.tile([1.0, 0.0], (len(truth), 1)), unit)
    first, second = (_mean_point(truth, group) for group in markup.eye_corners)
    along = second - first
    if np.nansum(np.sign(along[:, 0])) < 0:
        along = -along
    return FaceFrames((first + second) / 2, along / unit[:, None], unit)


def to_face_frame(points: Float[np.ndarray, "n m 2"], frames: FaceFrames) -> Float[np.ndarray, "n m 2"]:
    """Landmarks (N, M, 2) in pixels in the frames of their faces, in percent of the unit."""
    from_origin = np.asarray(points, np.float64) - frames.origin[:, None]
    across, down = frames.horizontal, np.stack([-frames.horizontal[:, 1], frames.horizontal[:, 0]], axis=-1)
    rows = [(from_origin * axis[:, None]).sum(axis=-1) for axis in (across, down)]
    return 100 * np.stack(rows, axis=-1) / frames.unit[:, None, None]


def region_errors(
    predictions: Float[np.ndarray, "n m 2"], truth: Float[np.ndarray, "n m 2"], *, markup: Markup = FACE68
) -> tuple[RegionError, ...]:
    """The error of each region of the markup, if it has any, and of all landmarks, failures included.

    Args:
        predictions: (N, M, 2) in pixels.
        truth: (N, M, 2) in pixels.
        markup: of the landmarks.
    """
    errors = _point_errors(predictions, truth, face_frames(truth, markup=markup))
    groups = regions_of(markup) | {"all": tuple(range(markup.size))}
    rows = []
    for name, points in groups.items():
        each = _mean(errors[:, list(points)])
        rows.append(RegionError(name, len(points), int(np.isfinite(each).sum()), float(_mean(each))))
    return tuple(rows)


def measure_responses(
    predictions: Float[np.ndarray, "n m 2"],
    truth: Float[np.ndarray, "n m 2"],
    *,
    markup: Markup = FACE68,
    limit: float = LIMIT,
) -> tuple[MeasureResponse, ...]:
    """How the lengths and openings of `MEASURES` follow the truth; nothing for markups other than the 68 points.

    Args:
        predictions: (N, M, 2) in pixels.
        truth: (N, M, 2) in pixels.
        markup: of the landmarks.
        limit: faces with a larger NRMSE in percent are left out.
    """
    if (markup.size, markup.flip) != (FACE68.size, FACE68.flip):
        return ()
    p, x = _in_frames(predictions, truth, markup, limit)
    return tuple(_response(name, _values(x, measure), _values(p, measure)) for name, measure in MEASURES.items())


def median_offsets(
    predictions: Float[np.ndarray, "n m 2"],
    truth: Float[np.ndarray, "n m 2"],
    *,
    markup: Markup = FACE68,
    limit: float = LIMIT,
) -> Offsets:
    """The median offset of each landmark, predicted minus true.

    Args:
        predictions: (N, M, 2) in pixels.
        truth: (N, M, 2) in pixels.
        markup: of the landmarks.
        limit: faces with a larger NRMSE in percent are left out of the offsets, but not of the mean shape.
    """
    p, x = _in_frames(predictions, truth, markup, limit)
    shape = _mean(to_face_frame(truth, face_frames(truth, markup=markup)), axis=0)
    median = _median(p - x)
    mirrored = median[list(markup.flip)] * [-1, 1] if markup.flip else np.full_like(median, np.nan)
    symmetric = (median + mirrored) / 2
    return Offsets(len(x), shape, median, symmetric)


def _in_frames(
    predictions: np.ndarray, truth: np.ndarray, markup: Markup, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true landmarks in the face's own frame, of the faces that are no failures."""
    frames = face_frames(truth, markup=markup)
    good = _mean(_point_errors(predictions, truth, frames)) <= limit  # NaN, a face without a known point, is left out
    return to_face_frame(predictions, frames)[good], to_face_frame(truth, frames)[good]


def _response(name: str, truth: np.ndarray, predicted: np.ndarray) -> MeasureResponse:
    known = np.isfinite(truth) & np.isfinite(predicted)
    x, p = truth[known], predicted[known]
    slope = correlation = np.nan
    if len(x) >= MIN_FACES and x.std() > MIN_SPREAD:
        product = np.mean((x - x.mean()) * (p - p.mean()))
        slope = product / x.var()
        correlation = product / (x.std() * p.std()) if p.std() > MIN_SPREAD else np.nan
    return MeasureResponse(name, len(x), float(_mean(x)), float(_mean(p)), float(slope), float(correlation))


def _values(points: Float[np.ndarray, "n 68 2"], measure: Measure) -> Float[np.ndarray, " n"]:
    first, second = (points[:, list(side)] for side in zip(*measure.pairs, strict=True))
    lengths = (second - first)[..., 1] if measure.vertical else np.linalg.norm(second - first, axis=-1)
    return lengths.mean(axis=-1)


def _point_errors(predictions: np.ndarray, truth: np.ndarray, frames: FaceFrames) -> Float[np.ndarray, "n m"]:
    difference = np.asarray(predictions, np.float64) - np.asarray(truth, np.float64)
    return 100 * np.linalg.norm(difference, axis=-1) / frames.unit[:, None]


def _has_eye_corners(markup: Markup) -> bool:
    """Whether what normalizes errors are two points, or groups, that change places in a mirror, as far as is known."""
    first, second = ({group} if isinstance(group, int) else set(group) for group in markup.eye_corners or ((), ()))
    return bool(first) and (not markup.flip or {markup.flip[i] for i in first} == second)


def _mean_point(points: np.ndarray, group: Group) -> Float[np.ndarray, "n 2"]:
    return points[:, [group] if isinstance(group, int) else list(group)].mean(axis=1)


def _extremes(points: np.ndarray) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Upper left and lower right corner of the known landmarks; NaN without any."""
    known = np.isfinite(points)
    low, high = np.where(known, points, np.inf).min(axis=1), np.where(known, points, -np.inf).max(axis=1)
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def _mean(values: np.ndarray, *, axis: int = -1) -> np.ndarray:
    """Mean of the known values; NaN without any, and without the warning of `numpy.nanmean`."""
    known = np.isfinite(values)
    number = known.sum(axis=axis)
    return np.where(number > 0, np.where(known, values, 0).sum(axis=axis) / np.maximum(number, 1), np.nan)


def _median(values: Float[np.ndarray, "n m 2"]) -> Float[np.ndarray, "m 2"]:
    """Median over faces of the known values; NaN for a landmark without any."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    known = np.isfinite(values).any(axis=0)
    return np.where(known, np.nanmedian(np.where(known, values, 0), axis=0), np.nan)
