"""The stabilizer in float64, from the sums of Eq. 9 themselves, with dense matrices, and its mode by brute force.

Beside it the model with its extensions, direction by direction in plain loops, from the equations of their docstrings.
"""

import itertools

import numpy as np


def history(outputs, gamma):
    """Mean and covariance of the past outputs (oldest first), weighted gamma^1 for the newest."""
    weights = gamma ** np.arange(len(outputs), 0, -1.0)
    x = np.stack(outputs)
    mean = (weights[:, None] * x).sum(0) / weights.sum()
    covariance = ((weights[:, None] * (x - mean)).T @ (x - mean)) / weights.sum()
    return mean, covariance


def history_diagonal(outputs, gamma, ages):
    """The mean and the diagonal of the covariance alone."""
    weights = gamma ** np.asarray(ages, np.float64)
    x = np.stack(outputs)
    mean = (weights[:, None] * x).sum(0) / weights.sum()
    return mean, (weights[:, None] * (x - mean) ** 2).sum(0) / weights.sum()


def windowed_history(outputs, gamma, window):
    """The same without what the outputs before the last `window` had among themselves.

    By the law of total covariance C is what the old ones have among themselves, by their share of the weight, and the
    rest; the rest is what the last terms of Welford's recursion bring.
    """
    mean, covariance = history(outputs, gamma)
    if len(outputs) > window:
        weights = gamma ** np.arange(len(outputs), 0, -1.0)
        share = weights[:-window].sum() / weights.sum()
        if share > 0:
            covariance = covariance - share * history(outputs[:-window], gamma)[1]
    return mean, covariance


def posterior(z, mean, covariance, params):
    """Weights, means and covariances of the mixture after z, all in the coordinates of the track."""
    priors, noise = dense(params)
    weights, means = mixture(z, mean, covariance, params, priors, noise)
    covariances = []
    for beta, prior in zip(params["beta"], priors, strict=True):
        s = beta * prior + (1 - beta) * covariance
        covariances.append(s - s @ np.linalg.solve(s + noise, s))
    return weights, means, np.stack(covariances)


def dense(params):
    """The matrices Sigma_k and Sigma_noise."""
    v = params["basis"]
    return [(v * prior) @ v.T for prior in params["prior"]], (v * params["noise"]) @ v.T


def mixture(z, mean, covariance, params, priors, noise):
    """Weights and means of the mixture after z."""
    logs, means = [], []
    for alpha, beta, prior in zip(params["alpha"], params["beta"], priors, strict=True):
        a = beta * prior + (1 - beta) * covariance + noise
        r = z - mean
        solved = np.linalg.solve(a, r)
        logs.append(np.log(alpha) - 0.5 * np.linalg.slogdet(a)[1] - 0.5 * r @ solved)
        means.append(z - noise @ solved)
    weights = np.exp(np.array(logs) - max(logs))
    return weights / weights.sum(), np.stack(means)


def run(track, params, covariance="full", window=None):
    """Stabilize (T, D) by the mean of the posterior.

    "diagonal" drops what the basis leaves off the diagonal of C, "windowed" what is older than the window.
    """
    params = {name: np.asarray(value, np.float64) for name, value in params.items()}
    v = params["basis"]
    priors, noise = dense(params)
    outputs = []
    for z in np.asarray(track, np.float64):
        if not outputs:
            outputs.append(z)
            continue
        if covariance == "windowed":
            mean, c = windowed_history(outputs, params["gamma"], window)
        else:
            mean, c = history(outputs, params["gamma"])
        if covariance == "diagonal":
            c = (v * np.diag(v.T @ c @ v)) @ v.T
        weights, means = mixture(z, mean, c, params, priors, noise)
        outputs.append(weights @ means)
    return np.stack(outputs)


