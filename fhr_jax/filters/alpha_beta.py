"""The alpha-beta filter: position and velocity with fixed gains."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, correct, nan_unless_seen


class AlphaBetaState(NamedTuple):
    """Last output (M, d), its velocity per frame (M, d), and whether a coordinate was observed so far (M, d)."""

    output: Float[Array, "*point"]
    velocity: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def alpha_beta(a: Gain, b: Gain) -> Filter:
    """x(t) = p + a (z - p) and v(t) = v(t-1) + b (z - p), with the prediction p = x(t-1) + v(t-1).

    It is stable for 0 < a < 2 and 0 < b < 4 - 2a, and smooths for a < 1. The gains of a constant-velocity Kalman
    filter converge to such values, with b = 2 (2 - a) - 4 sqrt(1 - a) if accelerations are constant within a frame.

    Args:
        a: () gain of the position.
        b: () gain of the velocity, per frame.
    """

    def init(frame: Float[Array, "*point"]) -> AlphaBetaState:
        zero = jnp.zeros_like(frame)
        return AlphaBetaState(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: AlphaBetaState, z: Float[Array, "*point"]) -> tuple[AlphaBetaState, Array]:
        prediction = state.output + state.velocity
        x, seen = correct(z, prediction, state.seen, a)
        innovation = jnp.where(state.seen & jnp.isfinite(z), z - prediction, 0)
        return AlphaBetaState(x, state.velocity + b * innovation, seen), nan_unless_seen(x, seen)

    return Filter(init, step)
