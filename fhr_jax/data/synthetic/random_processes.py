"""Random processes frame by frame: a first-order autoregression, and runs of frames."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.data.faces.random_draws import RandomDraws

Number = float | Float[Array, ""]


def autoregression(
    draws: RandomDraws, frames: int, shape: tuple[int, ...], autocorrelation: Number
) -> Float[Array, "t *shape"]:
    """First-order autoregression of variance 1.

    Args:
        draws: random draws.
        frames: number of frames T.
        shape: of one frame.
        autocorrelation: correlation from one frame to the next, ().

    Returns:
        The process (T, *shape).
    """
    start, fresh = draws.normal(shape=shape, limit=jnp.inf), draws.normal(shape=(frames, *shape), limit=jnp.inf)
    innovations = jnp.sqrt(1 - jnp.asarray(autocorrelation, jnp.float32) ** 2) * fresh

    def step(last: Array, new: Array) -> tuple[Array, Array]:
        now = autocorrelation * last + new
        return now, now

    return jax.lax.scan(step, start, innovations)[1]


def runs(draws: RandomDraws, frames: int, size: int, share: Number, length: float) -> Bool[Array, "t size"]:
    """Independent two-state Markov chains.

    Args:
        draws: random draws.
        frames: number of frames T.
        size: number of chains.
        share: of the frames in which a chain is True, (); at most length / (length + 1), because a chain is False for
            at least one frame between two runs.
        length: mean number of frames in a row.

    Returns:
        The chains (T, size).
    """
    share = jnp.asarray(share, jnp.float32)
    begin, end = share / (length * jnp.maximum(1 - share, 1e-6)), 1 / length

    def step(on: Array, draw: Array) -> tuple[Array, Array]:
        now = jnp.where(on, draw >= end, draw < begin)
        return now, now

    start, fresh = draws.uniform(shape=(size,)) < share, draws.uniform(shape=(frames, size))
    return jax.lax.scan(step, start, fresh)[1]
