"""Linear smoothers with a look-ahead, as matrices over the frames of a track, tuned by the stabilization loss.

Output t is the sum over s of `matrix[t, s]` times frame s, and the look-ahead `lag` bounds s - t. So all share one
compiled loss. They take complete tracks (`complete`).

* Rauch-Tung-Striebel of order n: the n-th derivative of a point is white noise of variance q, in units of the variance
  of an observation. Order 2 keeps the velocity, order 3 the acceleration.
* Savitzky-Golay: a polynomial fitted to a window.
* Gaussian: a mean with Gaussian weights, as far back as they reach, or only as far as ahead, so that it is not late.

For the last two, copies of the first frame come before a track, and it goes on point-symmetric about its last frame.
Matrices are made in float64 on the host.
"""

from collections.abc import Callable, Mapping
from math import factorial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.filters.smoothers import interpolate
from fhr_jax.losses import stabilization
from fhr_jax.stabilizer.fit.tracks import Videos, as_videos

Matrix = Float[np.ndarray, "t t"]
Candidate = tuple[float, dict[str, float | int]]
"""A loss and its settings."""

FIRST_VARIANCE = 10.0
"""Of the derivatives in the first frame, in variances of an observation."""

LONGEST, LONGEST_CENTRED = 15, 25
"""Frames of the longest window of Savitzky-Golay, and of one with as many frames after the output as before it."""


class LinearSmoother(NamedTuple):
    """A family of smoothers.

    Attributes:
        name: for tables.
        matrix: takes the number of frames T, `lag`, and the settings as keywords; returns (T, T).
        choices: settings that are tried one by one, given the lag.
        scale: name, lowest and highest value of a positive setting, or None.
    """

    name: str
    matrix: Callable[..., Matrix]
    choices: Callable[[int | None], tuple[Mapping[str, int], ...]]
    scale: tuple[str, float, float] | None = None


class TunedSmoother(NamedTuple):
    """The best settings found, and the loss there."""

    settings: dict[str, float | int]
    loss: float


def complete(videos: Videos) -> Videos:
    """The videos with missing points interpolated linearly in time, which favours smoothers with a short look-ahead."""
    observed = np.asarray(videos.observed)
    filled = [interpolate(track, ~np.isfinite(track).all(axis=-1)) for track in observed]
    return as_videos(np.stack(filled).astype(observed.dtype), videos.truth, mask=videos.mask)


def smooth(
    smoother: LinearSmoother, settings: Mapping[str, float | int], observed: Float[Array, "n t m d"], *, lag: int | None
) -> Float[Array, "n t m d"]:
    """The outputs (N, T, M, d) for complete tracks.

    Args:
        smoother: one of `SMOOTHERS`.
        settings: of it.
        observed: (N, T, M, d), complete.
        lag: frames of look-ahead; None for all.
    """
    return _apply(jnp.asarray(smoother.matrix(observed.shape[1], lag, **settings), observed.dtype), observed)


def tune(smoother: LinearSmoother, videos: Videos, *, lag: int | None, points: int = 9) -> TunedSmoother:
    """The settings with the lowest stabilization loss on these videos: a grid, then a search within its best step.

    Args:
        smoother: one of `SMOOTHERS`.
        videos: complete tracks (N, T, M, d) in pixels of the 256 crop.
        lag: frames of look-ahead; None for all.
        points: of the grid.
    """
    from scipy.optimize import minimize_scalar

    frames = videos.observed.shape[1]

    def loss(settings: Mapping[str, float | int]) -> float:
        return float(_loss(jnp.asarray(smoother.matrix(frames, lag, **settings), videos.observed.dtype), videos))

    best: Candidate = (np.inf, {})
    for choice in smoother.choices(lag):
        if smoother.scale is None:
            found: list[Candidate] = [(loss(choice), dict(choice))]
        else:
            name, low, high = smoother.scale
            grid = np.linspace(np.log(low), np.log(high), points)

            def at(log: float, name: str = name, choice: Mapping[str, int] = choice) -> float:
                return loss({**choice, name: float(np.exp(log))})

            losses = [at(log) for log in grid]
            nearest, step = grid[int(np.argmin(losses))], grid[1] - grid[0]
            refined = minimize_scalar(
                at, bounds=(nearest - step, nearest + step), method="bounded", options={"xatol": 0.02, "maxiter": 12}
            )
            logs = [*zip(losses, grid, strict=True), (float(refined.fun), float(refined.x))]
            found = [(value, {**choice, name: float(np.exp(log))}) for value, log in logs]
        best = min([best, *found], key=lambda entry: entry[0])
    return TunedSmoother(best[1], best[0])


