"""Causal Savitzky-Golay filter: a polynomial fitted to the last frames, evaluated at the last one."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.errors import InputError
from fhr_jax.filters.base import Filter, Step, nan_unless_seen

NEGLIGIBLE = 1e-7
"""Share of the sum of all weights; a polynomial whose square has a smaller sum vanishes on the times of the frames."""


class SavgolState(NamedTuple):
    """Last frames (k, M, d), observed or predicted, the newest last; dt of each (k,); number of them so far (M, d)."""

    frames: Float[Array, "k *point"]
    spans: Float[Array, " k"]
    number: Int[Array, "*point"]


def savgol(n: int, *, order: int = 2, most_per_frame: int = 4) -> Filter:
    """Least squares fit of a polynomial to the last `n` frames, evaluated at the newest of them.

    While there are only k < n frames, the fit is to those k, of order min(order, k - 1). The first order + 1 frames
    therefore pass unsmoothed, and so does any track that is such a polynomial. A missing coordinate is predicted by
    the straight line fitted to the window (the polynomial itself would diverge), and counts as observed later.

    In continuous time the polynomial p minimizes the integral of (z - p)^2 over the last n frames. An observation
    stands for the dt frames before it, so with steps of dt it minimizes the sum of w(i) (z(i) - p(t(i)))^2 with

        w(i) = min(dt(i), max(n - age(i), 0)),    t(i) = -age(i),    age(i) = the sum of dt of all later frames.

    Args:
        n: frames of the window.
        order: of the polynomial, at least 0 and less than n. It is lower where the window has too few observations.
        most_per_frame: most observations in the time of one frame that are kept, 1 / dt.

    Raises:
        InputError: the window is not longer than the order.
    """
    if not 0 <= order < n or most_per_frame < 1:
        raise InputError(f"n: {n}, order: {order}, expected a window longer than the order, at least 0")
    slots = n * most_per_frame
    newest = np.stack([_padded(weights(k, min(order, k - 1), 0.0), n) for k in range(1, n + 1)])
    ahead = np.stack([_padded(weights(k, min(order, k - 1, 1), 1.0), n) for k in range(1, n + 1)])

    def init(frame: Float[Array, "*point"]) -> SavgolState:
        frames = jnp.zeros((slots, *frame.shape), frame.dtype)
        return SavgolState(frames, jnp.ones(slots, frame.dtype), jnp.zeros(frame.shape, jnp.int32))

    def fit(table: np.ndarray, state: SavgolState) -> Float[Array, "*point"]:
        # The weights sum to 1, so differences to the newest frame give the same result with less rounding in float32.
        last = state.frames[-1]
        chosen = jnp.asarray(table, last.dtype)[jnp.clip(state.number, 1, n) - 1]
        return last + (jnp.moveaxis(chosen, -1, 0) * (state.frames[-n:] - last[None])).sum(axis=0)

    def fit_times(state: SavgolState, order: int, at: Step) -> Float[Array, "*point"]:
        ages = jnp.cumsum(state.spans[::-1])[::-1] - state.spans
        shape = (-1, *(1 for _ in state.number.shape))
        known = jnp.arange(slots)[::-1].reshape(shape) < state.number[None]
        weight = jnp.clip(n - ages, 0, state.spans).reshape(shape) * known
        last = state.frames[-1]
        return last + _polynomial((-ages / n).reshape(shape), state.frames - last[None], weight, order, at / n)

    def step(state: SavgolState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[SavgolState, Array]:
        even = isinstance(dt, int)
        observed, seen = jnp.isfinite(z), state.number > 0
        prediction = fit(ahead, state) if even else fit_times(state, min(order, 1), dt)
        filled = jnp.where(observed, z, prediction)
        number = jnp.where(observed | seen, jnp.minimum(state.number + 1, slots), 0)
        spans = jnp.concatenate([state.spans[1:], jnp.asarray(dt, z.dtype)[None]])
        # Frames before the first observation have weight 0; their values only have to be finite.
        new = SavgolState(jnp.concatenate([state.frames[1:], filled[None]]), spans, number)
        smooth = fit(newest, new) if even else fit_times(new, order, 0.0)
        return new, nan_unless_seen(jnp.where(observed, smooth, prediction), number > 0)

    return Filter(init, step)


def weights(n: int, order: int, at: float) -> Float[np.ndarray, " n"]:
    """Weights (n,) of the frames at times 1 - n .. 0, oldest first, for the fitted polynomial's value at time `at`."""
    # In units of the window length the powers of the times have similar size.
    scale = max(n - 1, 1)
    powers = np.vander(np.arange(1 - n, 1) / scale, order + 1, increasing=True)
    return np.linalg.pinv(powers).T @ (at / scale) ** np.arange(order + 1)


def _polynomial(time: Array, y: Array, weight: Array, order: int, at: Step) -> Array:
    """The polynomial fitted to y (k, M, d) with weights (k, M, d) at times (k, 1, 1), at another time: (M, d).

    By polynomials that are orthogonal on these times (Forsythe 1957). One that vanishes on all of them is left out, so
    the order is lower where there are few.
    """
    before, now = jnp.zeros_like(weight), jnp.ones_like(weight)
    before_at, now_at = jnp.zeros_like(y[0]), jnp.ones_like(y[0])
    first = norm = weight.sum(axis=0)
    ratio, value = jnp.zeros_like(norm), jnp.zeros_like(norm)
    for _ in range(order + 1):
        usable = norm > NEGLIGIBLE * jnp.maximum(first, NEGLIGIBLE)
        divisor = jnp.where(usable, norm, 1)
        value += jnp.where(usable, (weight * y * now).sum(axis=0) / divisor, 0) * now_at
        shift = jnp.where(usable, (weight * time * now**2).sum(axis=0) / divisor, 0)
        before, now = now, jnp.where(usable[None], (time - shift[None]) * now - ratio[None] * before, 0)
        before_at, now_at = now_at, (at - shift) * now_at - ratio * before_at
        following = (weight * now**2).sum(axis=0)
        ratio, norm = following / divisor, following
    return value


def _padded(row: Float[np.ndarray, " k"], n: int) -> Float[np.ndarray, " n"]:
    return np.concatenate([np.zeros(n - len(row)), row])
