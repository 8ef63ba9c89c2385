"""Constant-velocity Kalman filter with white noise accelerations, for each coordinate by itself."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, Step, nan_unless_seen


class KalmanState(NamedTuple):
    """Mean and covariance of position and velocity (units, units per frame) of every coordinate.

    Attributes:
        position: (M, d) mean.
        velocity: (M, d) mean.
        pp: (M, d) variance of the position.
        pv: (M, d) covariance of position and velocity.
        vv: (M, d) variance of the velocity.
        seen: (M, d) whether the coordinate was observed so far; if not, the other values are meaningless.
    """

    position: Float[Array, "*point"]
    velocity: Float[Array, "*point"]
    pp: Float[Array, "*point"]
    pv: Float[Array, "*point"]
    vv: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def kalman(
    *, q: Gain | Float[Array, "*point"], r: Gain | Float[Array, "*point"], velocity_variance: Gain = 1.0
) -> Filter:
    """Constant-velocity Kalman filter, x(t) the mean after the observation of frame t.

    Per coordinate, with the state s = (position, velocity):

        s(t) = [[1, dt], [0, 1]] s(t-1) + noise of covariance q [[dt^3/3, dt^2/2], [dt^2/2, dt]]
        z(t) = position + noise of variance r

    with dt = 1 frame unless it is given: velocity is Brownian motion in continuous time.

    At the first observation the position is z with variance r, and the velocity is 0 with variance
    `velocity_variance`. A missing coordinate is only predicted, so its covariance grows. The output depends on the
    ratios of the three settings only.

    Args:
        q: () or (M, d) growth of the velocity variance per frame, (units per frame)^2.
        r: () or (M, d) variance of an observation, units^2.
        velocity_variance: () initial variance of the velocity, (units per frame)^2.
    """

    def init(frame: Float[Array, "*point"]) -> KalmanState:
        zero = jnp.zeros_like(frame)
        return KalmanState(zero, zero, zero, zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: KalmanState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[KalmanState, Array]:
        after = update(predict(state, q, dt=dt), z, r, velocity_variance)
        return after, nan_unless_seen(after.position, after.seen)

    return Filter(init, step)


def predict(state: KalmanState, q: Gain | Float[Array, "*point"], *, dt: Step = 1) -> KalmanState:
    """The state dt () frames later, before its observation; q is () or (M, d), see `kalman`."""
    return KalmanState(
        position=state.position + dt * state.velocity,
        velocity=state.velocity,
        pp=state.pp + 2 * (dt * state.pv) + dt**2 * state.vv + dt**3 * (q / 3),
        pv=state.pv + dt * state.vv + dt**2 * (q / 2),
        vv=state.vv + dt * q,
        seen=state.seen,
    )


def update(
    state: KalmanState, z: Float[Array, "*point"], r: Gain | Float[Array, "*point"], velocity_variance: Gain
) -> KalmanState:
    """The state after an observation; unchanged for a missing coordinate, the initial one at its first observation.

    Args:
        state: from `predict`.
        z: (M, d), NaN where missing.
        r: () or (M, d), see `kalman`.
        velocity_variance: (), see `kalman`.
    """
    observed = jnp.isfinite(z)
    innovation = jnp.where(observed, z - state.position, 0)
    total = state.pp + r
    gain = jnp.where(observed, state.pp / total, 0)
    velocity_gain = jnp.where(observed, state.pv / total, 0)
    first = observed & ~state.seen

    def initial_or(value: Float[Array, "*any"] | float, corrected: Float[Array, "*point"]) -> Float[Array, "*point"]:
        return jnp.where(first, value, corrected)

    return KalmanState(
        position=initial_or(jnp.where(observed, z, 0), state.position + gain * innovation),
        velocity=initial_or(0.0, state.velocity + velocity_gain * innovation),
        pp=initial_or(r, (1 - gain) * state.pp),
        pv=initial_or(0.0, (1 - gain) * state.pv),
        vv=initial_or(velocity_variance, state.vv - velocity_gain * state.pv),
        seen=state.seen | observed,
    )
