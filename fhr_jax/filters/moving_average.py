"""Mean of the last observations."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.filters.base import Filter


class MovingAverageState(NamedTuple):
    """Last n observations (n, M, d), NaN where missing, and the last output (M, d)."""

    observations: Float[Array, "n *point"]
    output: Float[Array, "*point"]


def moving_average(n: int) -> Filter:
    """Mean of the observations among the last `n` frames; without any, the last output is repeated.

    Raises:
        InputError: the window is empty.
    """
    if n < 1:
        raise InputError(f"n: {n}, expected a window of at least one frame")

    def init(frame: Float[Array, "*point"]) -> MovingAverageState:
        missing = jnp.full_like(frame, jnp.nan)
        return MovingAverageState(jnp.full_like(frame, jnp.nan, shape=(n, *frame.shape)), missing)

    def step(state: MovingAverageState, z: Float[Array, "*point"]) -> tuple[MovingAverageState, Array]:
        window = jnp.concatenate([state.observations[1:], z[None]])
        seen = jnp.isfinite(window)
        total = jnp.where(seen, window, 0).sum(axis=0)
        number = seen.sum(axis=0)
        x = jnp.where(number > 0, total / jnp.maximum(number, 1), state.output)
        return MovingAverageState(window, x), x

    return Filter(init, step)
