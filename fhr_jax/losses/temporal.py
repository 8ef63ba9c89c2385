"""The stabilization loss, Eq. 11-15: close to the truth, not late, smooth.

L = euclidean + lambda2 delay + lambda1 smooth, with x the output, p the truth, and all D = M d
coordinates of a frame taken as one vector:

    euclidean = mean_t |x(t) - p(t)|^2
    delay     = mean_t (dp(t)^+ (x(t) - p(t)))^2,          dp(t) = p(t) - p(t-1),  v^+ = v^T / |v|^2
    smooth    = mean_t min_q |x(t) - q x(t-1) - (1 - q) x(t+1)|^2 + lambda3 (q - 1/2)^2

The losses are in pixels squared, and lambda2 and lambda3 are not free of scale: use pixels of
the 256 crop, or of a face scaled to it.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError

REST = 1e-12
"""Squared motion of the truth (px^2) below which its pseudo-inverse is 0."""


class Stabilization(NamedTuple):
    """The terms of the loss, unweighted, and their weighted sum.

    Attributes:
        total: euclidean + lambda2 * delay + lambda1 * smooth.
        euclidean: mean squared distance of a whole frame to the truth, px^2.
        delay: mean squared part of a frame that the output is late by.
        smooth: mean squared bend of the path of the output, px^2.
    """

    total: Float[Array, ""]
    euclidean: Float[Array, ""]
    delay: Float[Array, ""]
    smooth: Float[Array, ""]


def stabilization(
    stabilized: Float[Array, "*batch t m d"],
    truth: Float[Array, "*batch t m d"],
    *,
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
    mask: Bool[Array, "*batch t"] | None = None,
) -> Stabilization:
    """The loss of one track or of a padded batch of tracks.

    As in Eq. 12-13, the terms of all videos are added up and divided by their number over all videos, so a
    long video weighs more than a short one. A term counts only if all its frames are valid.

    Args:
        stabilized: outputs (..., T, M, d), pixels.
        truth: where the landmarks are, same shape.
        lambda1: weight of `smooth`.
        lambda2: weight of `delay`.
        lambda3: how much `smooth` prefers even steps; 0 measures the distance to the line through the
            neighbours (Eq. 14), infinity that to their midpoint (Eq. 15).
        mask: (..., T), True where a frame is valid; what masked frames hold, NaN too, changes nothing.

    Raises:
        InputError: the tracks have different shapes.
    """
    if stabilized.shape != truth.shape:
        raise InputError(f"truth: shape {truth.shape}, expected that of the stabilized track, {stabilized.shape}")
    mask = jnp.ones(stabilized.shape[:-2], bool) if mask is None else mask
    terms = stabilization_terms(stabilized, truth, lambda3=lambda3, mask=mask)
    euclidean = _mean(terms.euclidean, mask)
    delay = _mean(terms.delay, mask[..., 1:] & mask[..., :-1])
    smooth = _mean(terms.smooth, mask[..., 2:] & mask[..., 1:-1] & mask[..., :-2])
    return Stabilization(euclidean + lambda2 * delay + lambda1 * smooth, euclidean, delay, smooth)


class Terms(NamedTuple):
    """What the means of the loss are taken over; only terms all of whose frames are valid mean anything.

    Attributes:
        euclidean: one a frame.
        delay: one a frame from the second on.
        smooth: one a frame that has two neighbours.
    """

    euclidean: Float[Array, "*batch t"]
    delay: Float[Array, "*batch t-1"]
    smooth: Float[Array, "*batch inner"]


def stabilization_terms(
    stabilized: Float[Array, "*batch t m d"],
    truth: Float[Array, "*batch t m d"],
    *,
    lambda3: float,
    mask: Bool[Array, "*batch t"],
) -> Terms:
    """The terms of `stabilization` frame by frame, unweighted; its arguments are explained there."""
    frames = stabilized.shape[:-2]
    keep = mask.reshape((*frames, 1))
    x = jnp.where(keep, stabilized.reshape((*frames, -1)), 0)
    p = jnp.where(keep, truth.reshape((*frames, -1)), 0)

    error = x - p
    motion = p[..., 1:, :] - p[..., :-1, :]
    size = _dot(motion, motion)
    moving = size >= REST
    late = jnp.where(moving, _dot(motion, error[..., 1:, :]) / jnp.where(moving, size, 1), 0)
    return Terms(_dot(error, error), late**2, _bend(x, lambda3))


def _bend(x: Float[Array, "*batch t D"], lambda3: float) -> Float[Array, "*batch inner"]:
    """The terms of Eq. 13 with the best q of each frame put in.

    At its minimum q adds nothing to the first derivative, but it does to the second, so it is not stopped.
    """
    ahead, behind = x[..., 1:-1, :] - x[..., 2:, :], x[..., :-2, :] - x[..., 2:, :]
    if math.isinf(lambda3):
        middle = ahead - behind / 2
        return _dot(middle, middle)
    scale = _dot(behind, behind) + lambda3
    defined = scale > 0
    q = jnp.where(defined, (_dot(ahead, behind) + lambda3 / 2) / jnp.where(defined, scale, 1), 0.5)
    off = ahead - q[..., None] * behind
    return _dot(off, off) + lambda3 * (q - 0.5) ** 2


def _dot(a: Float[Array, "*frames D"], b: Float[Array, "*frames D"]) -> Float[Array, "*frames"]:
    return jnp.einsum("...i,...i->...", a, b, precision=Precision.HIGHEST)


def _mean(terms: Float[Array, "*batch t"], valid: Bool[Array, "*batch t"]) -> Float[Array, ""]:
    return jnp.where(valid, terms, 0).sum() / jnp.maximum(valid.sum(), 1)
