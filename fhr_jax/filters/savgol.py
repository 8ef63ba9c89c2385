"""Causal Savitzky-Golay filter: a polynomial fitted to the last frames, evaluated at the last one."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.errors import InputError
from fhr_jax.filters.base import Filter, nan_unless_seen


class SavgolState(NamedTuple):
    """Last n frames (n, M, d), observed or predicted, the newest last, and how many there are so far (M, d)."""

    frames: Float[Array, "n *point"]
    number: Int[Array, "*point"]


def savgol(n: int, *, order: int = 2) -> Filter:
    """Least squares fit of a polynomial to the last `n` frames, evaluated at the newest of them.

    While there are only k < n frames, the fit is to those k, of order min(order, k - 1). The first order + 1 frames
    therefore pass unsmoothed, and so does any track that is such a polynomial. A missing coordinate is predicted by
    the straight line fitted to the window (the polynomial itself would diverge), and counts as observed later.

    Args:
        n: frames of the window.
        order: of the polynomial, at least 0 and less than n.

    Raises:
        InputError: the window is not longer than the order.
    """
    if not 0 <= order < n:
        raise InputError(f"n: {n}, order: {order}, expected a window longer than the order, at least 0")
    newest = np.stack([_padded(weights(k, min(order, k - 1), 0.0), n) for k in range(1, n + 1)])
    ahead = np.stack([_padded(weights(k, min(order, k - 1, 1), 1.0), n) for k in range(1, n + 1)])

    def init(frame: Float[Array, "*point"]) -> SavgolState:
        return SavgolState(jnp.zeros((n, *frame.shape), frame.dtype), jnp.zeros(frame.shape, jnp.int32))

    def fit(table: np.ndarray, state: SavgolState) -> Float[Array, "*point"]:
        # The weights sum to 1, so differences to the newest frame give the same result with less rounding in float32.
        last = state.frames[-1]
        chosen = jnp.asarray(table, last.dtype)[jnp.maximum(state.number, 1) - 1]
        return last + (jnp.moveaxis(chosen, -1, 0) * (state.frames - last[None])).sum(axis=0)

    def step(state: SavgolState, z: Float[Array, "*point"]) -> tuple[SavgolState, Array]:
        observed, seen = jnp.isfinite(z), state.number > 0
        prediction = fit(ahead, state)
        filled = jnp.where(observed, z, prediction)
        number = jnp.where(observed | seen, jnp.minimum(state.number + 1, n), 0)
        # Frames before the first observation have weight 0; their values only have to be finite.
        new = SavgolState(jnp.concatenate([state.frames[1:], filled[None]]), number)
        return new, nan_unless_seen(jnp.where(observed, fit(newest, new), prediction), number > 0)

    return Filter(init, step)


def weights(n: int, order: int, at: float) -> Float[np.ndarray, " n"]:
    """Weights (n,) of the frames at times 1 - n .. 0, oldest first, for the fitted polynomial's value at time `at`."""
    # In units of the window length the powers of the times have similar size.
    scale = max(n - 1, 1)
    powers = np.vander(np.arange(1 - n, 1) / scale, order + 1, increasing=True)
    return np.linalg.pinv(powers).T @ (at / scale) ** np.arange(order + 1)


def _padded(row: Float[np.ndarray, " k"], n: int) -> Float[np.ndarray, " n"]:
    return np.concatenate([np.zeros(n - len(row)), row])
