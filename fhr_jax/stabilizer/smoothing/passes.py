"""The two passes over a track that the causal stabilizer has cleaned: forward in time, and the mixture of types."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.stabilizer.filter import Cleaned
from fhr_jax.stabilizer.smoothing import bands, kalman_bank, mixing
from fhr_jax.stabilizer.smoothing.bands import MotionParts, Regions
from fhr_jax.stabilizer.smoothing.kalman_bank import BankFrame, BankState
from fhr_jax.stabilizer.smoothing.mixing import EvidenceState, MixingNet, NoiseState

MISSING_WEIGHT = 0.05
"""Weight of a missing point or outlier in a frame that shows others: the causal stabilizer moves it with them."""


class ForwardFrame(NamedTuple):
    """What the pass forward in time leaves of a frame.

    Attributes:
        z: (M, d) observed points, and the output of the causal stabilizer where they are missing.
        weight: (M,) weights of `z`; 0 in a frame without any observation and for points never seen.
        counted: (M,) 1 for points that were observed so far, else 0.
        place: (M, d) output of the causal stabilizer, 0 for points never seen.
        regions: of the frame.
        size: () of the face.
        dt: () frames of 1/30 s since the frame before.
        some: () 1 if a point is observed, else 0.
        variance: (3,) noise by part, squared face sizes.
    """

    z: Float[Array, "*t m d"]
    weight: Float[Array, "*t m"]
    counted: Float[Array, "*t m"]
    place: Float[Array, "*t m d"]
    regions: Regions
    size: Float[Array, "*t"]
    dt: Float[Array, "*t"]
    some: Float[Array, "*t"]
    variance: Float[Array, "*t 3"]


class ForwardPass(NamedTuple):
    """A frame after the pass forward, and what the Kalman filters keep of it for the pass back."""

    frame: ForwardFrame
    bank: BankFrame


class ForwardState(NamedTuple):
    """State of the pass forward: the Kalman filters and the noise."""

    bank: BankState
    noise: NoiseState


class MixingState(NamedTuple):
    """State of the mixing: running means of the evidence, and the parts of d_k of the last frame (K, ...)."""

    evidence: EvidenceState
    last: MotionParts


def init_forward(points: int, dims: int, like: Float[Array, ""]) -> ForwardState:
    """The state before the first frame, for M points of d coordinates, in the dtype of the scalar `like`."""
    return ForwardState(kalman_bank.init_state(points, dims, like), mixing.init_noise(like))


def init_mixing(points: int, dims: int, like: Float[Array, ""]) -> MixingState:
    """The state before the first frame, for M points of d coordinates, in the dtype of the scalar `like`."""
    sizes = (points, bands.number_of_regions(points), points)
    zeros = [jnp.zeros_like(like, shape=(kalman_bank.TYPES, size, dims)) for size in sizes]
    return MixingState(mixing.init_evidence(points, like), MotionParts(*zeros))


def forward(state: ForwardState, frame: Cleaned) -> tuple[ForwardState, ForwardPass]:
    """One frame forward in time."""
    some = (frame.weight > 0).any()
    # A point of hardly any weight, such as an outlier, would drag its region along.
    observed = frame.seen & (frame.weight >= MISSING_WEIGHT)
    weight = jnp.where(observed, frame.weight, jnp.where(frame.seen & some, MISSING_WEIGHT, 0))
    counted = frame.seen.astype(frame.z.dtype)
    place = jnp.where(frame.seen[:, None], frame.output, 0)
    z = jnp.where(observed[:, None], frame.z, place)
    bank, passed = kalman_bank.step(state.bank, z, weight=weight, restart=frame.restart, dt=frame.dt)
    regions = bands.regions(place, counted, frame.size)
    innovation = bands.split(passed.innovation[None], place, counted, regions)
    variance = mixing.noise_of_frame(innovation, frame.size, counted)
    # Points that start have no innovation, and missing ones are not noisy.
    share = jnp.where(frame.restart.any(), 0, (frame.weight > 0.5).astype(z.dtype).mean())
    noise = mixing.follow_noise(state.noise, variance, observed=share, dt=frame.dt)
    result = ForwardFrame(
        z, weight, counted, place, regions, frame.size, frame.dt, some.astype(z.dtype), noise.variance
    )
    return ForwardState(bank, noise), ForwardPass(result, passed)


def ahead(frames: ForwardFrame, *, lag: int | None) -> Float[Array, " t"]:
    """Observed frames that follow each frame and count for it (T,), in units of 1/30 s."""
    total = jnp.cumsum(frames.some * frames.dt)
    number = total.shape[0]
    last = number - 1 if lag is None else jnp.minimum(jnp.arange(number) + lag, number - 1)
    return total[last] - total


class Displacement(NamedTuple):
    """The movement types of a frame against its observation, by part.

    Attributes:
        parts: of d_k (K, ...), units of the track.
        evidence: of the frame, for the face, the regions and the points.
    """

    parts: MotionParts
    evidence: mixing.Evidence


def displace(frame: ForwardFrame, positions: Float[Array, "k m d"], last: MotionParts) -> Displacement:
    """Split the positions by the movement types against the observation, and weigh the evidence for each.

    Args:
        frame: from `forward`.
        positions: (K, M, d) smoothed, units of the track.
        last: parts of the frame before.
    """
    parts = bands.split(positions - frame.z[None], frame.place, frame.counted, frame.regions)
    return Displacement(parts, evidence_of(frame, parts, last))


def evidence_of(frame: ForwardFrame, parts: MotionParts, last: MotionParts) -> mixing.Evidence:
    """The evidence of a frame, from the parts of its displacements and of those of the frame before."""
    return mixing.evidence_of_frame(
        parts,
        last,
        variance=frame.variance,
        size=frame.size,
        counted=frame.counted,
        weights=mixing.part_weights(frame.weight, frame.regions),
    )


def mix(
    net: MixingNet,
    frame: ForwardFrame,
    displacement: Displacement,
    running: tuple[Array, Array, Array],
    ahead: Float[Array, ""],
) -> Float[Array, "m d"]:
    """The output (M, d) of a frame, units of the track; NaN for points never seen.

    Args:
        net: the network.
        frame: from `forward`.
        displacement: from `displace`.
        running: running means of the evidence after this frame.
        ahead: () frames of 1/30 s that follow and count.
    """
    weights = mixing.type_weights(
        net,
        displacement.evidence,
        running,
        regions=frame.regions,
        variance=frame.variance,
        ahead=ahead,
        weights=mixing.part_weights(frame.weight, frame.regions),
        dt=frame.dt,
    )
    moved = mixing.combine(displacement.parts, weights, frame.regions)
    return jnp.where(frame.counted[:, None] > 0, frame.z + moved, jnp.nan)


class Prepared(NamedTuple):
    """All of a track that does not depend on the network, (T, ...): what a fit of the network computes once."""

    frames: ForwardFrame
    displacements: Displacement
    ahead: Float[Array, " t"]


def prepare(passed: ForwardPass, state: MixingState, *, lag: int | None) -> Prepared:
    """Smooth every movement type by itself, and weigh the evidence.

    Args:
        passed: (T, ...) from `forward`.
        state: before the first of them.
        lag: frames of look-ahead; None for all.
    """
    frames = passed.frame
    positions = kalman_bank.smooth(passed.bank, lag=lag)
    split = jax.vmap(displace, in_axes=(0, 0, None))(frames, positions, state.last)
    last = jax.tree.map(lambda first, value: jnp.concatenate([first[None], value[:-1]]), state.last, split.parts)
    evidence = jax.vmap(evidence_of)(frames, split.parts, last)
    return Prepared(frames, split._replace(evidence=evidence), ahead(frames, lag=lag))


def mix_all(net: MixingNet, prepared: Prepared, state: MixingState) -> tuple[EvidenceState, Float[Array, "t m d"]]:
    """The running evidence after each frame, stacked, and the outputs (T, M, d)."""
    frames, evidence = prepared.frames, prepared.displacements.evidence

    def follow(state: EvidenceState, inputs: Any) -> tuple[EvidenceState, EvidenceState]:
        logs, some, dt = inputs
        state = mixing.follow_evidence(state, logs, observed=some, dt=dt)
        return state, state

    states = jax.lax.scan(follow, state.evidence, (evidence, frames.some, frames.dt))[1]
    outputs = jax.vmap(mix, in_axes=(None, 0, 0, 0, 0))(
        net, frames, prepared.displacements, states.mean, prepared.ahead
    )
    return states, outputs
