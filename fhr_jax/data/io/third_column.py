"""Tell whether the third column of landmarks (T, M, 3) is a coordinate or the score of a detector."""

from typing import Literal

import numpy as np
from jaxtyping import Float

Third = Literal["z", "score"]

PIXELS = 10.0
"""Size of a face from which on x and y are pixels, and not normalized."""

DEPTH_SPAN = 0.2
"""Share of the size of a face that the depths of its landmarks span at least; from nose to ears it is about half."""


def guess(points: Float[np.ndarray, "t m 3"]) -> Third:
    """What the third column is, from its values.

    It is a score if all three hold:

    * its values lie in [0, 1] or [0, 100], and some are not 0;
    * x and y are pixels: the faces are at least 10 units large;
    * it is unlike depth: the medians of the landmarks over time span less than a fifth of the size of a face, without
      the lowest and the highest tenth.

    Args:
        points: (T, M, 3), x and y in any unit; NaN where a point is missing.

    Returns:
        "score", or else "z", also if no point is known.
    """
    points = np.asarray(points, np.float64)
    known = np.asarray(np.isfinite(points).all(axis=-1))
    if not known.any():
        return "z"
    third = points[known][:, 2]
    if third.min() < 0 or third.max() > 100 or third.max() == 0:
        return "z"
    size = _face_size(points[..., :2], known)
    medians = [np.median(points[known[:, m], m, 2]) for m in np.flatnonzero(known.any(axis=0))]
    low, high = np.percentile(medians, [10, 90])
    return "score" if size >= PIXELS and high - low < DEPTH_SPAN * size else "z"


def _face_size(places: np.ndarray, known: np.ndarray) -> float:
    """Median over the frames of the larger side of the bounding box of x and y."""
    frames = known.any(axis=1)
    low = np.where(known[..., None], places, np.inf)[frames].min(axis=1)
    high = np.where(known[..., None], places, -np.inf)[frames].max(axis=1)
    return float(np.median((high - low).max(axis=-1)))
