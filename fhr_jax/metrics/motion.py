"""How a track moves from frame to frame, beside the truth.

Tracks are (..., T, M, 2). A frame counts if the mask says so and all its points are finite in both tracks; a
number that compares several frames counts where all of them do.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax.markup import FACE68, Markup
from fhr_jax.metrics.points import interocular, length

AnyTrack = Float[Array | np.ndarray, "*batch t m 2"]
AnyMask = Bool[Array | np.ndarray, "*batch t"]

STANDSTILL = 1e-12  # squared pixels: below, the direction of a motion means nothing


@partial(jax.jit, static_argnames="markup")
def stability(
    predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None, markup: Markup = FACE68
) -> Float[Array, "*batch"]:
    """NRMSE between the motions x(t) - x(t-1) and p(t) - p(t-1) of a video, in percent; lower is better.

    The divisor is the inter-ocular distance of the truth in frame t. NaN without two valid frames in a row.
    """
    x, p, valid = clean(predictions, truth, mask)
    errors = length(_step(x) - _step(p)).mean(axis=-1)
    size = interocular(p[..., 1:, :, :], markup=markup)
    pairs = valid[..., 1:] & valid[..., :-1]
    return _mean(100 * errors / jnp.where(pairs, size, 1), pairs)


class MotionScore(NamedTuple):
    """Per landmark, how its motion dx differs from the true motion dp (Fig. 3).

    Attributes:
        squared: E|dx - dp|^2 in square pixels (..., M).
        angle: mean absolute angle between dx and dp in degrees (..., M), over the frames in which both move;
            0 if there is none.
    """

    squared: Float[Array, "*batch m"]
    angle: Float[Array, "*batch m"]


@jax.jit
def motion(predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None) -> MotionScore:
    """Magnitude and orientation of the error of motion, averaged over the frames of a video."""
    x, p, valid = clean(predictions, truth, mask)
    dx, dp = _step(x), _step(p)
    pairs = (valid[..., 1:] & valid[..., :-1])[..., None]
    squared = _mean(((dx - dp) ** 2).sum(axis=-1), pairs, axis=-2)
    moving = pairs & ((dx**2).sum(axis=-1) > STANDSTILL) & ((dp**2).sum(axis=-1) > STANDSTILL)
    cross = dx[..., 0] * dp[..., 1] - dx[..., 1] * dp[..., 0]
    dot = (dx * dp).sum(axis=-1)
    angle = jnp.abs(jnp.arctan2(jnp.where(moving, cross, 0), jnp.where(moving, dot, 1)))
    mean = angle.sum(axis=-2) / jnp.maximum(moving.sum(axis=-2), 1)
    return MotionScore(squared=squared, angle=jnp.degrees(mean))


class Evaluation(NamedTuple):
    """The four numbers with which the paper's authors judge a stabilizer, each (...) a video.

    Attributes:
        delay: mean over frames of the share of the last true step by which x lags: the a for which
            (1 - a) p(t) + a p(t-1) is nearest to x(t). 0 where the truth stands still.
        error: root mean square over the points of |x - p|, averaged over frames.
        midpoint: the same for the distance of x(t) to the midpoint of x(t-1) and x(t+1).
        segment: the same for the distance of x(t) to the segment between them.

    All but `delay` are in hundredths of the face width, the longer side of the box of the true landmarks.
    """

    delay: Float[Array, "*batch"]
    error: Float[Array, "*batch"]
    midpoint: Float[Array, "*batch"]
    segment: Float[Array, "*batch"]


@jax.jit
def evaluation(predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None) -> Evaluation:
    """The authors' evaluation of a video; shares and distances are of all coordinates of a frame at once."""
    x, p, valid = clean(predictions, truth, mask)
    pairs = valid[..., 1:] & valid[..., :-1]
    triples = pairs[..., 1:] & pairs[..., :-1]
    width = (p.max(axis=-2) - p.min(axis=-2)).max(axis=-1) / 100
    width = jnp.where(valid & (width > 0), width, 1)

    late = _share((x - p)[..., 1:, :, :], -_step(p))
    before, now, after = x[..., :-2, :, :], x[..., 1:-1, :, :], x[..., 2:, :, :]
    along = jnp.clip(_share(now - before, after - before), 0, 1)[..., None, None]
    nearest = (1 - along) * before + along * after
    return Evaluation(
        delay=_mean(late, pairs),
        error=_mean(_rms(x - p) / width, valid),
        midpoint=_mean(_rms(now - (before + after) / 2) / width[..., 1:-1], triples),
        segment=_mean(_rms(now - nearest) / width[..., 1:-1], triples),
    )


def clean(predictions: AnyTrack, truth: AnyTrack, mask: AnyMask | None) -> tuple[Array, Array, Array]:
    """Both tracks with zeros in the frames that do not count, and which frames count."""
    x, p = jnp.asarray(predictions), jnp.asarray(truth)
    valid = (jnp.isfinite(x) & jnp.isfinite(p)).all(axis=(-2, -1))
    if mask is not None:
        valid &= jnp.asarray(mask)
    keep = valid[..., None, None]
    return jnp.where(keep, x, 0), jnp.where(keep, p, 0), valid


def _step(track: Float[Array, "*batch t m 2"]) -> Array:
    return track[..., 1:, :, :] - track[..., :-1, :, :]


def _share(vector: Float[Array, "*batch m 2"], direction: Float[Array, "*batch m 2"]) -> Float[Array, "*batch"]:
    """The a for which a * direction is nearest to the vector; 0 for no direction."""
    squared = (direction**2).sum(axis=(-2, -1))
    moves = squared > STANDSTILL
    return jnp.where(moves, (vector * direction).sum(axis=(-2, -1)) / jnp.where(moves, squared, 1), 0)


def _rms(vectors: Float[Array, "*batch m 2"]) -> Float[Array, "*batch"]:
    """Root of the mean over the points of their squared length."""
    points, axes = vectors.shape[-2:]
    return length(vectors.reshape(*vectors.shape[:-2], points * axes)) / jnp.sqrt(points)


def _mean(values: Array, counts: Array, axis: int = -1) -> Array:
    """Mean of the values that count; NaN if none does."""
    return jnp.where(counts, values, 0).sum(axis=axis) / counts.sum(axis=axis)
