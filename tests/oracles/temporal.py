"""Eq. 11-15 as sums over videos and frames, with the minimum over q by search, in float64."""

import math

import numpy as np
from scipy.optimize import minimize_scalar


def smooth_term(before, now, after, lambda3):
    """min over q of |x - q x(-1) - (1 - q) x(+1)|^2 + lambda3 (q - 1/2)^2."""
    if math.isinf(lambda3):
        return float(np.sum((now - (before + after) / 2) ** 2))

    def value(q):
        return float(np.sum((now - q * before - (1 - q) * after) ** 2) + lambda3 * (q - 0.5) ** 2)

    return minimize_scalar(value, bracket=(0.4, 0.6), tol=1e-12).fun


def stabilization(videos, lambda1=1.0, lambda2=10.0, lambda3=1.0):
    """`videos`: list of (x (T, D), p (T, D), valid (T,)); returns total, euclidean, delay, smooth."""
    euclidean, delay, smooth = [], [], []
    for x, p, valid in videos:
        for t in range(len(x)):
            if valid[t]:
                euclidean.append(np.sum((x[t] - p[t]) ** 2))
            if t >= 1 and valid[t] and valid[t - 1]:
                inverse = np.linalg.pinv((p[t] - p[t - 1])[:, None], rcond=1e-15)
                delay.append((inverse @ (x[t] - p[t])).item() ** 2)
            if 1 <= t < len(x) - 1 and valid[t - 1] and valid[t] and valid[t + 1]:
                smooth.append(smooth_term(x[t - 1], x[t], x[t + 1], lambda3))
    e, d, s = (float(np.mean(v)) if v else 0.0 for v in (euclidean, delay, smooth))
    return e + lambda2 * d + lambda1 * s, e, d, s
