"""Exponential smoothing."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, Step, correct, nan_unless_seen
from fhr_jax.filters.rates import gain_over


class FirstOrderState(NamedTuple):
    """Last output (M, d), and whether a coordinate was observed so far (M, d)."""

    output: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def first_order(a: Gain) -> Filter:
    """Exponential smoothing, x(t) = a z(t) + (1 - a) x(t-1), with the gain `a` () in [0, 1] (1: no smoothing).

    It samples x' = (z - x) / tau, so the gain over dt frames is 1 - (1 - a)^dt.
    """

    def init(frame: Float[Array, "*point"]) -> FirstOrderState:
        return FirstOrderState(jnp.zeros_like(frame), jnp.zeros(frame.shape, bool))

    def step(state: FirstOrderState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[FirstOrderState, Array]:
        x, seen = correct(z, state.output, state.seen, gain_over(a, dt))
        return FirstOrderState(x, seen), nan_unless_seen(x, seen)

    return Filter(init, step)
