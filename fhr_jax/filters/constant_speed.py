"""Correction of a prediction at constant velocity."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, correct, nan_unless_seen


class ConstantSpeedState(NamedTuple):
    """Last output (M, d), the one before (M, d), and whether a coordinate was observed so far (M, d)."""

    output: Float[Array, "*point"]
    earlier: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def constant_speed(a: Gain) -> Filter:
    """x(t) = a z(t) + (1 - a) (2 x(t-1) - x(t-2)) with the gain `a` () in [0, 1]."""

    def init(frame: Float[Array, "*point"]) -> ConstantSpeedState:
        zero = jnp.zeros_like(frame)
        return ConstantSpeedState(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: ConstantSpeedState, z: Float[Array, "*point"]) -> tuple[ConstantSpeedState, Array]:
        x, seen = correct(z, 2 * state.output - state.earlier, state.seen, a)
        return ConstantSpeedState(x, jnp.where(state.seen, state.output, x), seen), nan_unless_seen(x, seen)

    return Filter(init, step)
