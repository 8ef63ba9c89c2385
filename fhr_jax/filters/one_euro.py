"""The One Euro filter."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fhr_jax.filters.base import Filter, Gain, correct, nan_unless_seen


class OneEuroState(NamedTuple):
    """Last output, its smoothed derivative per second, frames since the last observation (0: none), all (M, d)."""

    output: Float[Array, "*point"]
    derivative: Float[Array, "*point"]
    frames: Int[Array, "*point"]


def one_euro(*, min_cutoff: Gain = 1.0, beta: Gain = 0.0, d_cutoff: Gain = 1.0, rate: float = 30.0) -> Filter:
    """The One Euro filter of Casiez, Roussel and Vogel (CHI 2012, Algorithm 1), a coordinate at a time.

    First order smoothing with the cutoff frequency min_cutoff + beta |dx/dt|. The derivative is the difference of the
    observation to the last output (as in the article; older programs use the last observation), smoothed with the
    cutoff d_cutoff.

    Args:
        min_cutoff: () cutoff at rest, Hz.
        beta: () growth of the cutoff with speed, Hz per (unit of the track per second).
        d_cutoff: () cutoff of the derivative, Hz.
        rate: frames per second.
    """

    def gain(cutoff: Array, seconds: Array) -> Array:
        return 1 / (1 + 1 / (2 * jnp.pi * cutoff * seconds))

    def init(frame: Float[Array, "*point"]) -> OneEuroState:
        zero = jnp.zeros_like(frame)
        return OneEuroState(zero, zero, jnp.zeros(frame.shape, jnp.int32))

    def step(state: OneEuroState, z: Float[Array, "*point"]) -> tuple[OneEuroState, Array]:
        seen, observed = state.frames > 0, jnp.isfinite(z)
        z = jnp.where(observed, z, state.output)
        seconds = jnp.maximum(state.frames, 1).astype(z.dtype) / rate
        smooth = gain(jnp.full_like(z, d_cutoff), seconds)
        derivative = smooth * (z - state.output) / seconds + (1 - smooth) * state.derivative
        derivative = jnp.where(seen & observed, derivative, state.derivative)
        x, started = correct(
            jnp.where(observed, z, jnp.nan),
            state.output,
            seen,
            gain(min_cutoff + beta * jnp.abs(derivative), seconds),
        )
        frames = jnp.where(observed, 1, jnp.where(seen, state.frames + 1, 0))
        return OneEuroState(x, derivative, frames), nan_unless_seen(x, started)

    return Filter(init, step)
