"""Size of the face, broken frames and jumps in float64, point by point, from the docstrings of the modules."""

import numpy as np


def spread(points):
    """RMS distance to the centroid; 0 where all lie in one place, to rounding."""
    points = np.asarray(points, np.float64)
    if not len(points):
        return 0.0
    size = np.sqrt(np.mean([np.sum((p - points.mean(axis=0)) ** 2) for p in points]))
    return size if size > 1e-5 * np.abs(points).max() else 0.0


def lower_median(values):
    """The middle value, or the lower of the two."""
    return sorted(values)[(len(values) - 1) // 2]


def near_the_median(z, present, limit):
    """The points of a first frame that belong to the face, and the others moved to the edge of what does."""
    kept = [z[i] for i in range(len(z)) if present[i]]
    centre = np.array([lower_median([p[k] for p in kept]) for k in range(z.shape[1])])
    radius = limit * lower_median([np.linalg.norm(p - centre) for p in kept])
    placed, inside = z.astype(np.float64).copy(), present.copy()
    for i in range(len(z)):
        distance = np.linalg.norm(z[i] - centre)
        if present[i] and distance > radius > 0:
            placed[i], inside[i] = centre + radius / distance * (z[i] - centre), False
    return placed, inside


def same_shape(z, expected, both, size):
    """Whether half of the points lie within half of the size of their expected places, moved by the best similarity.

    The similarity is in the complex plane, z = a e + b, by three rounds of weighted least squares.
    """
    z, e = (v[both, 0] + 1j * v[both, 1] for v in (z, expected))
    weight = np.ones(len(z))
    for _ in range(3):
        share = weight / weight.sum()
        q, target = e - (share * e).sum(), z - (share * z).sum()
        a = (share * target * q.conj()).sum() / max((share * abs(q) ** 2).sum(), 1e-300)
        square = (abs(target - a * q) / max(0.5 * size, 1e-15)) ** 2
        weight = 1 / (1 + 4 * square)
    return 2 * (square < 1).sum() >= len(z)


def size_check(state, z, expected, present, seen, far=None):
    """(size, agreed, others) after a frame, and whether it starts anew, its points, and those that count."""
    size, agreed, others = state
    z, expected = z.astype(np.float64), expected.astype(np.float64)
    need, points = max(3, round(0.25 * len(z))), range(len(z))
    collapsed = present.sum() >= 3 and spread(z[present]) == 0
    usable = present.sum() >= need and not collapsed
    both = [i for i in points if present[i] and seen[i]]
    new = any(present[i] and not seen[i] for i in points)
    enough = need if agreed > 0 else 2
    if size > 0:
        centre = expected[seen].mean(axis=0)
        near = [i for i in both if np.linalg.norm(z[i] - centre) <= 5 * size]
        both = near if len(near) >= enough else both
    if both:
        centre, radius = z[both].mean(axis=0), 2 * spread(z[both])
        both = [i for i in both if np.linalg.norm(z[i] - centre) <= radius or radius == 0]
    now, before = spread(z[both]), spread(expected[both])
    other = size > 0 and not collapsed and len(both) >= enough and before > 0
    other = other and (
        4 * now < before
        or now > 4 * before
        or (far is not None and agreed < 3 and not same_shape(z, expected, both, now))
    )
    others = others + 1 if other else 0 if usable else others
    restart = other and others >= min(agreed, 3)
    unsure = agreed == 0 and (usable or new or size == 0)
    start = (restart or unsure) and present.any() and not collapsed
    kept = present & (not collapsed) & (not other or restart)
    if start and far is not None and present.sum() >= 5:
        z, kept = near_the_median(z, kept, far)
    agreed = min(agreed + 1, 3) if usable and not other else agreed
    if start:
        size, others = spread(z[kept]), 0
        agreed = int(usable and size > 0)
    return (size, agreed, others), start, z, kept


def jump(common, agreeing, inlier_probability, half, variance):
    """Part of the common motion (M, d) that is made at once: 0 at rest, 1/2 at about `half` standard deviations."""
    if np.mean(inlier_probability >= 0.5) < 0.75 or not agreeing:
        return 0.0
    square = np.mean([np.sum(c**2) for c in common]) / np.mean(variance)
    return 1 - (1 + np.exp(-(half**2) / 2)) / (1 + np.exp((square - half**2) / 2))