def network(weights, kept, residual, velocity):
    """One frame of the recurrent network, direction by direction: what it keeps, log odds and noise factors (K, D)."""
    size, d = len(residual), weights["decay"]
    residual, velocity = (np.array([max(-4.0, min(4.0, v)) for v in values]) for values in (residual, velocity))
    new = {name: np.zeros(size) for name in ("energy", "persistence", "speed")} | {"residual": residual.copy()}
    for j in range(size):
        new["energy"][j] = d[0] * kept["energy"][j] + (1 - d[0]) * residual[j] ** 2
        new["persistence"][j] = d[1] * kept["persistence"][j] + (1 - d[1]) * residual[j] * kept["residual"][j]
        new["speed"][j] = d[2] * kept["speed"][j] + (1 - d[2]) * velocity[j] ** 2
    outputs = weights["last"].shape[1]
    out = np.zeros((outputs, size))
    for j in range(size):
        both, kept_sign = residual[j] * velocity[j], new["persistence"][j]
        features = [
            np.log(1 + residual[j] ** 2),
            np.log(1 + velocity[j] ** 2),
            both / (1 + abs(both)),
            np.log(1 + new["energy"][j]),
            kept_sign / (1 + abs(kept_sign)),
            np.log(1 + new["speed"][j]),
            np.log(1 + np.mean(residual**2)),
            np.log(1 + np.mean(new["energy"])),
        ]
        one = [np.tanh(b + np.dot(features, w)) for b, w in zip(weights["first_bias"], weights["first"].T, strict=True)]
        two = [np.tanh(b + np.dot(one, w)) for b, w in zip(weights["second_bias"], weights["second"].T, strict=True)]
        for o in range(outputs):
            out[o, j] = weights["last_bias"][o] + np.dot(two, weights["last"][:, o])
    k = outputs // 2
    return new, out[:k], np.exp(4 * np.tanh(out[k:] / 4))


def run_extended(track, params, velocity=None, responsibilities=None, recurrent=None, times=None):
    """Stabilize (T, D) with the diagonal covariance and extensions; frames of NaN are missing, `times` are in frames.

    `velocity` and `recurrent` are dictionaries of their fields, `responsibilities` is (temperature,
    group of each direction).
    """
    params = {name: np.asarray(value, np.float64) for name, value in params.items()}
    v, gamma, alpha, beta = params["basis"], params["gamma"], params["alpha"], params["beta"]
    k, size = params["prior"].shape
    times = np.arange(len(track), dtype=np.float64) if times is None else times
    velocity = velocity or {name: np.zeros(k) for name in ("decay", "lead", "anchor")}
    seen, when, outputs = [], [], []
    speed, drift = np.zeros((k, size)), np.zeros(size)
    kept = {name: np.zeros(size) for name in ("residual", "energy", "persistence", "speed")}
    for frame, (now, z) in enumerate(zip(times, np.asarray(track, np.float64), strict=True)):
        if not seen:
            if np.isnan(z).any():
                outputs.append(np.full(size, np.nan))
                continue
            origin = z
            seen.append(np.zeros(size))
            when.append(now)
            outputs.append(z)
            continue
        dt, elapsed = now - times[frame - 1], now - when[-1]
        mean, c = history_diagonal(seen, gamma, now - np.array(when))
        last = seen[-1]
        leads = [velocity["lead"][i] * velocity["decay"][i] ** (elapsed - dt) * dt * speed[i] for i in range(k)]
        means = [mean + drift + velocity["anchor"][i] * (last - mean) + leads[i] for i in range(k)]
        if np.isnan(z).any():
            outputs.append(origin + v @ sum(a * m for a, m in zip(alpha, means, strict=True)))
            drift = drift + sum(a * lead for a, lead in zip(alpha, leads, strict=True))
            continue
        y = v.T @ (z - origin)
        noise, odds = np.tile(params["noise"], (k, 1)), np.zeros((k, size))
        if recurrent is not None:
            sigma = np.sqrt(params["noise"])
            residual = (y - last - drift) / (sigma * np.sqrt(elapsed))
            kept, odds, factor = network(recurrent, kept, residual, speed[-1] / sigma)
            noise = noise * factor
        logs, centres = np.zeros((k, size)), np.zeros((k, size))
        for i in range(k):
            for j in range(size):
                total = beta[i] * params["prior"][i, j] * elapsed + (1 - beta[i]) * c[j] + noise[i, j]
                r = y[j] - means[i][j]
                logs[i, j] = odds[i, j] - 0.5 * np.log(total) - 0.5 * r**2 / total
                centres[i, j] = y[j] - noise[i, j] * r / total
        temperature, groups = responsibilities or (1.0, np.zeros(size, int))
        x = np.zeros(size)
        for group in set(groups):
            members = [j for j in range(size) if groups[j] == group]
            log_weights = np.log(alpha) + logs[:, members].sum(axis=1) / temperature
            weights = np.exp(log_weights - log_weights.max())
            x[members] = weights @ centres[:, members] / weights.sum()
        for i in range(k):
            keep = velocity["decay"][i] ** elapsed
            speed[i] = keep * speed[i] + (1 - keep) * (x - last) / elapsed
        drift = np.zeros(size)
        seen.append(x)
        when.append(now)
        outputs.append(origin + v @ x)
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
    deviation = np.sqrt(max(np.linalg.eigvalsh(c).max() for c in covariances))
    low, high = means.min(0) - 2 * deviation, means.max(0) + 2 * deviation
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
