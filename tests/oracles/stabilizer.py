"""The stabilizer in float64, from the sums of Eq. 9 themselves, with dense matrices, and its mode by brute force."""

import itertools

import numpy as np


def history(outputs, gamma):
    """Mean and covariance of the past outputs (oldest first), weighted gamma^1 for the newest."""
    weights = np.array([gamma**tau for tau in range(len(outputs), 0, -1)])
    x = np.stack(outputs)
    mean = (weights[:, None] * x).sum(0) / weights.sum()
    covariance = sum(w * np.outer(v - mean, v - mean) for w, v in zip(weights, x, strict=True)) / weights.sum()
    return mean, covariance


def posterior(z, mean, covariance, params):
    """Weights, means and covariances of the mixture after z, all in the coordinates of the track."""
    v = params["basis"]
    noise = v @ np.diag(params["noise"]) @ v.T
    logs, means, covariances = [], [], []
    for alpha, beta, prior in zip(params["alpha"], params["beta"], params["prior"], strict=True):
        s = beta * v @ np.diag(prior) @ v.T + (1 - beta) * covariance
        a = s + noise
        r = z - mean
        solved = np.linalg.solve(a, r)
        logs.append(np.log(alpha) - 0.5 * np.linalg.slogdet(a)[1] - 0.5 * r @ solved)
        means.append(z - noise @ solved)
        covariances.append(s - s @ np.linalg.solve(a, s))
    weights = np.exp(np.array(logs) - max(logs))
    return weights / weights.sum(), np.stack(means), np.stack(covariances)


def run(track, params, diagonal=False):
    """Stabilize (T, D) by the mean of the posterior; `diagonal` drops what the basis leaves off the diagonal of C."""
    params = {name: np.asarray(value, np.float64) for name, value in params.items()}
    v = params["basis"]
    outputs = []
    for z in np.asarray(track, np.float64):
        if not outputs:
            outputs.append(z)
            continue
        mean, covariance = history(outputs, params["gamma"])
        if diagonal:
            covariance = v @ np.diag(np.diag(v.T @ covariance @ v)) @ v.T
        weights, means, _ = posterior(z, mean, covariance, params)
        outputs.append(weights @ means)
    return np.stack(outputs)


def log_density(x, weights, means, covariances):
    """Log density of a mixture at x (..., D)."""
    logs = []
    for w, m, c in zip(weights, means, covariances, strict=True):
        off = x - m
        quadratic = np.einsum("...i,ij,...j->...", off, np.linalg.inv(c), off)
        logs.append(np.log(w) - 0.5 * np.linalg.slogdet(2 * np.pi * c)[1] - 0.5 * quadratic)
    return np.logaddexp.reduce(np.stack(logs), axis=0)


def mode(weights, means, covariances, steps=61, rounds=7):
    """The mode in one or two dimensions: the best point of a grid, refined around the best few."""
    spread = np.sqrt(max(np.linalg.eigvalsh(c).max() for c in covariances))
    low, high = means.min(0) - 2 * spread, means.max(0) + 2 * spread
    axes = [np.linspace(a, b, 401) for a, b in zip(low, high, strict=True)]
    grid = np.array(list(itertools.product(*axes)))
    heights = log_density(grid, weights, means, covariances)
    best = grid[heights.argmax()]
    width = (high - low) / 400
    for _ in range(rounds):
        axes = [np.linspace(b - w, b + w, steps) for b, w in zip(best, width, strict=True)]
        grid = np.array(list(itertools.product(*axes)))
        best = grid[log_density(grid, weights, means, covariances).argmax()]
        width = width / 10
    return best
