"""Mean of the last observations."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.filters.base import Filter


class LastFrames(NamedTuple):
    """The last n observations, NaN where there is none, and the last output."""

    observations: Float[Array, "n *point"]
    output: Float[Array, "*point"]


def moving_average(n: int) -> Filter:
    """Mean of those of the last `n` observations that exist; with none of them, the last output is held."""
    if n < 1:
        raise InputError(f"n: {n}, expected a window of at least one frame")

    def init(frame: Float[Array, "*point"]) -> LastFrames:
        missing = jnp.full_like(frame, jnp.nan)
        return LastFrames(jnp.full_like(frame, jnp.nan, shape=(n, *frame.shape)), missing)

    def step(state: LastFrames, z: Float[Array, "*point"]) -> tuple[LastFrames, Array]:
        window = jnp.concatenate([state.observations[1:], z[None]])
        seen = jnp.isfinite(window)
        total = jnp.where(seen, window, 0).sum(axis=0)
        number = seen.sum(axis=0)
        x = jnp.where(number > 0, total / jnp.maximum(number, 1), state.output)
        return LastFrames(window, x), x

    return Filter(init, step)
