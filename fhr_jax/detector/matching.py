"""Which true faces a detector found, and which of its boxes hold none."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax.detector.suppression import overlaps

MIN_OVERLAP = 0.5
"""Intersection over union from which a box counts as that of a face."""


class Matches(NamedTuple):
    """The comparison of N boxes with K true faces.

    Attributes:
        found: which faces have a box (K,); of no use for ignored ones.
        wrong: which boxes belong to no face (N,); those of ignored faces are not wrong.
    """

    found: Bool[np.ndarray, " k"]
    wrong: Bool[np.ndarray, " n"]


def match(
    boxes: Float[np.ndarray, "n 4"],
    truth: Float[np.ndarray, "k 4"],
    *,
    ignored: Bool[np.ndarray, " k"] | None = None,
    min_overlap: float = MIN_OVERLAP,
) -> Matches:
    """Match boxes with faces one to one; a box takes the face of highest overlap that no box before it took.

    Args:
        boxes: found (N, 4), the best first: x, y, width, height in pixels.
        truth: boxes of the faces (K, 4).
        ignored: faces that need not be found (K,); any number of boxes may lie on one. None: none.
        min_overlap: intersection over union from which a box counts.
    """
    ignored = np.zeros(len(truth), bool) if ignored is None else ignored
    shares = overlaps(boxes, truth)
    taken, wrong = np.zeros(len(truth), bool), np.ones(len(boxes), bool)
    for n in range(len(boxes)):
        free = np.where(~taken & ~ignored, shares[n], -1.0)
        if len(truth) and free.max() >= min_overlap:
            taken[free.argmax()] = True
            wrong[n] = False
        elif len(truth) and np.where(ignored, shares[n], -1.0).max() >= min_overlap:
            wrong[n] = False
    return Matches(taken, wrong)
