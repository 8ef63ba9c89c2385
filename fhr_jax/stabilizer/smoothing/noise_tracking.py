"""The noise of the track at hand, by part, measured on the innovations of the quick filter (`kalman_bank.QUICK`)."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.stabilizer.smoothing.bands import MotionParts

PARTS = 3
"""Face, regions, points."""

TAILS = 2
"""Tails of the noise: those of regions and points."""

NOISE_DECAY = 0.97
"""Of the running mean of the noise variance, per frame of 1/30 s."""

FIRST_TAIL = 0.7
"""The tail that is expected before the first frame: that of a normal distribution in 2D, ln 2."""

FIRST_NOISE, FIRST_FRAMES = 0.01, 2.0
"""The noise in face sizes that is expected before the first frame, and how many frames this counts for."""

MAX_SHARED, FEWEST = 4.0, 8
"""The noise that all points share has at most this many times the variance of the rest, else it is motion: a head that
shakes. The rest is known from this number of points on."""

MAX_SQUARE = 9.0
"""The variance of a frame counts by at most this many times the running mean, so that outliers do not set it."""

MAX_TAIL = 6.0
"""The logarithm of a ratio of moments is clipped here."""


class NoiseState(NamedTuple):
    """Running means of the noise.

    Attributes:
        variance: (3,) by part, in squared face sizes.
        tail: (2,) of regions and points: how much larger than usual single errors get, see `tail_of_frame`.
        frames: () that they stand for.
    """

    variance: Float[Array, "p"]
    tail: Float[Array, "q"]
    frames: Float[Array, ""]


def init_noise(like: Float[Array, ""]) -> NoiseState:
    """The state before the first frame, in the dtype of the scalar `like`."""
    return NoiseState(
        jnp.full_like(like, FIRST_NOISE**2, shape=(PARTS,)),
        jnp.full_like(like, FIRST_TAIL, shape=(TAILS,)),
        jnp.full_like(like, FIRST_FRAMES),
    )


def noise_of_frame(innovation: MotionParts, size: Float[Array, ""], weight: Float[Array, " m"]) -> Float[Array, "p"]:
    """Noise variance (3,) of one frame by part, in squared face sizes.

    Args:
        innovation: the parts of one innovation (1, ...), units of the track.
        size: () of the face, in the same units.
        weight: (M,) points of weight 0 do not count.
    """
    share = weight / jnp.maximum(weight.sum(), 1e-9)
    face = (share[:, None] * innovation.face[0] ** 2).sum()
    length = [jnp.sqrt((part[0] ** 2).sum(axis=-1) + 1e-12) for part in (innovation.regions, innovation.points)]
    regions, points = 4 / jnp.pi * length[0].mean() ** 2, 4 / jnp.pi * (share * length[1]).sum() ** 2
    dims = innovation.face.shape[-1]
    return jnp.stack([face, regions, points]) / (dims * jnp.maximum(size, 1e-12) ** 2)


def tail_of_frame(innovation: MotionParts, weight: Float[Array, " m"]) -> Float[Array, "q"]:
    """How far the largest innovations of a frame exceed the others (2,), for regions and points, without unit.

    The logarithm of the mean fourth power of their lengths over the squared square of their robust deviation. A
    detector whose points flicker has a large one; the network then trusts quick motions of parts less.

    Args:
        innovation: as for `noise_of_frame`.
        weight: (M,) points of weight 0 do not count.
    """
    share = weight / jnp.maximum(weight.sum(), 1e-9)
    ratios = []
    for part, count in ((innovation.regions, jnp.ones_like(innovation.regions[0, :, 0])), (innovation.points, share)):
        share_of_part = count / jnp.maximum(count.sum(), 1e-9)
        square = (part[0] ** 2).sum(axis=-1) + 1e-12
        robust = 4 / jnp.pi * (share_of_part * jnp.sqrt(square)).sum() ** 2
        # The quotient's derivative has the fourth power of lengths of 1e-6 below it, which is 0 in float32.
        ratios.append(jnp.log((share_of_part * square**2).sum()) - 2 * jnp.log(robust))
    return jnp.clip(jnp.stack(ratios), 0, MAX_TAIL)


def update_noise(
    state: NoiseState,
    variance: Float[Array, "p"],
    tail: Float[Array, "q"],
    *,
    observed: Float[Array, ""],
    dt: Float[Array, ""],
) -> NoiseState:
    """The running mean after a frame.

    Args:
        state: from the last frame.
        variance: (3,) of this frame.
        tail: (2,) of this frame.
        observed: () share of the points that are observed; a frame without any changes nothing.
        dt: () frames of 1/30 s since the last frame.
    """
    keep = jnp.where(observed > 0, NOISE_DECAY**dt, 1)
    frames = keep * state.frames + observed
    variance = jnp.minimum(variance, MAX_SQUARE * state.variance)
    rate = observed / jnp.maximum(frames, 1e-9)
    mean = state.variance + rate * (variance - state.variance)
    return NoiseState(mean, state.tail + rate * (tail - state.tail), frames)


def without_shaking(variance: Float[Array, "*t p"], *, points: int) -> Float[Array, "*t p"]:
    """The noise variances (..., 3) without what a head that shakes adds to the first, see `MAX_SHARED`.

    Args:
        variance: of the noise by part, in squared face sizes.
        points: M.
    """
    if points < FEWEST:
        return variance
    rest = MAX_SHARED * variance[..., 1:].sum(axis=-1, keepdims=True)
    return jnp.concatenate([jnp.minimum(variance[..., :1], rest), variance[..., 1:]], axis=-1)
