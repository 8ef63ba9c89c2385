"""The stabilization loss, Eq. 11-15: close to the truth, not late, smooth.

L = euclidean + lambda_2 delay + lambda_1 smooth. x is the output and p the truth; all D = M d coordinates of a frame
form one vector:

    euclidean = mean_t |x(t) - p(t)|^2
    delay     = mean_t (dp(t)^+ (x(t) - p(t)))^2,          dp(t) = p(t) - p(t-1),  v^+ = v^T / |v|^2
    smooth    = mean_t min_q |x(t) - q x(t-1) - (1 - q) x(t+1)|^2 + lambda_3 (q - 1/2)^2

`euclidean` and `smooth` are in square pixels, `delay` has no unit. lambda_2 and lambda_3 depend on the scale, so use
pixels of the 256 crop, or of a face scaled to it.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError

REST = 1e-12
"""Squared motion of the truth (px^2) below which its pseudo-inverse is 0."""


class LossWeights(NamedTuple):
    """Weights of the stabilization loss; the defaults are the paper's.

    They are Python floats, not arrays: an infinite `even_steps` selects Eq. 15.

    Attributes:
        smooth: lambda_1, weight of the smooth term.
        delay: lambda_2, weight of the delay term.
        even_steps: lambda_3, how much the smooth term prefers steps of equal length. 0 measures the distance to the
            line through the neighbours (Eq. 14), infinity the distance to their midpoint (Eq. 15).
    """

    smooth: float = 1.0
    delay: float = 10.0
    even_steps: float = 1.0


PAPER_WEIGHTS = LossWeights()
"""lambda_1 = 1, lambda_2 = 10, lambda_3 = 1."""


class StabilizationLoss(NamedTuple):
    """The terms of the loss, unweighted, and their weighted sum; every field is a scalar ().

    Attributes:
        total: euclidean + lambda_2 delay + lambda_1 smooth.
        euclidean: mean squared distance of a whole frame to the truth, px^2.
        delay: mean squared lag of the output, in steps of the truth.
        smooth: mean squared second difference of the output (with the best q), px^2.
    """

    total: Float[Array, ""]
    euclidean: Float[Array, ""]
    delay: Float[Array, ""]
    smooth: Float[Array, ""]


def stabilization(
    stabilized: Float[Array, "*batch t m d"],
    truth: Float[Array, "*batch t m d"],
    *,
    weights: LossWeights = PAPER_WEIGHTS,
    mask: Bool[Array, "*batch t"] | None = None,
) -> StabilizationLoss:
    """The loss of one track or of a padded batch of tracks.

    As in Eq. 12-13, each term is averaged over the frames of all videos together, so a long video weighs more than a
    short one. A term counts only if all its frames are valid.

    Args:
        stabilized: outputs (..., T, M, d), pixels.
        truth: true landmarks (..., T, M, d), pixels.
        weights: lambda_1, lambda_2 and lambda_3.
        mask: (..., T), True where a frame is valid. Values of masked frames, NaN included, have no effect.

    Raises:
        InputError: the tracks have different shapes.
    """
    if stabilized.shape != truth.shape:
        raise InputError(f"truth: shape {truth.shape}, expected that of the stabilized track, {stabilized.shape}")
    mask = jnp.ones(stabilized.shape[:-2], bool) if mask is None else mask
    terms = stabilization_terms(stabilized, truth, even_steps=weights.even_steps, mask=mask)
    euclidean = _mean(terms.euclidean, mask)
    delay = _mean(terms.delay, mask[..., 1:] & mask[..., :-1])
    smooth = _mean(terms.smooth, mask[..., 2:] & mask[..., 1:-1] & mask[..., :-2])
    return StabilizationLoss(euclidean + weights.delay * delay + weights.smooth * smooth, euclidean, delay, smooth)


class FrameTerms(NamedTuple):
    """The terms of the loss before they are averaged. A term is meaningful only if all its frames are valid.

    Attributes:
        euclidean: (..., T), one per frame.
        delay: (..., T - 1), one per frame from the second on.
        smooth: (..., T - 2), one per frame with two neighbours.
    """

    euclidean: Float[Array, "*batch t"]
    delay: Float[Array, "*batch t-1"]
    smooth: Float[Array, "*batch inner"]


def stabilization_terms(
    stabilized: Float[Array, "*batch t m d"],
    truth: Float[Array, "*batch t m d"],
    *,
    even_steps: float,
    mask: Bool[Array, "*batch t"],
) -> FrameTerms:
    """The terms of `stabilization` frame by frame, unweighted.

    Args:
        stabilized: outputs (..., T, M, d), pixels.
        truth: true landmarks (..., T, M, d), pixels.
        even_steps: lambda_3, see `LossWeights`.
        mask: (..., T), True where a frame is valid.
    """
    frames = stabilized.shape[:-2]
    keep = mask.reshape((*frames, 1))
    x = jnp.where(keep, stabilized.reshape((*frames, -1)), 0)
    p = jnp.where(keep, truth.reshape((*frames, -1)), 0)

    error = x - p
    motion = p[..., 1:, :] - p[..., :-1, :]
    square = _dot(motion, motion)
    moving = square >= REST
    lag = jnp.where(moving, _dot(motion, error[..., 1:, :]) / jnp.where(moving, square, 1), 0)
    return FrameTerms(_dot(error, error), lag**2, _smooth_terms(x, even_steps))


def _smooth_terms(x: Float[Array, "*batch t D"], even_steps: float) -> Float[Array, "*batch inner"]:
    """The terms of Eq. 13 at the best q of each frame.

    The derivative with respect to q is 0 there, so q adds nothing to the first derivative of the loss. It does add to
    the second, so there is no `stop_gradient`.
    """
    e, d = x[..., 1:-1, :] - x[..., 2:, :], x[..., :-2, :] - x[..., 2:, :]
    if math.isinf(even_steps):
        middle = e - d / 2
        return _dot(middle, middle)
    scale = _dot(d, d) + even_steps
    defined = scale > 0
    q = jnp.where(defined, (_dot(e, d) + even_steps / 2) / jnp.where(defined, scale, 1), 0.5)
    residual = e - q[..., None] * d
    return _dot(residual, residual) + even_steps * (q - 0.5) ** 2


def _dot(a: Float[Array, "*frames D"], b: Float[Array, "*frames D"]) -> Float[Array, "*frames"]:
    return jnp.einsum("...i,...i->...", a, b, precision=Precision.HIGHEST)


def _mean(terms: Float[Array, "*batch t"], valid: Bool[Array, "*batch t"]) -> Float[Array, ""]:
    return jnp.where(valid, terms, 0).sum() / jnp.maximum(valid.sum(), 1)
