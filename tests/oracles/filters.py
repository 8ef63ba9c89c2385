"""The classical filters, one coordinate at a time, in plain loops of float64."""

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


def alpha_beta(a, b):
    def of(z):
        out, x, v = [], math.nan, 0.0
        for value in z:
            if math.isnan(x):
                x = value
            else:
                innovation = 0.0 if math.isnan(value) else value - (x + v)
                x, v = x + v + a * innovation, v + b * innovation
            out.append(x)
        return out

    return of


def kalman(q, r, velocity_variance):
    return _every_frame(kalman_dt(q, r, velocity_variance))


def savgol(n, order):
    """A polynomial fitted anew to every window; gaps are bridged by the line through the window."""

    def at(values, order, time):
        values = np.asarray(values)
        times = np.arange(1 - len(values), 1.0)
        return np.polyval(np.polyfit(times, values - values[-1], min(order, len(values) - 1)), time) + values[-1]

    def of(z):
        out, past = [], []
        for value in z:
            if math.isnan(value):
                value = at(past[-n:], min(order, 1), 1.0) if past else math.nan
                out.append(value)
            else:
                out.append(at([*past, value][-n:], order, 0.0))
            if not math.isnan(value):
                past.append(value)
        return out

    return of


def rts(q, r, velocity_variance):
    return _every_frame(rts_dt(q, r, velocity_variance))


def _every_frame(with_dt):
    """A filter at steps of one frame."""
    return lambda z: with_dt(z, np.ones(len(z)))


def each_with_dt(filter_1d, track: np.ndarray, dt: np.ndarray) -> np.ndarray:
    """Apply a filter of one sequence and its steps to every coordinate of a track (T, ...)."""
    return each(lambda z: filter_1d(z, [float(step) for step in dt]), track)


def first_order_dt(a):
    """The error of x' = (z - x) / tau with z held over the step."""
    tau = -1 / math.log(1 - a)

    def of(z, dt):
        out, x = [], math.nan
        for value, step in zip(z, dt, strict=True):
            if math.isnan(x):
                x = value
            elif not math.isnan(value):
                x = value + (x - value) * math.exp(-step / tau)
            out.append(x)
        return out

    return of


def alpha_beta_dt(a, b):
    """Gains such that the error's transition matrix over dt has the eigenvalues of that over 1, to the power dt."""
    roots = np.roots([1, -(2 - a - b), 1 - a]).astype(complex)

    def of(z, dt):
        out, x, v = [], math.nan, 0.0
        for value, step in zip(z, dt, strict=True):
            if math.isnan(x):
                x = value
            else:
                first, second = roots**step
                gain, speed = (1 - first * second).real, ((1 - first) * (1 - second)).real
                innovation = 0.0 if math.isnan(value) else value - (x + step * v)
                x, v = x + step * v + gain * innovation, v + speed / step * innovation
            out.append(x)
        return out

    return of


def _window_weights(dt, n):
    """How much of each step, the newest last, lies in the last n frames; and the ages of the steps' ends."""
    ages = [sum(dt[i + 1 :]) for i in range(len(dt))]
    return [min(step, max(n - age, 0.0)) for step, age in zip(dt, ages, strict=True)], ages


def moving_average_dt(n):
    def of(z, dt):
        out, last = [], math.nan
        for t in range(len(z)):
            weights, _ = _window_weights(dt[: t + 1], n)
            pairs = [(w, v) for w, v in zip(weights, z[: t + 1], strict=True) if w > 0 and not math.isnan(v)]
            last = sum(w * v for w, v in pairs) / sum(w for w, _ in pairs) if pairs else last
            out.append(last)
        return out

    return of


def savgol_dt(n, order):
    def at(past, steps, order, time):
        weights, ages = _window_weights(steps, n)
        known = [(w, -age, v) for w, age, v in zip(weights, ages, past, strict=True) if w > 0]
        w, t, y = map(np.array, zip(*known, strict=True))
        fitted = np.polyfit(t, y - y[-1], min(order, len(y) - 1), w=np.sqrt(w))
        return float(np.polyval(fitted, time) + y[-1])

    def of(z, dt):
        out, past, steps = [], [], []
        for value, step in zip(z, dt, strict=True):
            observed = not math.isnan(value)
            if not observed and past:
                value = at(past, steps, min(order, 1), step)
            if not math.isnan(value):
                past.append(value)
                steps.append(step)
            out.append(at(past, steps, order, 0.0) if observed else value)
        return out

    return of


def one_euro_dt(min_cutoff, beta, d_cutoff, rate):
    def alpha(cutoff, seconds):
        return 1 / (1 + 1 / (2 * math.pi * cutoff) / seconds)

    def of(z, dt):
        out, x, dx, seconds = [], math.nan, 0.0, 0.0
        for value, step in zip(z, dt, strict=True):
            seconds += step / rate
            if not math.isnan(value):
                if math.isnan(x):
                    x = value
                else:
                    a = alpha(d_cutoff, seconds)
                    dx = a * (value - x) / seconds + (1 - a) * dx
                    a = alpha(min_cutoff + beta * abs(dx), seconds)
                    x = a * value + (1 - a) * x
                seconds = 0.0
            out.append(x)
        return out

    return of


def transition(step, q):
    return np.array([[1, step], [0, 1]]), q * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])


H = np.array([[1.0, 0.0]])


def kalman_dt(q, r, velocity_variance):
    """With explicit matrices, and the covariance in Joseph's form."""

    def of(z, dt):
        out, mean, cov = [], None, None
        for value, step in zip(z, dt, strict=True):
            if mean is None:
                if not math.isnan(value):
                    mean, cov = np.array([value, 0.0]), np.diag([r, velocity_variance])
            else:
                f, noise = transition(step, q)
                mean, cov = f @ mean, f @ cov @ f.T + noise
                if not math.isnan(value):
                    gain = cov @ H.T @ np.linalg.inv(H @ cov @ H.T + r)
                    rest = np.eye(2) - gain @ H
                    mean, cov = mean + gain @ (value - H @ mean), rest @ cov @ rest.T + r * gain @ gain.T
            out.append(math.nan if mean is None else mean[0])
        return out

    return of


def rts_dt(q, r, velocity_variance):
    """As `rts`, with the steps in the dense system."""

    def of(z, dt):
        seen = [t for t, value in enumerate(z) if not math.isnan(value)]
        first, frames = seen[0], len(z) - seen[0]
        precision, moment = np.zeros((2 * frames, 2 * frames)), np.zeros(2 * frames)
        precision[1, 1] += 1 / velocity_variance
        for t in seen:
            precision[2 * (t - first), 2 * (t - first)] += 1 / r
            moment[2 * (t - first)] += z[t] / r
        for t in range(frames - 1):
            f, noise = transition(dt[first + t + 1], q)
            step = np.concatenate([-f, np.eye(2)], axis=1)
            precision[2 * t : 2 * t + 4, 2 * t : 2 * t + 4] += step.T @ np.linalg.inv(noise) @ step
        return [math.nan] * first + list(np.linalg.solve(precision, moment)[::2])

    return of
