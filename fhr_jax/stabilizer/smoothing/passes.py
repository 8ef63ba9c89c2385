"""The two passes over a track that the causal stabilizer has cleaned: forward in time, and the mixture of types."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer.smoothing import bands, kalman_bank, mixing, noise_tracking
from fhr_jax.stabilizer.smoothing.bands import MotionParts, Regions
from fhr_jax.stabilizer.smoothing.kalman_bank import BankFrame, BankState
from fhr_jax.stabilizer.smoothing.mixing import EvidenceState, MixingNet
from fhr_jax.stabilizer.smoothing.noise_tracking import NoiseState

MISSING_WEIGHT = 0.05
"""Weight of a missing point or outlier in a frame that shows others: the causal stabilizer moves it with them."""


class Cleaned(NamedTuple):
    """A frame as the filter used it, beside its output: what a smoother with look-ahead needs of the causal pass.

    Attributes:
        z: (M, d) observed points, units of the track; those too far from the face moved nearer, 0 where missing.
        weight: (M,) confidence times inlier probability, in [0, 1]: nearly 0 for an outlier, 0 where a point is
            missing, too far from the face, or in a broken frame.
        restart: (M,) True for points that start anew in this frame: seen for the first time, also after a reset,
            reacquired, or after a cut.
        seen: (M,) True for points that were observed in this frame or before it.
        size: () more than 0, size of the face, units of the track: RMS distance of the points to their centroid.
        output: (M, d) the points as the mixture stabilizes them, units of the track; `step` returns them for
            parameters without movement types.
        dt: () frames since the last step.
        first: () True for the first frame, also after a reset: no point was observed before it.
    """

    z: Float[Array, "m d"]
    weight: Float[Array, " m"]
    restart: Bool[Array, " m"]
    seen: Bool[Array, " m"]
    size: Float[Array, ""]
    output: Float[Array, "m d"]
    dt: Float[Array, ""]
    first: Bool[Array, ""]


class ForwardFrame(NamedTuple):
    """What the pass forward in time leaves of a frame.

    Attributes:
        z: (M, d) observed points, and the output of the mixture where they are missing.
        weight: (M,) weights of `z`; 0 in a frame without any observation and for points never seen.
        counted: (M,) 1 for points that were observed so far, else 0.
        anchor: (M, d) where each point started; the movement types are relative to it, so that float32 keeps digits.
        place: (M, d) output of the mixture, 0 for points never seen.
        unseen: (M, d) what is returned for points never seen: as observed or NaN; 0 for the others.
        regions: of the frame.
        size: () of the face.
        dt: () frames of 1/30 s since the frame before.
        some: () 1 if a point is observed, else 0.
        variance: (3,) noise by part, squared face sizes.
        tail: (2,) how far the largest errors exceed the others.
        first: () True where nothing came before it.
    """

    z: Float[Array, "*t m d"]
    weight: Float[Array, "*t m"]
    counted: Float[Array, "*t m"]
    anchor: Float[Array, "*t m d"]
    place: Float[Array, "*t m d"]
    unseen: Float[Array, "*t m d"]
    regions: Regions
    size: Float[Array, "*t"]
    dt: Float[Array, "*t"]
    some: Float[Array, "*t"]
    variance: Float[Array, "*t 3"]
    tail: Float[Array, "*t 2"]
    first: Bool[Array, "*t"]


class ForwardPass(NamedTuple):
    """A frame after the pass forward, and what the Kalman filters keep of it for the pass back."""

    frame: ForwardFrame
    bank: BankFrame


class ForwardState(NamedTuple):
    """State of the pass forward: the Kalman filters, the noise, and where each point started (M, d)."""

    bank: BankState
    noise: NoiseState
    anchor: Float[Array, "m d"]


class MixingState(NamedTuple):
    """State of the mixing: running means of the evidence, and the parts of d_k of the last frame (K, ...)."""

    evidence: EvidenceState
    last: MotionParts


def init_forward(points: int, dims: int, like: Float[Array, ""]) -> ForwardState:
    """The state before the first frame, for M points of d coordinates, in the dtype of the scalar `like`."""
    anchor = jnp.zeros_like(like, shape=(points, dims))
    return ForwardState(kalman_bank.init_state(points, dims, like), noise_tracking.init_noise(like), anchor)


def init_mixing(points: int, dims: int, like: Float[Array, ""]) -> MixingState:
    """The state before the first frame, for M points of d coordinates, in the dtype of the scalar `like`."""
    sizes = (points, bands.number_of_regions(points), points)
    zeros = [jnp.zeros_like(like, shape=(kalman_bank.TYPES, size, dims)) for size in sizes]
    return MixingState(mixing.init_evidence(points, like), MotionParts(*zeros))


class Observation(NamedTuple):
    """A cleaned frame as the Kalman filters take it; see `ForwardFrame`.

    Attributes:
        z: (M, d) observed points, units of the track, and the output of the mixture where they are missing.
        weight: (M,) weights of `z`, in [0, 1].
        counted: (M,) 1 for points that were observed so far, else 0.
        place: (M, d) output of the mixture, units of the track, 0 for points never seen.
        regions: of the frame.
        share: () in [0, 1], of the points whose innovations tell the noise.
    """

    z: Float[Array, "*t m d"]
    weight: Float[Array, "*t m"]
    counted: Float[Array, "*t m"]
    place: Float[Array, "*t m d"]
    regions: Regions
    share: Float[Array, "*t"]


def forward(state: ForwardState, frame: Cleaned) -> tuple[ForwardState, ForwardPass]:
    """One frame forward in time."""
    observation = _observe(frame)
    (bank, anchor), (places, passed) = _filter((state.bank, state.anchor), (frame, observation))
    noise = _update_noise(state.noise, (frame, observation, _noise(frame, observation, passed)))[0]
    return ForwardState(bank, noise, anchor), _passed(frame, observation, places, passed, noise)


def forward_all(state: ForwardState, frames: Cleaned) -> tuple[ForwardState, ForwardPass]:
    """All frames (T, ...) forward in time: what `forward` gives, with only the recursions in a scan."""
    observations = jax.vmap(_observe)(frames)
    (bank, anchor), (places, passed) = jax.lax.scan(_filter, (state.bank, state.anchor), (frames, observations))
    of_frame = jax.vmap(_noise)(frames, observations, passed)
    noise, noises = jax.lax.scan(_update_noise, state.noise, (frames, observations, of_frame))
    return ForwardState(bank, noise, anchor), _passed(frames, observations, places, passed, noises)


def _observe(frame: Cleaned) -> Observation:
    some = (frame.weight > 0).any()
    # A point of hardly any weight, such as an outlier, would drag its region along.
    observed = frame.seen & (frame.weight >= MISSING_WEIGHT)
    weight = jnp.where(observed, frame.weight, jnp.where(frame.seen & some, MISSING_WEIGHT, 0))
    counted = frame.seen.astype(frame.z.dtype)
    place = jnp.where(frame.seen[:, None], frame.output, 0)
    z = jnp.where(observed[:, None], frame.z, place)
    # Points that start have no innovation, and missing ones are not noisy.
    share = jnp.where(frame.restart.any(), 0, (frame.weight > 0.5).astype(z.dtype).mean())
    return Observation(z, weight, counted, place, bands.regions(place, counted, frame.size), share)


def _filter(
    state: tuple[BankState, Array], inputs: tuple[Cleaned, Observation]
) -> tuple[tuple[BankState, Array], tuple[Array, BankFrame]]:
    """Kalman filters and anchors after a frame; the anchors and what the pass back needs."""
    (bank, anchor), (frame, observation) = state, inputs
    anchor = jnp.where(frame.restart[:, None], observation.z, anchor)
    bank, passed = kalman_bank.step(
        bank, observation.z - anchor, weight=observation.weight, restart=frame.restart, dt=frame.dt
    )
    return (bank, anchor), (anchor, passed)


def _noise(frame: Cleaned, observation: Observation, passed: BankFrame) -> tuple[Array, Array]:
    """Noise variance of the frame (3,) by part, squared face sizes, and its tail (2,)."""
    counted = observation.counted
    innovation = bands.split(passed.innovation[None], observation.place, counted, observation.regions)
    return noise_tracking.noise_of_frame(innovation, frame.size, counted), noise_tracking.tail_of_frame(
        innovation, counted
    )


def _update_noise(
    state: NoiseState, inputs: tuple[Cleaned, Observation, tuple[Array, Array]]
) -> tuple[NoiseState, NoiseState]:
    frame, observation, noise = inputs
    first = noise_tracking.init_noise(frame.size)
    state = jax.tree.map(lambda new, old: jnp.where(frame.first, new, old), first, state)
    state = noise_tracking.update_noise(state, *noise, observed=observation.share, dt=frame.dt)
    return state, state


def _passed(
    frame: Cleaned, observation: Observation, anchor: Array, passed: BankFrame, noise: NoiseState
) -> ForwardPass:
    result = ForwardFrame(
        z=observation.z,
        weight=observation.weight,
        counted=observation.counted,
        anchor=anchor,
        place=observation.place,
        unseen=jnp.where(frame.seen[..., None], 0, frame.output),
        regions=observation.regions,
        size=frame.size,
        dt=frame.dt,
        some=(frame.weight > 0).any(axis=-1).astype(observation.z.dtype),
        variance=noise_tracking.without_shaking(noise.variance, points=observation.z.shape[-2]),
        tail=noise.tail,
        first=frame.first,
    )
    return ForwardPass(result, passed)


def ahead(frames: ForwardFrame, *, lag: int | None) -> Float[Array, " t"]:
    """Observed frames that follow each frame and count for it (T,), in units of 1/30 s; those after a reset do not."""
    total = jnp.cumsum(frames.some * frames.dt)
    number = total.shape[0]
    start = jnp.where(frames.first, jnp.arange(number), number)[1:]
    last = jnp.append(jax.lax.cummin(start, reverse=True), number) - 1
    if lag is not None:
        last = jnp.minimum(last, jnp.arange(number) + lag)
    return total[last] - total


class Displacement(NamedTuple):
    """The movement types of a frame against its observation, by part.

    Attributes:
        parts: of d_k (K, ...), units of the track.
        evidence: of the frame, for the face, the regions and the points.
    """

    parts: MotionParts
    evidence: mixing.Evidence


def displace(frame: ForwardFrame, positions: Float[Array, "k m d"]) -> MotionParts:
    """The parts of d_k (K, ...), units of the track: the positions by the movement types against the observation.

    Args:
        frame: from `forward`.
        positions: (K, M, d) by the movement types, relative to the anchor, units of the track.
    """
    return bands.split(positions - (frame.z - frame.anchor)[None], frame.place, frame.counted, frame.regions)


def evidence_of(frame: ForwardFrame, parts: MotionParts, last: MotionParts) -> mixing.Evidence:
    """The evidence of a frame, from the parts of its displacements and of those of the frame before."""
    return mixing.evidence_of_frame(
        parts,
        jax.tree.map(lambda value: jnp.where(frame.first, 0, value), last),
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
    """The output (M, d) of a frame, units of the track; points never seen are as observed, or NaN.

    Args:
        net: the network.
        frame: from `forward`.
        displacement: of this frame.
        running: running means of the evidence after this frame.
        ahead: () frames of 1/30 s that follow and count.
    """
    weights = mixing.type_weights(
        net,
        displacement.evidence,
        running,
        regions=frame.regions,
        variance=frame.variance,
        tail=frame.tail,
        ahead=ahead,
        weights=mixing.part_weights(frame.weight, frame.regions),
        dt=frame.dt,
    )
    moved = mixing.combine(displacement.parts, weights, frame.regions)
    return jnp.where(frame.counted[:, None] > 0, frame.z + moved, frame.unseen)


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
    parts = jax.vmap(displace)(frames, positions)
    last = jax.tree.map(lambda first, value: jnp.concatenate([first[None], value[:-1]]), state.last, parts)
    evidence = jax.vmap(evidence_of)(frames, parts, last)
    return Prepared(frames, Displacement(parts, evidence), ahead(frames, lag=lag))


def mix_all(net: MixingNet, prepared: Prepared, state: MixingState) -> tuple[EvidenceState, Float[Array, "t m d"]]:
    """The running evidence after each frame, stacked, and the outputs (T, M, d)."""
    frames, evidence = prepared.frames, prepared.displacements.evidence

    def follow(state: EvidenceState, inputs: Any) -> tuple[EvidenceState, EvidenceState]:
        logs, some, dt, first = inputs
        state = mixing.update_evidence(state, logs, observed=some, dt=dt, first=first)
        return state, state

    states = jax.lax.scan(follow, state.evidence, (evidence, frames.some, frames.dt, frames.first))[1]
    outputs = jax.vmap(mix, in_axes=(None, 0, 0, 0, 0))(
        net, frames, prepared.displacements, states.mean, prepared.ahead
    )
    return states, outputs