def rts(frames: int, lag: int | None, *, order: int, q: float) -> Matrix:
    """Rauch-Tung-Striebel, (T, T).

    Args:
        frames: T.
        lag: frames of look-ahead; None for all.
        order: n, at least 1.
        q: variance of the white noise, in variances of an observation.
    """
    powers = range(order)
    step = np.array([[1 / factorial(j - i) if j >= i else 0.0 for j in powers] for i in powers])
    left = [order - 1 - i for i in powers]
    noise = np.array([[q / ((a + b + 1) * factorial(a) * factorial(b)) for b in left] for a in left])
    eye = np.eye(frames)
    mean, covariance = np.zeros((order, frames)), np.diag([1.0] + [FIRST_VARIANCE] * (order - 1))
    mean[0] = eye[0]
    filtered, predicted, gains = [mean], [mean], [np.zeros((order, order))]
    for t in range(1, frames):
        before, ahead = step @ mean, step @ covariance @ step.T + noise
        gains.append(covariance @ step.T @ np.linalg.inv(ahead))
        kalman = ahead[:, 0] / (ahead[0, 0] + 1)
        mean = before + kalman[:, None] * (eye[t] - before[0])
        covariance = ahead - np.outer(kalman, ahead[0])
        filtered.append(mean)
        predicted.append(before)
    if lag is None:
        later, outputs = filtered[-1], [filtered[-1][0]]
        for t in range(frames - 2, -1, -1):
            later = filtered[t] + gains[t + 1] @ (later - predicted[t + 1])
            outputs.append(later[0])
        return np.stack(outputs[::-1])
    forth, expected, gain = np.stack(filtered), np.stack(predicted), np.stack(gains)
    smoothed = forth
    for _ in range(min(lag, frames - 1)):
        back = forth[:-1] + gain[1:] @ (smoothed[1:] - expected[1:])
        smoothed = np.concatenate([back, forth[-1:]])
    return smoothed[:, 0]


def savitzky_golay(frames: int, lag: int | None, *, window: int, ahead: int, order: int) -> Matrix:
    """Savitzky-Golay, (T, T).

    Args:
        frames: T.
        lag: at least `ahead`, or None.
        window: its frames.
        ahead: frames of the window after the output.
        order: of the polynomial, less than `window`.
    """
    from scipy.signal import savgol_coeffs

    weights = savgol_coeffs(window, order, pos=window - 1 - ahead, use="dot")
    return _of_weights(frames, weights, ahead)


def gaussian(frames: int, lag: int | None, *, symmetric: int, deviation: float) -> Matrix:
    """Gaussian weights, (T, T), as far ahead as four standard deviations.

    Args:
        frames: T.
        lag: frames of look-ahead; None for all.
        symmetric: 1 reaches as far back as ahead, 0 as far back as four standard deviations.
        deviation: frames.
    """
    reach = min(int(np.ceil(4 * deviation)), frames - 1)
    ahead = reach if lag is None else min(reach, lag)
    behind = ahead if symmetric else reach
    weights = np.exp(-0.5 * (np.arange(-behind, ahead + 1) / deviation) ** 2)
    return _of_weights(frames, weights / weights.sum(), ahead)


def _of_weights(frames: int, weights: np.ndarray, ahead: int) -> Matrix:
    matrix = np.zeros((frames, frames))
    rows, last = np.arange(frames), frames - 1
    for k, weight in enumerate(weights, ahead + 1 - len(weights)):
        at = rows + k
        beyond = at > last
        matrix[rows, np.clip(np.where(beyond, 2 * last - at, at), 0, last)] += np.where(beyond, -weight, weight)
        matrix[beyond, last] += 2 * weight
    return matrix


def _windows(lag: int | None) -> tuple[Mapping[str, int], ...]:
    """All windows that need no more than the look-ahead; for the whole track the centred ones."""
    halves = range(LONGEST_CENTRED // 2 + 1 if lag is None else min(lag, LONGEST_CENTRED // 2) + 1)
    found = {(2 * half + 1, half, order) for half in halves for order in range(min(2 * half, 4) + 1)}
    for ahead in range(0 if lag is None else lag + 1):
        found |= {(n, ahead, order) for n in range(ahead + 1, LONGEST + 1) for order in range(min(n, 4))}
    return tuple({"window": window, "ahead": ahead, "order": order} for window, ahead, order in sorted(found))


def _reaches(lag: int | None) -> tuple[Mapping[str, int], ...]:
    return tuple({"symmetric": value} for value in ((1,) if lag is None else (0,) if lag == 0 else (0, 1)))


@jax.jit
def _apply(matrix: Array, observed: Array) -> Array:
    # Products relative to the first frame, so that float32 keeps its digits.
    origin = observed[:, :1]
    return origin + jnp.einsum("ts,nsmd->ntmd", matrix, observed - origin, precision=jax.lax.Precision.HIGHEST)


@jax.jit
def _loss(matrix: Array, videos: Videos) -> Array:
    return stabilization(_apply(matrix, videos.observed), videos.truth, mask=videos.mask).total


def _order(order: int) -> LinearSmoother:
    choices = ({"order": order},)
    return LinearSmoother(f"RTS, order {order}", rts, lambda lag: choices, ("q", 1e-5, 10.0))


SMOOTHERS = (
    *map(_order, (1, 2, 3)),
    LinearSmoother("Savitzky-Golay", savitzky_golay, _windows),
    LinearSmoother("Gaussian", gaussian, _reaches, ("deviation", 0.2, 12.0)),
)
"""Every family."""
