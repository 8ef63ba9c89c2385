"""How much each movement type counts, for the face, for each region and for each point.

With z the observation and m_k the position by movement type k, d_k = m_k - z is split by `bands.py`, and the output is

    z + sum over parts of sum_k w_k d_k,      w_k a softmax over the K types and z itself (d = 0).

A small network, shared by all regions and all points, gives the weights. It sees the squared lengths of d_k and of
d_k - d_(k-1) in variances of the noise, running means of their logarithms, those of what the part belongs to, the noise
against the size of the face, and how many frames follow. All of them are the same for a track that is moved, scaled,
rotated or mirrored.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float, PRNGKeyArray, UInt32

from fhr_jax.stabilizer.smoothing import bands
from fhr_jax.stabilizer.smoothing.bands import MotionParts, Regions
from fhr_jax.stabilizer.smoothing.kalman_bank import TYPES
from fhr_jax.stabilizer.smoothing.noise_tracking import FIRST_NOISE, FIRST_TAIL, PARTS, TAILS

EVIDENCE = 3 * TYPES - 1
"""Logarithms of a part in a frame: one for each type and one for each pair of neighbouring types."""

FLOOR = 0.05
"""Variances of the noise that are added before the logarithm."""

DECAYS = (0.6, 0.95)
"""Of the running means of the evidence, per frame of 1/30 s."""

AHEAD = (1.0, 3.0, 10.0)
"""Frames of 1/30 s; the number of frames that follow enters as exp(-number / each)."""

MAX_REFUTED = 100.0
"""Variances of the noise beyond which a type is not refuted further."""

INPUTS = EVIDENCE * (2 + len(DECAYS)) + PARTS + len(AHEAD) + 2 + TAILS
"""Inputs of the network, F."""


Evidence = tuple[Array, Array, Array]
"""For the face (1, E), the regions (G, E) and the points (M, E)."""

PartWeights = tuple[Array, Array, Array]
"""For the face (1,), the regions (G,) and the points (M,)."""


class MixingNet(NamedTuple):
    """Weights of the network with H hidden units: one for the face, one for the regions, one for the points.

    Attributes:
        first: (3, F, H).
        first_bias: (3, H).
        second: (3, H, H).
        second_bias: (3, H).
        last: (3, H, K + 1).
        last_bias: (3, K + 1).
        refuted: (3, K) at least 0, by how much the log odds of a type fall for each variance of the noise between it
            and the observation.
    """

    first: Float[Array, "p f h"]
    first_bias: Float[Array, "p h"]
    second: Float[Array, "p h h"]
    second_bias: Float[Array, "p h"]
    last: Float[Array, "p h o"]
    last_bias: Float[Array, "p o"]
    refuted: Float[Array, "p k"]


class EvidenceState(NamedTuple):
    """Running means of the evidence.

    Attributes:
        mean: three arrays, for the face (1, E, A), the regions (G, E, A) and the points (M, E, A), A decays.
        frames: (A,) that they stand for.
    """

    mean: tuple[Array, Array, Array]
    frames: Float[Array, " a"]


def init_net(key: PRNGKeyArray | UInt32[Array, "2"], *, hidden: int = 24) -> MixingNet:
    """Random hidden layers and a last layer of zeros, which weighs all types alike.

    Args:
        key: () of the random weights.
        hidden: H.
    """
    first, second = jax.random.split(key)
    return MixingNet(
        first=jax.random.normal(first, (PARTS, INPUTS, hidden)) / jnp.sqrt(INPUTS),
        first_bias=jnp.zeros((PARTS, hidden)),
        second=jax.random.normal(second, (PARTS, hidden, hidden)) / jnp.sqrt(hidden),
        second_bias=jnp.zeros((PARTS, hidden)),
        last=jnp.zeros((PARTS, hidden, TYPES + 1)),
        last_bias=jnp.zeros((PARTS, TYPES + 1)),
        refuted=jnp.full((PARTS, TYPES), -2.0),
    )


def init_evidence(points: int, like: Float[Array, ""]) -> EvidenceState:
    """The state before the first frame, for M points, in the dtype of the scalar `like`."""
    sizes = (1, bands.number_of_regions(points), points)
    mean = tuple(jnp.zeros_like(like, shape=(size, EVIDENCE, len(DECAYS))) for size in sizes)
    return EvidenceState((mean[0], mean[1], mean[2]), jnp.zeros_like(like, shape=(len(DECAYS),)))


def evidence_of_frame(
    parts: MotionParts,
    last: MotionParts,
    *,
    variance: Float[Array, "p"],
    size: Float[Array, ""],
    counted: Float[Array, " m"],
    weights: PartWeights,
) -> Evidence:
    """What speaks against each movement type, for the face (1, E), the regions (G, E) and the points (M, E).

    Logarithms of |d_k|^2 and of |d_k - d_(k-1)|^2 in variances of the observation, and the cosines between d_k of this
    frame and of the last.

    Args:
        parts: the parts of d_k (K, ...), units of the track.
        last: those of the frame before.
        variance: (3,) of the noise, in squared face sizes.
        size: () of the face, units of the track.
        counted: (M,) points of weight 0 do not count for the face.
        weights: of the observations, by part.
    """
    unit = jnp.sqrt(jnp.maximum(variance, 1e-10)) * jnp.maximum(size, 1e-12)
    share = counted / jnp.maximum(counted.sum(), 1e-9)

    def of_part(part: int) -> Array:
        d, before = parts[part] / unit[part], last[part] / unit[part]
        values = (d**2, (d[1:] - d[:-1]) ** 2, d * before, before**2)
        sums = [value.sum(axis=-1) for value in values]
        if part == 0:
            sums = [(share[None] * value).sum(axis=-1, keepdims=True) for value in sums]
        square, step, product, square_before = sums
        cosine = product / jnp.sqrt((1 + square) * (1 + square_before))
        weight = weights[part][None]
        return jnp.concatenate([jnp.log(weight * square + FLOOR), jnp.log(weight * step + FLOOR), cosine]).T

    return of_part(0), of_part(1), of_part(2)


def update_evidence(
    state: EvidenceState,
    evidence: Evidence,
    *,
    observed: Float[Array, ""],
    dt: Float[Array, ""],
    first: Bool[Array, ""],
) -> EvidenceState:
    """The running means after a frame.

    Args:
        state: from the last frame.
        evidence: of this frame, for the face (1, E), the regions (G, E) and the points (M, E).
        observed: () 0 for a frame without any observation, which changes nothing.
        dt: () frames of 1/30 s since the last frame.
        first: () True where the past is forgotten.
    """
    state = jax.tree.map(lambda value: jnp.where(first, 0, value), state)
    keep = jnp.where(observed > 0, jnp.asarray(DECAYS, dt.dtype) ** dt, 1)
    frames = keep * state.frames + (observed > 0)
    rate = ((observed > 0) / jnp.maximum(frames, 1e-9))[None, None]
    mean = tuple(old + rate * (new[..., None] - old) for old, new in zip(state.mean, evidence, strict=True))
    return EvidenceState((mean[0], mean[1], mean[2]), frames)


def part_weights(weight: Float[Array, " m"], regions: Regions) -> PartWeights:
    """Weight of the observation of the face (1,), of each region (G,) and of each point (M,), from those of the points.

    Args:
        weight: (M,) at least 0.
        regions: of the frame.
    """
    return weight.mean()[None], jnp.matmul(regions.pool, weight, precision=Precision.HIGHEST), weight


def type_weights(
    net: MixingNet,
    evidence: Evidence,
    running: tuple[Array, Array, Array],
    *,
    regions: Regions,
    variance: Float[Array, "p"],
    tail: Float[Array, "q"],
    ahead: Float[Array, ""],
    weights: PartWeights,
    dt: Float[Array, ""],
) -> tuple[Array, Array, Array]:
    """Weights of the K types and of the observation, for the face (1, K + 1), regions (G, K + 1), points (M, K + 1).

    Args:
        net: the network.
        evidence: of this frame.
        running: its running means, see `EvidenceState.mean`.
        regions: of this frame.
        variance: (3,) of the noise, in squared face sizes.
        tail: (2,) of the noise.
        ahead: () frames of 1/30 s that follow and count.
        weights: of the observations, by part; an observation of weight 0 is not used.
        dt: () frames of 1/30 s since the last frame.
    """
    above = evidence[1].mean(axis=0, keepdims=True), jnp.broadcast_to(evidence[0], evidence[1].shape)
    parents = (*above, jnp.matmul(regions.spread, evidence[1], precision=Precision.HIGHEST))
    noise = 0.5 * jnp.log(jnp.maximum(variance, 1e-10) / FIRST_NOISE**2)
    frame = jnp.concatenate([noise, jnp.exp(-ahead / jnp.asarray(AHEAD, noise.dtype)), jnp.log(dt)[None]])
    result = []
    for part in range(PARTS):
        own, weight = evidence[part], weights[part][:, None]
        past = running[part].reshape(len(own), -1)
        shared = jnp.broadcast_to(frame[None], (len(own), len(frame)))
        last = jnp.broadcast_to(tail[None] - FIRST_TAIL, (len(own), len(tail)))
        inputs = jnp.concatenate([own, past, parents[part], shared, weight, last], axis=1)
        hidden = jax.nn.silu(_layer(net.first[part], net.first_bias[part], inputs))
        hidden = jax.nn.silu(_layer(net.second[part], net.second_bias[part], hidden))
        square = jnp.minimum(jnp.exp(own[:, :TYPES]), MAX_REFUTED)
        beside = [-jax.nn.softplus(net.refuted[part])[None] * square, jnp.log(jnp.maximum(weight, 1e-6))]
        odds = _layer(net.last[part], net.last_bias[part], hidden) + jnp.concatenate(beside, axis=1)
        result.append(jax.nn.softmax(odds))
    return result[0], result[1], result[2]


def combine(parts: MotionParts, weights: tuple[Array, Array, Array], regions: Regions) -> Float[Array, "m d"]:
    """The displacement (M, d) from the observation to the output: sum over parts and types."""
    face, region, points = (value[:, :-1] for value in weights)
    moved = jnp.einsum("k,kmd->md", face[0], parts.face, precision=Precision.HIGHEST)
    pooled = jnp.einsum("gk,kgd->gd", region, parts.regions, precision=Precision.HIGHEST)
    own = jnp.einsum("mk,kmd->md", points, parts.points, precision=Precision.HIGHEST)
    return moved + bands.interpolate(pooled[None], regions)[0] + own


def _layer(weights: Array, bias: Array, inputs: Array) -> Array:
    return jnp.matmul(inputs, weights, precision=Precision.HIGHEST) + bias[None]
