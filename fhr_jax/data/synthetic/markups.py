"""Other markups for `randomized`: each point is a weighted mean of the 68 landmarks."""

import numpy as np
from jaxtyping import Float

from fhr_jax.data.synthetic.quick_motion import REFERENCE
from fhr_jax.markup import BROWS, EYES, INNER_LIPS, JAW, NOSE_BASE, NOSE_BRIDGE, OUTER_LIPS


def contours98() -> Float[np.ndarray, "98 68"]:
    """Weights (98, 68) of a markup with as many points on each contour as WFLW has, each row with the sum 1.

    33 points of the jaw, 9 of each brow, 9 of the nose, 8 of each eye, 20 of the lips, and both pupils.
    """
    closed = [(*eye, eye[0]) for eye in EYES]
    rows = [_along(JAW, 33), *(_along(brow, 9) for brow in BROWS), _along(NOSE_BRIDGE, 4), _along(NOSE_BASE, 5)]
    rows += [_along(eye, 9)[:8] for eye in closed]
    rows += [np.eye(68)[[*OUTER_LIPS, *INNER_LIPS]]]
    rows += [np.eye(68)[list(eye)].mean(axis=0, keepdims=True) for eye in EYES]
    return np.concatenate(rows).astype(np.float32)


def dense(points: int, *, seed: int = 0) -> Float[np.ndarray, "m 68"]:
    """Weights (M, 68) of random points on the face, each row with the sum 1.

    A point lies in a triangle of a random landmark and two others, mostly near ones.

    Args:
        points: number of points M.
        seed: of the points.
    """
    rng = np.random.default_rng(seed)
    apart = np.linalg.norm(REFERENCE[:, None] - REFERENCE[None], axis=-1)
    weights = np.zeros((points, 68))
    for row, first in zip(weights, rng.integers(68, size=points), strict=True):
        near = np.exp(-apart[first] / 0.25) * (np.arange(68) != first)
        others = rng.choice(68, 2, replace=False, p=near / near.sum())
        row[[first, *others]] = rng.dirichlet(np.ones(3))
    return weights.astype(np.float32)


def _along(contour: tuple[int, ...], number: int) -> Float[np.ndarray, "n 68"]:
    """Weights of points that divide a polyline of landmarks evenly."""
    place = np.linspace(0, len(contour) - 1, number)
    return np.stack([np.interp(place, range(len(contour)), row) for row in np.eye(68)[list(contour)].T], axis=1)
