"""The baselines of Fig. 6 and One Euro, one coordinate at a time, in plain loops of float64."""

import itertools
import math

import numpy as np


def each(filter_1d, track: np.ndarray) -> np.ndarray:
    """Apply a filter of one sequence to every coordinate of a track (T, ...)."""
    flat = np.asarray(track, np.float64).reshape(len(track), -1)
    return np.stack([filter_1d(list(c)) for c in flat.T], axis=1).reshape(track.shape)


def moving_average(n):
    def of(z):
        out, last = [], math.nan
        for t in range(len(z)):
            seen = [v for v in z[max(0, t - n + 1) : t + 1] if not math.isnan(v)]
            last = sum(seen) / len(seen) if seen else last
            out.append(last)
        return out

    return of


def _with_prediction(z, a, predict):
    x = []
    for value in z:
        known = [v for v in x if not math.isnan(v)]
        if not known:
            x.append(value)
        else:
            p = predict(known)
            x.append(p if math.isnan(value) else a * value + (1 - a) * p)
    return x


def first_order(a):
    return lambda z: _with_prediction(z, a, lambda x: x[-1])


def constant_speed(a):
    return lambda z: _with_prediction(z, a, lambda x: 2 * x[-1] - x[-2] if len(x) > 1 else x[-1])


def second_order(a, c):
    def slope(x):
        b = 0.0
        for before, now in itertools.pairwise(x):
            b = c * (now - before) + (1 - c) * b
        return b

    return lambda z: _with_prediction(z, a, lambda x: x[-1] + slope(x))


def one_euro(min_cutoff, beta, d_cutoff, rate):
    def alpha(cutoff, seconds):
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau / seconds)

    def of(z):
        out, x, dx, last = [], math.nan, 0.0, None
        for t, value in enumerate(z):
            if not math.isnan(value):
                if last is None:
                    x = value
                else:
                    seconds = (t - last) / rate
                    a = alpha(d_cutoff, seconds)
                    dx = a * (value - x) / seconds + (1 - a) * dx
                    a = alpha(min_cutoff + beta * abs(dx), seconds)
                    x = a * value + (1 - a) * x
                last = t
            out.append(x)
        return out

    return of
