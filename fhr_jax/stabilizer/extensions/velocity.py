"""Extension: components that predict the next output from its velocity.

The paper's components all have the mean mu of the history. Here component k has the mean

    mean_k = mu + anchor_k (x - mu) + lead_k dt v_k,      v_k' = decay_k^dt v_k + (1 - decay_k^dt) dx / dt

with the last output x and its last step dx. anchor = lead = 0 is the paper's model; anchor = 1 starts from the last
output; lead = 1 assumes that the output keeps its velocity. In frames without an observation the means move on by
lead_k decay_k^n v_k, where n is the number of missing frames before.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.stabilizer.bijectors import inverse_softplus, logit


class Velocity(NamedTuple):
    """Parameters of the extension.

    Attributes:
        decay: (K,) in (0, 1), weight of a component's old velocity against the newest step.
        lead: (K,) at least 0, frames by which the mean is extrapolated.
        anchor: (K,) in [0, 1], where the mean starts between the mean of the history (0) and the last output (1).
    """

    decay: Float[Array, " k"]
    lead: Float[Array, " k"]
    anchor: Float[Array, " k"]


class VelocityState(NamedTuple):
    """Last output and velocities, relative to the first frame, in the basis.

    Attributes:
        last_output: (D,) output of the last frame with an observation.
        extrapolated: (D,) displacement predicted since then.
        velocity: (K, D) velocity of each component, per frame.
    """

    last_output: Float[Array, " D"]
    extrapolated: Float[Array, " D"]
    velocity: Float[Array, "k D"]


def unconstrain(velocity: Velocity) -> Velocity:
    """The unconstrained values that `constrain` maps to these parameters."""
    return Velocity(logit(velocity.decay), inverse_softplus(velocity.lead), logit(velocity.anchor))


def constrain(unconstrained: Velocity) -> Velocity:
    """Parameters from unconstrained values: sigmoid, softplus, sigmoid."""
    return Velocity(
        jax.nn.sigmoid(unconstrained.decay),
        jax.nn.softplus(unconstrained.lead),
        jax.nn.sigmoid(unconstrained.anchor),
    )


def init_state(like: Float[Array, "k D"]) -> VelocityState:
    """The state before the first frame, for an array (K, D) of the wanted shape and dtype."""
    zero = jnp.zeros_like(like[0])
    return VelocityState(zero, zero, jnp.zeros_like(like))


def predict(
    velocity: Velocity, state: VelocityState, mean: Float[Array, " D"], elapsed: Float[Array, ""], dt: Float[Array, ""]
) -> Float[Array, "k D"]:
    """Means (K, D) of the components in the next frame.

    Args:
        velocity: the parameters.
        state: from the last frame.
        mean: (D,) mean mu of the history.
        elapsed: () frames from the last observed frame to the last frame.
        dt: () frames from the last frame to this one.
    """
    base = mean + state.extrapolated
    anchored = base[None] + velocity.anchor[:, None] * (state.last_output - mean)[None]
    return anchored + _displacements(velocity, state, elapsed, dt)


def extrapolate(
    velocity: Velocity, state: VelocityState, alpha: Float[Array, " k"], elapsed: Float[Array, ""], dt: Float[Array, ""]
) -> VelocityState:
    """The state after a frame without an observation: the face moves on, more slowly in each frame.

    Args:
        velocity: the parameters.
        state: from the last frame.
        alpha: (K,) weights of the components.
        elapsed: () frames from the last observed frame to the last frame.
        dt: () frames from the last frame to this one.
    """
    displacements = _displacements(velocity, state, elapsed, dt)
    return state._replace(extrapolated=state.extrapolated + (alpha[:, None] * displacements).sum(axis=0))


def update(velocity: Velocity, state: VelocityState, x: Float[Array, " D"], elapsed: Float[Array, ""]) -> VelocityState:
    """The state after a frame with the output x.

    Args:
        velocity: the parameters.
        state: from the last frame.
        x: (D,) output.
        elapsed: () frames from the last observed frame to this one.
    """
    keep = (velocity.decay**elapsed)[:, None]
    step = (x - state.last_output) / elapsed
    return VelocityState(x, jnp.zeros_like(x), keep * state.velocity + (1 - keep) * step[None])


def jump(
    velocity: Velocity, state: VelocityState, shift: Float[Array, " D"], elapsed: Float[Array, ""]
) -> VelocityState:
    """The state after all positions were moved by `shift` (D,), which `update` does not see.

    Args:
        velocity: the parameters.
        state: from the last frame.
        shift: (D,) in the basis.
        elapsed: () frames in which it happened.
    """
    gain = (1 - velocity.decay**elapsed)[:, None]
    return state._replace(velocity=state.velocity + gain * shift[None] / elapsed)


def _displacements(velocity: Velocity, state: VelocityState, elapsed: Array, dt: Array) -> Array:
    return (velocity.lead * velocity.decay**elapsed * dt)[:, None] * state.velocity
