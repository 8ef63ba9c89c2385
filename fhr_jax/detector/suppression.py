"""Non-maximum suppression: of boxes that overlap, the one with the highest score stays. On the host, in NumPy."""

import numpy as np
from jaxtyping import Float, Int

MAX_OVERLAP = 0.4
"""Largest intersection over union of two faces."""
MAX_CONTAINED = 0.8
"""Largest share of a box that lies in one with a clearly higher score: eyes and mouths of a large face are no faces."""
_CLEARLY = 0.5
"""Score over the higher one below which that is clearly higher."""
_SAME = 0.5
"""Intersection over union from which boxes are averaged."""


def overlaps(boxes: Float[np.ndarray, "n 4"], others: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4): x, y, width, height in pixels."""
    common = _common(boxes, others)
    areas, other_areas = boxes[:, 2:].prod(axis=1), others[:, 2:].prod(axis=1)
    return common / (areas[:, None] + other_areas[None] - common)


def suppress(
    boxes: Float[np.ndarray, "n 4"],
    scores: Float[np.ndarray, " n"],
    *,
    max_overlap: float = MAX_OVERLAP,
    max_contained: float = MAX_CONTAINED,
) -> Int[np.ndarray, " k"]:
    """The indices (K,) of the boxes that stay, the highest score first.

    Args:
        boxes: (N, 4): x, y, width, height in pixels, not empty.
        scores: (N,); of equal ones the first counts as higher.
        max_overlap: a box with a larger intersection over union with one that stays is dropped.
        max_contained: a box of which a larger share lies in one that stays, with more than twice the score, is dropped.
    """
    order = np.argsort(-scores, kind="stable")
    common = _common(boxes, boxes)
    areas = boxes[:, 2:].prod(axis=1)
    part = (common > max_contained * areas[None]) & (scores[None] < _CLEARLY * scores[:, None])
    close = (overlaps(boxes, boxes) > max_overlap) | part
    kept: list[int] = []
    dropped = np.zeros(len(boxes), bool)
    for i in order:
        if not dropped[i]:
            kept.append(int(i))
            dropped |= close[i]
    return np.array(kept, np.int64)


def merge(
    boxes: Float[np.ndarray, "n 4"], scores: Float[np.ndarray, " n"], kept: Int[np.ndarray, " k"]
) -> Float[np.ndarray, "k 4"]:
    """The boxes that stay, each averaged with those that overlap it by half: centres, and logarithms of sizes.

    A face is found at two scales as a rule, and the errors of the two boxes are only partly the same.

    Args:
        boxes: (N, 4): x, y, width, height in pixels.
        scores: (N,), the weights of the average.
        kept: the indices (K,) that `suppress` returned.
    """
    weights = (overlaps(boxes[kept], boxes) >= _SAME) * np.maximum(scores, 1e-9)[None]
    weights = weights / weights.sum(axis=1, keepdims=True)
    centres, sizes = weights @ (boxes[:, :2] + boxes[:, 2:] / 2), np.exp(weights @ np.log(boxes[:, 2:]))
    return np.concatenate([centres - sizes / 2, sizes], axis=1)


def _common(boxes: Float[np.ndarray, "n 4"], others: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    return np.maximum(high - low, 0).prod(axis=-1)
