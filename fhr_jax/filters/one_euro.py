"""The One Euro filter."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, Step, correct, nan_unless_seen


class OneEuroState(NamedTuple):
    """Last output, its smoothed derivative per second, frames since the last observation, if there was one: (M, d)."""

    output: Float[Array, "*point"]
    derivative: Float[Array, "*point"]
    elapsed: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def one_euro(*, min_cutoff: Gain = 1.0, beta: Gain = 0.0, d_cutoff: Gain = 1.0, rate: float = 30.0) -> Filter:
    """The One Euro filter of Casiez, Roussel and Vogel (CHI 2012, Algorithm 1), a coordinate at a time.

    First order smoothing with the cutoff frequency min_cutoff + beta |dx/dt|. The derivative is the difference of the
    observation to the last output (as in the article; older programs use the last observation), smoothed with the
    cutoff d_cutoff. A gain is 1 / (1 + tau / seconds) with tau = 1 / (2 pi cutoff) and the seconds since the last
    observation, dt / rate or more: the backward Euler step of x' = (z - x) / tau.

    Args:
        min_cutoff: () cutoff at rest, Hz.
        beta: () growth of the cutoff with speed, Hz per (unit of the track per second).
        d_cutoff: () cutoff of the derivative, Hz.
        rate: frames per second; over dt frames pass dt / rate seconds.
    """

    def gain(cutoff: Array, seconds: Array) -> Array:
        return 1 / (1 + 1 / (2 * jnp.pi * cutoff * seconds))

    def init(frame: Float[Array, "*point"]) -> OneEuroState:
        zero = jnp.zeros_like(frame)
        return OneEuroState(zero, zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: OneEuroState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[OneEuroState, Array]:
        seen, observed = state.seen, jnp.isfinite(z)
        z = jnp.where(observed, z, state.output)
        elapsed = jnp.where(seen, state.elapsed, 0) + jnp.asarray(dt, z.dtype)
        seconds = elapsed / rate
        smooth = gain(jnp.full_like(z, d_cutoff), seconds)
        derivative = smooth * (z - state.output) / seconds + (1 - smooth) * state.derivative
        derivative = jnp.where(seen & observed, derivative, state.derivative)
        x, started = correct(
            jnp.where(observed, z, jnp.nan),
            state.output,
            seen,
            gain(min_cutoff + beta * jnp.abs(derivative), seconds),
        )
        return OneEuroState(x, derivative, jnp.where(observed, 0, elapsed), started), nan_unless_seen(x, started)

    return Filter(init, step)
