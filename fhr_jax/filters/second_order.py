"""Holt's linear trend."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, correct, hide


class Trend(NamedTuple):
    """The last output, its slope in units a frame, and whether there is one."""

    output: Float[Array, "*point"]
    slope: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def second_order(a: Gain, c: Gain) -> Filter:
    """Holt's linear trend with gains `a` of the level and `c` of the slope, both in [0, 1].

    It is `alpha_beta(a, a * c)` by other names.
    """

    def init(frame: Float[Array, "*point"]) -> Trend:
        zero = jnp.zeros_like(frame)
        return Trend(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: Trend, z: Float[Array, "*point"]) -> tuple[Trend, Array]:
        x, seen = correct(z, state.output + state.slope, state.seen, a)
        slope = jnp.where(state.seen, c * (x - state.output) + (1 - c) * state.slope, 0)
        return Trend(x, slope, seen), hide(x, seen)

    return Filter(init, step)
