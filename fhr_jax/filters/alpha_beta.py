"""The alpha-beta filter: position and velocity, corrected by fixed gains."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, correct, hide


class Moving(NamedTuple):
    """The last output, its velocity in units a frame, and whether there is one."""

    output: Float[Array, "*point"]
    velocity: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def alpha_beta(a: Gain, b: Gain) -> Filter:
    """x(t) = p + a (z - p) and v(t) = v(t-1) + b (z - p), with the prediction p = x(t-1) + v(t-1).

    It is stable for 0 < a < 2 and 0 < b < 4 - 2a, and smooths for a < 1. A constant-velocity Kalman filter comes to
    rest at such gains, with b = 2 (2 - a) - 4 sqrt(1 - a) if the accelerations are constant within a frame.

    Args:
        a: gain of the position.
        b: gain of the velocity, a frame.
    """

    def init(frame: Float[Array, "*point"]) -> Moving:
        zero = jnp.zeros_like(frame)
        return Moving(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: Moving, z: Float[Array, "*point"]) -> tuple[Moving, Array]:
        prediction = state.output + state.velocity
        x, seen = correct(z, prediction, state.seen, a)
        surprise = jnp.where(state.seen & jnp.isfinite(z), z - prediction, 0)
        return Moving(x, state.velocity + b * surprise, seen), hide(x, seen)

    return Filter(init, step)
