"""Other numbers of points: weights (M, 68) of the 68 landmarks in each of M points.

These stand for what other detectors report: as many points, in such places, that move as the 68 do. They are not the
exact points of those detectors, whose markups are in `fhr_jax.markup`.
"""

import numpy as np
from jaxtyping import Float

from fhr_jax import markup
from fhr_jax.data.faces import anatomy
from fhr_jax.errors import InputError


def markup_weights(points: int) -> Float[np.ndarray, "m 68"]:
    """Weights (M, 68) of 68, 98 or 468 points; each row sums to 1, without unit.

    Raises:
        InputError: another number.
    """
    if points == 68:
        return np.eye(68)
    if points == 98:
        return _wflw()
    if points == 468:
        return _mesh(points)
    raise InputError(f"points: {points}, expected 68, 98 or 468")


def _wflw() -> Float[np.ndarray, "98 68"]:
    """As in WFLW: a finer contour, brows with a lower edge, eyes of eight points, pupils."""
    eye = np.eye(68)
    rows = [eye[0]]
    for i in range(16):
        rows += [(eye[i] + eye[i + 1]) / 2, eye[i + 1]]
    for brow, lids in zip(markup.BROWS, ((36, 37, 38, 39), (42, 43, 44, 45)), strict=True):
        rows += list(eye[list(brow)])
        # The lower edge of a brow lies a sixth of the way from the brow to the lid.
        for i, lid in enumerate(reversed(lids)):
            j = 3 - i
            rows.append((5 * (eye[brow[j]] + eye[brow[j + 1]]) / 2 + eye[lid]) / 6)
    rows += list(eye[list(markup.NOSE_BRIDGE + markup.NOSE_BASE)])
    for a, b, c, d, e, f in markup.EYES:
        rows += [eye[a], eye[b], (eye[b] + eye[c]) / 2, eye[c], eye[d], eye[e], (eye[e] + eye[f]) / 2, eye[f]]
    rows += list(eye[list(markup.OUTER_LIPS + markup.INNER_LIPS)])
    rows += [eye[list(points)].mean(axis=0) for points in markup.EYES]
    return np.stack(rows)


def _mesh(points: int) -> Float[np.ndarray, "m 68"]:
    """The 68 points, and again and again the middle of the largest triangle of a mesh on them."""
    from scipy.spatial import Delaunay

    face = np.asarray(anatomy.MEAN[:68, :2])
    rows, triangles = list(np.eye(68)), [tuple(corners) for corners in Delaunay(face).simplices.tolist()]

    def area(corners: tuple[int, ...]) -> float:
        a, b, c = (rows[i] @ face for i in corners)
        return abs(float(np.linalg.det(np.stack([b - a, c - a]))))

    areas = [area(corners) for corners in triangles]
    while len(rows) < points:
        largest = int(np.argmax(areas))
        a, b, c = triangles[largest]
        rows.append((rows[a] + rows[b] + rows[c]) / 3)
        new = len(rows) - 1
        parts = [(a, b, new), (b, c, new), (c, a, new)]
        triangles[largest], areas[largest] = parts[0], area(parts[0])
        triangles += parts[1:]
        areas += [area(corners) for corners in parts[1:]]
    return np.stack(rows)
