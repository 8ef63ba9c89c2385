"""Correction of a prediction at constant velocity."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, Step, correct, nan_unless_seen
from fhr_jax.filters.rates import pair_over


class ConstantSpeedState(NamedTuple):
    """Last output (M, d), its place one frame earlier (M, d), and whether a coordinate was observed so far (M, d)."""

    output: Float[Array, "*point"]
    earlier: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def constant_speed(a: Gain) -> Filter:
    """x(t) = a z(t) + (1 - a) (2 x(t-1) - x(t-2)) with the gain `a` () in [0, 1].

    It is the same filter as `alpha_beta(a, a)`, with the velocity v = x(t-1) - x(t-2). Over dt frames p = x + dt v, and
    x and v change by a(dt) (z - p) and b(dt) (z - p) / dt, with the gains of `rates.pair_over`.
    """

    def init(frame: Float[Array, "*point"]) -> ConstantSpeedState:
        zero = jnp.zeros_like(frame)
        return ConstantSpeedState(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: ConstantSpeedState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[ConstantSpeedState, Array]:
        gains = pair_over(a, a, dt)
        if gains.a is a:
            x, seen = correct(z, 2 * state.output - state.earlier, state.seen, a)
            return ConstantSpeedState(x, jnp.where(state.seen, state.output, x), seen), nan_unless_seen(x, seen)
        velocity = state.output - state.earlier
        prediction = state.output + dt * velocity
        x, seen = correct(z, prediction, state.seen, gains.a)
        innovation = jnp.where(state.seen & jnp.isfinite(z), z - prediction, 0)
        velocity = jnp.where(state.seen, velocity + gains.b / dt * innovation, 0)
        return ConstantSpeedState(x, x - velocity, seen), nan_unless_seen(x, seen)

    return Filter(init, step)
