"""Kalman filter of a point that keeps its velocity, but for white accelerations; a coordinate at a time."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, hide


class Belief(NamedTuple):
    """Mean and covariance of position and velocity (units, units a frame) of every coordinate.

    Attributes:
        position: mean.
        velocity: mean.
        pp: variance of the position.
        pv: covariance of the two.
        vv: variance of the velocity.
        seen: whether the coordinate was ever seen; if not, the rest says nothing.
    """

    position: Float[Array, "*point"]
    velocity: Float[Array, "*point"]
    pp: Float[Array, "*point"]
    pv: Float[Array, "*point"]
    vv: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def kalman(*, q: Gain | Float[Array, "*point"], r: Gain | Float[Array, "*point"], speed: Gain = 1.0) -> Filter:
    """Constant-velocity Kalman filter, x(t) the mean after the observation of frame t.

    Per coordinate, with the state s = (position, velocity):

        s(t) = [[1, 1], [0, 1]] s(t-1) + noise of covariance q [[1/3, 1/2], [1/2, 1]]
        z(t) = position + noise of variance r

    At first sight the position is z with variance r, and the velocity 0 with variance `speed`; nothing else is known.
    A coordinate that is missing is predicted only, so its covariance widens. Only the ratios of the three settings
    change the output.

    Args:
        q: variance that the velocity gains a frame, units^2; a number, or one for every coordinate (M, d).
        r: variance of an observation, units^2; a number, or one for every coordinate (M, d).
        speed: variance of the first velocity, units^2.
    """

    def init(frame: Float[Array, "*point"]) -> Belief:
        zero = jnp.zeros_like(frame)
        return Belief(zero, zero, zero, zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: Belief, z: Float[Array, "*point"]) -> tuple[Belief, Array]:
        after = update(predict(state, q), z, r, speed)
        return after, hide(after.position, after.seen)

    return Filter(init, step)


def predict(state: Belief, q: Gain | Float[Array, "*point"]) -> Belief:
    """The belief one frame later."""
    return Belief(
        position=state.position + state.velocity,
        velocity=state.velocity,
        pp=state.pp + 2 * state.pv + state.vv + q / 3,
        pv=state.pv + state.vv + q / 2,
        vv=state.vv + q,
        seen=state.seen,
    )


def update(state: Belief, z: Float[Array, "*point"], r: Gain | Float[Array, "*point"], speed: Gain) -> Belief:
    """The belief after the observation; where that is NaN, the same; at first sight, the start."""
    here = jnp.isfinite(z)
    surprise = jnp.where(here, z - state.position, 0)
    spread = state.pp + r
    gain, drift = jnp.where(here, state.pp / spread, 0), jnp.where(here, state.pv / spread, 0)
    fresh = here & ~state.seen

    def start(value: Float[Array, "*any"] | float, corrected: Float[Array, "*point"]) -> Float[Array, "*point"]:
        return jnp.where(fresh, value, corrected)

    return Belief(
        position=start(jnp.where(here, z, 0), state.position + gain * surprise),
        velocity=start(0.0, state.velocity + drift * surprise),
        pp=start(r, (1 - gain) * state.pp),
        pv=start(0.0, (1 - gain) * state.pv),
        vv=start(speed, state.vv - drift * state.pv),
        seen=state.seen | here,
    )
