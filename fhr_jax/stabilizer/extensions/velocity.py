"""Extension: components that run ahead along the velocity of the output.

The paper's components all have the mean mu of the history. Here component k has

    mean_k = mu + anchor_k (x - mu) + lead_k dt v_k,      v_k' = decay_k^dt v_k + (1 - decay_k^dt) dx / dt

with x the last output and dx its last step. anchor = lead = 0 is the paper's model; anchor = 1 starts from the last
output, lead = 1 expects it to go on at its speed. While nothing is observed the means go on by themselves, by
lead_k decay_k^n v_k in the frame after n missing ones.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.stabilizer.bijectors import inverse_softplus, logit


class Velocity(NamedTuple):
    """Parameters of the extension.

    Attributes:
        decay: weight of a component's old velocity against the newest step, in (0, 1).
        lead: frames that its mean is ahead, not negative.
        anchor: how much of the way from the mean of the history to the last output it starts, in [0, 1].
    """

    decay: Float[Array, " k"]
    lead: Float[Array, " k"]
    anchor: Float[Array, " k"]


class VelocityState(NamedTuple):
    """Where the output went, relative to the first frame, in the basis.

    Attributes:
        output: the last output that came from an observation.
        drift: what was predicted on top of it since, in frames without an observation.
        velocity: a frame, one a component.
    """

    output: Float[Array, " D"]
    drift: Float[Array, " D"]
    velocity: Float[Array, "k D"]


def unconstrain(velocity: Velocity) -> Velocity:
    """Unconstrained values for a fit."""
    return Velocity(logit(velocity.decay), inverse_softplus(velocity.lead), logit(velocity.anchor))


def constrain(free: Velocity) -> Velocity:
    """Parameters from unconstrained values."""
    return Velocity(jax.nn.sigmoid(free.decay), jax.nn.softplus(free.lead), jax.nn.sigmoid(free.anchor))


def predict(
    velocity: Velocity, state: VelocityState, mean: Float[Array, " D"], elapsed: Float[Array, ""], dt: Float[Array, ""]
) -> Float[Array, "k D"]:
    """Means of the components `dt` frames after the last one, which came `elapsed` after the last observed one."""
    base = mean + state.drift
    return base[None] + velocity.anchor[:, None] * (state.output - mean)[None] + _leads(velocity, state, elapsed, dt)


def extrapolate(
    velocity: Velocity, state: VelocityState, alpha: Float[Array, " k"], elapsed: Float[Array, ""], dt: Float[Array, ""]
) -> VelocityState:
    """The course after a frame without an observation: it goes on, slower and slower."""
    leads = _leads(velocity, state, elapsed, dt)
    return state._replace(drift=state.drift + (alpha[:, None] * leads).sum(axis=0))


def update(velocity: Velocity, state: VelocityState, x: Float[Array, " D"], elapsed: Float[Array, ""]) -> VelocityState:
    """The course with the output x added, `elapsed` frames after the last one that was observed."""
    keep = (velocity.decay**elapsed)[:, None]
    step = (x - state.output) / elapsed
    return VelocityState(x, jnp.zeros_like(x), keep * state.velocity + (1 - keep) * step[None])


def _leads(velocity: Velocity, state: VelocityState, elapsed: Array, dt: Array) -> Array:
    return (velocity.lead * velocity.decay**elapsed * dt)[:, None] * state.velocity
