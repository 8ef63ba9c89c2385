"""Holt's linear trend."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, Step, correct, nan_unless_seen
from fhr_jax.filters.rates import pair_over


class SecondOrderState(NamedTuple):
    """Last output (M, d), its slope in units per frame (M, d), and whether a coordinate was observed so far (M, d)."""

    output: Float[Array, "*point"]
    slope: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def second_order(a: Gain, c: Gain) -> Filter:
    """Holt's linear trend: x(t) = a z(t) + (1 - a) (x(t-1) + b(t-1)), b(t) = c (x(t) - x(t-1)) + (1 - c) b(t-1).

    It is the same filter as `alpha_beta(a, a * c)`, also over dt frames: x(t) = p + a' (z(t) - p) with p = x(t-1) +
    dt b(t-1), and b(t) = b(t-1) + b' (z(t) - p) / dt, where a' and b' are the gains of `rates.pair_over`.

    Args:
        a: () gain of the level, in [0, 1].
        c: () gain of the slope b, in [0, 1].
    """

    def init(frame: Float[Array, "*point"]) -> SecondOrderState:
        zero = jnp.zeros_like(frame)
        return SecondOrderState(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: SecondOrderState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[SecondOrderState, Array]:
        gains = pair_over(a, a * c, dt)
        # Of the slope from the last output to this one.
        share = c if gains.a is a else gains.b / jnp.where(gains.a > 0, gains.a, 1)
        x, seen = correct(z, state.output + dt * state.slope, state.seen, gains.a)
        slope = jnp.where(state.seen, share * ((x - state.output) / dt) + (1 - share) * state.slope, 0)
        return SecondOrderState(x, slope, seen), nan_unless_seen(x, seen)

    return Filter(init, step)
