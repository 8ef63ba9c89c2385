"""Causal Savitzky-Golay filter: a polynomial through the last frames, taken at the last of them."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.errors import InputError
from fhr_jax.filters.base import Filter, hide


class Recent(NamedTuple):
    """The last n frames, observed or bridged, the newest last, and how many of them there are so far."""

    frames: Float[Array, "n *point"]
    number: Int[Array, "*point"]


def savgol(n: int, order: int = 2) -> Filter:
    """Least squares fit of a polynomial to the last `n` frames, evaluated at the newest of them.

    While only k < n frames were seen, the fit is to those k, of order min(order, k - 1): so the first order + 1
    frames pass unsmoothed, and a track that is such a polynomial passes from its first frame on. A missing coordinate
    is bridged by the straight line fitted to the window (the polynomial itself would run away), and counts as seen
    from then on.

    Args:
        n: frames of the window.
        order: of the polynomial, at least 0 and less than n.
    """
    if not 0 <= order < n:
        raise InputError(f"n: {n}, order: {order}, expected a window longer than the order, at least 0")
    newest = np.stack([_padded(weights(k, min(order, k - 1), 0.0), n) for k in range(1, n + 1)])
    ahead = np.stack([_padded(weights(k, min(order, k - 1, 1), 1.0), n) for k in range(1, n + 1)])

    def init(frame: Float[Array, "*point"]) -> Recent:
        return Recent(jnp.zeros((n, *frame.shape), frame.dtype), jnp.zeros(frame.shape, jnp.int32))

    def fit(table: np.ndarray, state: Recent) -> Float[Array, "*point"]:
        # The weights sum to 1, so differences to the newest frame serve as well, and lose less in float32.
        last = state.frames[-1]
        chosen = jnp.asarray(table, last.dtype)[jnp.maximum(state.number, 1) - 1]
        return last + (jnp.moveaxis(chosen, -1, 0) * (state.frames - last[None])).sum(axis=0)

    def step(state: Recent, z: Float[Array, "*point"]) -> tuple[Recent, Array]:
        here, seen = jnp.isfinite(z), state.number > 0
        prediction = fit(ahead, state)
        filled = jnp.where(here, z, prediction)
        number = jnp.where(here | seen, jnp.minimum(state.number + 1, n), 0)
        # Frames before the first sight have weight 0; what they hold only has to be finite.
        new = Recent(jnp.concatenate([state.frames[1:], filled[None]]), number)
        return new, hide(jnp.where(here, fit(newest, new), prediction), number > 0)

    return Filter(init, step)


def weights(n: int, order: int, at: float) -> Float[np.ndarray, " n"]:
    """Weights of n frames at times 1 - n .. 0, oldest first, in the value at time `at` of the fitted polynomial."""
    # Times in units of the window keep the powers of like size.
    scale = max(n - 1, 1)
    powers = np.vander(np.arange(1 - n, 1) / scale, order + 1, increasing=True)
    return np.linalg.pinv(powers).T @ (at / scale) ** np.arange(order + 1)


def _padded(row: Float[np.ndarray, " k"], n: int) -> Float[np.ndarray, " n"]:
    return np.concatenate([np.zeros(n - len(row)), row])
