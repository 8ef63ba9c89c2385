"""The movement types of the smoother as one dense Gaussian over all frames, in float64."""

import math

import numpy as np


def transition(order, delta, tau):
    """F and Q of one frame, (n, n): derivatives in units of tau, white noise on the n-th derivative."""
    n = order
    f = np.array([[delta ** (j - i) / math.factorial(j - i) if j >= i else 0.0 for j in range(n)] for i in range(n)])
    q = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            a, b = n - 1 - i, n - 1 - j
            q[i, j] = delta ** (a + b + 1) / (tau * (a + b + 1) * math.factorial(a) * math.factorial(b))
    return f, q


def positions(z, weight, dt, *, order, tau, first_variance, lag=None):
    """Posterior mean (T,) of the position of every frame, given the observations up to `lag` frames later (None: all).

    The first frame is observed; there the position has variance 1 / weight and the derivatives `first_variance`.
    """
    frames = len(z)
    prior = np.diag([1 / weight[0], *[first_variance] * (order - 1)])
    mean = np.zeros((frames, order))
    mean[0, 0] = z[0]
    joint = np.zeros((frames, order, frames, order))
    joint[0, :, 0] = prior
    for t in range(1, frames):
        f, q = transition(order, dt[t] / tau, tau)
        mean[t] = f @ mean[t - 1]
        for s in range(t):
            joint[t, :, s] = f @ joint[t - 1, :, s]
            joint[s, :, t] = joint[t, :, s].T
        joint[t, :, t] = f @ joint[t - 1, :, t - 1] @ f.T + q
    covariance, expected = joint[:, 0, :, 0], mean[:, 0]
    result = np.empty(frames)
    for t in range(frames):
        until = frames if lag is None else min(t + lag + 1, frames)
        used = [s for s in range(1, until) if weight[s] > 0]
        noise = np.diag([1 / weight[s] for s in used])
        gain = covariance[t, used] @ np.linalg.inv(covariance[np.ix_(used, used)] + noise) if used else np.zeros(0)
        result[t] = expected[t] + gain @ (np.asarray(z)[used] - expected[used])
    return result


def _similarity_distance(before, now, both, size):
    """Median distance of the points after the best similarity, in sizes: complex numbers, reweighted three times."""
    if 2 * both.sum() < len(both) or size <= 0:
        return math.inf
    a, b = (z[both] @ [1, 1j] for z in (before, now))
    off = np.zeros(len(a))
    for _ in range(3):
        w = 1 / (1 + (off / 0.1) ** 2)
        w = w / w.sum()
        a0, b0 = a - w @ a, b - w @ b
        square = ((w * a0.conj()) @ a0).real
        off = np.abs(b0 - ((w * a0.conj()) @ b0 / square * a0 if square > 0 else 0)) / size
    return np.sort(off)[(len(off) - 1) // 2]


def cuts(z, present):
    """Frames (T,) that start anew, by plain loops over a track (T, M, 2) of at least 20 points."""
    frames = len(z)
    size = np.zeros(frames)
    for t in range(frames):
        if 2 * present[t].sum() >= z.shape[1]:
            points = z[t][present[t]]
            away = np.linalg.norm(points - points.mean(axis=0), axis=-1)
            size[t] = np.sort(away)[(len(away) - 1) // 2]

    def change(s, t):
        if s < 0 or t >= frames:
            return math.inf
        return _similarity_distance(z[s], z[t], present[s] & present[t], size[t])

    found = np.zeros(frames, bool)
    for t in range(2, frames - 1):
        least = min(change(t - 1, t), change(t - 2, t), change(t - 1, t + 1))
        around = [change(s - 1, s) for s in range(t - 6, t + 7) if s != t]
        direct = [change(t - 2, t - 1), change(t - 1, t), change(t, t + 1)]
        if np.isfinite([least, *direct]).all():
            found[t] = least > 0.08 and all(least > 4 * value for value in around if np.isfinite(value))
        old, new = size[t - 3 : t], size[t : t + 3]
        if t >= 3 and len(new) == 3 and min(*old, *new) > 0:
            other = 4 * old.max() < new.min() or 4 * new.max() < old.min()
            found[t] |= other and max(change(t, t + 1), change(t + 1, t + 2)) < 0.5
    return found
