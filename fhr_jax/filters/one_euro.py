"""The One Euro filter."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fhr_jax.filters.base import Filter, Gain, correct, hide


class OneEuro(NamedTuple):
    """Last output, its smoothed derivative a second, frames since the last observation (0: never seen)."""

    output: Float[Array, "*point"]
    derivative: Float[Array, "*point"]
    frames: Int[Array, "*point"]


def one_euro(*, min_cutoff: Gain = 1.0, beta: Gain = 0.0, d_cutoff: Gain = 1.0, rate: float = 30.0) -> Filter:
    """The One Euro filter of Casiez, Roussel and Vogel (CHI 2012, Algorithm 1), a coordinate at a time.

    Smoothing of cutoff min_cutoff + beta |dx/dt|, where the derivative is that against the last output (as in
    the article; older programs take the last observation) and is itself smoothed with cutoff d_cutoff.

    Args:
        min_cutoff: cutoff at rest, Hz.
        beta: what the cutoff gains by speed, Hz per (unit of the track a second).
        d_cutoff: cutoff of the derivative, Hz.
        rate: frames a second.
    """

    def gain(cutoff: Array, seconds: Array) -> Array:
        return 1 / (1 + 1 / (2 * jnp.pi * cutoff * seconds))

    def init(frame: Float[Array, "*point"]) -> OneEuro:
        zero = jnp.zeros_like(frame)
        return OneEuro(zero, zero, jnp.zeros(frame.shape, jnp.int32))

    def step(state: OneEuro, z: Float[Array, "*point"]) -> tuple[OneEuro, Array]:
        seen, here = state.frames > 0, jnp.isfinite(z)
        z = jnp.where(here, z, state.output)
        seconds = jnp.maximum(state.frames, 1).astype(z.dtype) / rate
        smooth = gain(jnp.full_like(z, d_cutoff), seconds)
        derivative = smooth * (z - state.output) / seconds + (1 - smooth) * state.derivative
        derivative = jnp.where(seen & here, derivative, state.derivative)
        x, started = correct(
            jnp.where(here, z, jnp.nan),
            state.output,
            seen,
            gain(min_cutoff + beta * jnp.abs(derivative), seconds),
        )
        frames = jnp.where(here, 1, jnp.where(seen, state.frames + 1, 0))
        return OneEuro(x, derivative, frames), hide(x, started)

    return Filter(init, step)
