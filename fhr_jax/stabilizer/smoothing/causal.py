"""Movement types without look-ahead: one frame of the causal stabilizer, `Params.movements`."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.stabilizer.smoothing import mixing, passes
from fhr_jax.stabilizer.smoothing.mixing import MixingNet
from fhr_jax.stabilizer.smoothing.passes import Cleaned, Displacement, ForwardPass, ForwardState, MixingState


class MovementState(NamedTuple):
    """Kalman filters and noise, and the mixture, after the last frame."""

    forward: ForwardState
    mixing: MixingState


def init_state(points: int, dims: int, like: Float[Array, ""]) -> MovementState:
    """The state before the first frame, for M points of d coordinates, in the dtype of the scalar `like`."""
    return MovementState(passes.init_forward(points, dims, like), passes.init_mixing(points, dims, like))


def step(net: MixingNet, state: MovementState, observation: Cleaned) -> tuple[MovementState, Float[Array, "m d"]]:
    """One frame: the state after it, and the output (M, d) in units of the track.

    Args:
        net: the network.
        state: from the last frame.
        observation: the frame as `filter.step_cleaned` used it. A point never seen is returned as there.
    """
    forward, passed = passes.forward(state.forward, observation)
    after, output = mix(net, state.mixing, passed)
    return MovementState(forward, after), output


def mix(net: MixingNet, state: MixingState, passed: ForwardPass) -> tuple[MixingState, Float[Array, "m d"]]:
    """Weigh the movement types of a frame without look-ahead: the state after it, and the output (M, d).

    Args:
        net: the network.
        state: of the mixture, from the last frame.
        passed: the frame after the pass forward, units of the track.
    """
    frame = passed.frame
    parts = passes.displace(frame, passed.bank.filtered[0])
    displacement = Displacement(parts, passes.evidence_of(frame, parts, state.last))
    evidence = mixing.update_evidence(
        state.evidence, displacement.evidence, observed=frame.some, dt=frame.dt, first=frame.first
    )
    output = passes.mix(net, frame, displacement, evidence.mean, jnp.zeros_like(frame.dt))
    return MixingState(evidence, parts), output
