"""The alpha-beta filter: position and velocity with fixed gains."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, Step, correct, nan_unless_seen
from fhr_jax.filters.rates import pair_over


class AlphaBetaState(NamedTuple):
    """Last output (M, d), its velocity per frame (M, d), and whether a coordinate was observed so far (M, d)."""

    output: Float[Array, "*point"]
    velocity: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def alpha_beta(a: Gain, b: Gain) -> Filter:
    """x(t) = p + a (z - p) and v(t) = v(t-1) + b (z - p), with the prediction p = x(t-1) + v(t-1).

    It is stable for 0 < a < 2 and 0 < b < 4 - 2a, and smooths for a < 1. The gains of a constant-velocity Kalman
    filter converge to such values, with b = 2 (2 - a) - 4 sqrt(1 - a) if accelerations are constant within a frame.

    Over dt frames p = x + dt v, and v changes by b(dt) (z - p) / dt, with the gains a(dt) and b(dt) of
    `rates.pair_over`, for which the error decays as at dt = 1 in continuous time.

    Args:
        a: () gain of the position.
        b: () gain of the velocity, per frame.
    """

    def init(frame: Float[Array, "*point"]) -> AlphaBetaState:
        zero = jnp.zeros_like(frame)
        return AlphaBetaState(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: AlphaBetaState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[AlphaBetaState, Array]:
        gains = pair_over(a, b, dt)
        prediction = state.output + dt * state.velocity
        x, seen = correct(z, prediction, state.seen, gains.a)
        innovation = jnp.where(state.seen & jnp.isfinite(z), z - prediction, 0)
        return AlphaBetaState(x, state.velocity + gains.b / dt * innovation, seen), nan_unless_seen(x, seen)

    return Filter(init, step)
