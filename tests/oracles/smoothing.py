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
