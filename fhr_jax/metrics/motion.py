"""The motion of a track from frame to frame, compared with the true motion.

Tracks are (..., T, M, 2). A frame counts if the mask is true there and all points are finite in both tracks. A number
that compares several frames counts where all of these frames do.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax.geometry import box_of
from fhr_jax.markup import FACE68, Markup
from fhr_jax.metrics.points import interocular, length

AnyTrack = Float[Array | np.ndarray, "*batch t m 2"]
AnyMask = Bool[Array | np.ndarray, "*batch t"]

MIN_SQUARED_MOTION = 1e-12
"""In squared pixels; the direction of a smaller motion is not defined."""


@partial(jax.jit, static_argnames="markup")
def stability(
    predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None, markup: Markup = FACE68
) -> Float[Array, "*batch"]:
    """NRMSE between the motions x(t) - x(t-1) and p(t) - p(t-1) of a video, in percent; lower is better.

    Args:
        predictions: track x (..., T, M, 2) in pixels.
        truth: true track p (..., T, M, 2).
        mask: frames that count (..., T).
        markup: names the eye corners. The divisor is the true inter-ocular distance in frame t.

    Returns:
        The stability (...); NaN without two valid frames in a row.
    """
    x, p, valid = mask_tracks(predictions, truth, mask)
    errors = length(_step(x) - _step(p)).mean(axis=-1)
    size = interocular(p[..., 1:, :, :], markup=markup)
    pairs = valid[..., 1:] & valid[..., :-1]
    return _mean(100 * errors / jnp.where(pairs, size, 1), pairs)


class MotionScore(NamedTuple):
    """The difference between the motion dx of each landmark and the true motion dp (Fig. 3).

    Attributes:
        squared: E|dx - dp|^2 in square pixels (..., M).
        angle: mean absolute angle between dx and dp in degrees (..., M), over the frames in which both move; 0 if there
            is no such frame.
    """

    squared: Float[Array, "*batch m"]
    angle: Float[Array, "*batch m"]


@jax.jit
def motion(predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None) -> MotionScore:
    """Magnitude and direction of the error of motion, averaged over the frames of a video.

    Takes the track and the true track (..., T, M, 2) in pixels, and the frames that count (..., T).
    """
    x, p, valid = mask_tracks(predictions, truth, mask)
    dx, dp = _step(x), _step(p)
    pairs = (valid[..., 1:] & valid[..., :-1])[..., None]
    squared = _mean(((dx - dp) ** 2).sum(axis=-1), pairs, axis=-2)
    moving = pairs & ((dx**2).sum(axis=-1) > MIN_SQUARED_MOTION) & ((dp**2).sum(axis=-1) > MIN_SQUARED_MOTION)
    cross = dx[..., 0] * dp[..., 1] - dx[..., 1] * dp[..., 0]
    dot = (dx * dp).sum(axis=-1)
    angle = jnp.abs(jnp.arctan2(jnp.where(moving, cross, 0), jnp.where(moving, dot, 1)))
    mean = angle.sum(axis=-2) / jnp.maximum(moving.sum(axis=-2), 1)
    return MotionScore(squared=squared, angle=jnp.degrees(mean))


class Evaluation(NamedTuple):
    """The four numbers with which the paper's authors evaluate a stabilizer, each of shape (...), one per video.

    Attributes:
        delay: mean over frames of the fraction of the last true step by which x lags: the a for which
            (1 - a) p(t) + a p(t-1) is nearest to x(t). 0 where the truth stands still.
        error: root mean square over the points of |x - p|, averaged over frames.
        midpoint: the same for the distance of x(t) to the midpoint of x(t-1) and x(t+1).
        segment: the same for the distance of x(t) to the segment between x(t-1) and x(t+1).

    All but `delay` are in percent of the face width, the longer side of the box of the true landmarks.
    """

    delay: Float[Array, "*batch"]
    error: Float[Array, "*batch"]
    midpoint: Float[Array, "*batch"]
    segment: Float[Array, "*batch"]


@jax.jit
def evaluation(predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None) -> Evaluation:
    """The authors' evaluation of a video; fractions and distances are over all coordinates of a frame at once.

    Takes the track and the true track (..., T, M, 2) in pixels, and the frames that count (..., T).
    """
    x, p, valid = mask_tracks(predictions, truth, mask)
    pairs = valid[..., 1:] & valid[..., :-1]
    triples = pairs[..., 1:] & pairs[..., :-1]
    width = box_of(p, dtype=p.dtype)[..., 2:].max(axis=-1) / 100
    width = jnp.where(valid & (width > 0), width, 1)

    lag = _projection((x - p)[..., 1:, :, :], -_step(p))
    before, now, after = x[..., :-2, :, :], x[..., 1:-1, :, :], x[..., 2:, :, :]
    along = jnp.clip(_projection(now - before, after - before), 0, 1)[..., None, None]
    nearest = (1 - along) * before + along * after
    return Evaluation(
        delay=_mean(lag, pairs),
        error=_mean(_rms(x - p) / width, valid),
        midpoint=_mean(_rms(now - (before + after) / 2) / width[..., 1:-1], triples),
        segment=_mean(_rms(now - nearest) / width[..., 1:-1], triples),
    )


def second_difference(track: Float[np.ndarray, "t m d"]) -> Float[np.ndarray, "t-2 m"]:
    """Jitter of a track (T, M, d): |x(t-1) - 2 x(t) + x(t+1)|, (T - 2, M), in its unit; NaN beside a missing point."""
    return np.linalg.norm(track[2:] - 2 * track[1:-1] + track[:-2], axis=-1)


def mask_tracks(predictions: AnyTrack, truth: AnyTrack, mask: AnyMask | None) -> tuple[Array, Array, Array]:
    """Both tracks (..., T, M, 2) with zeros in the frames that do not count, and which frames count (..., T)."""
    x, p = jnp.asarray(predictions), jnp.asarray(truth)
    valid = (jnp.isfinite(x) & jnp.isfinite(p)).all(axis=(-2, -1))
    if mask is not None:
        valid &= jnp.asarray(mask)
    keep = valid[..., None, None]
    return jnp.where(keep, x, 0), jnp.where(keep, p, 0), valid


def _step(track: Float[Array, "*batch t m 2"]) -> Array:
    return track[..., 1:, :, :] - track[..., :-1, :, :]


def _projection(vector: Float[Array, "*batch m 2"], direction: Float[Array, "*batch m 2"]) -> Float[Array, "*batch"]:
    """The a for which a * direction is nearest to the vector; 0 if the direction is 0."""
    squared = (direction**2).sum(axis=(-2, -1))
    moves = squared > MIN_SQUARED_MOTION
    return jnp.where(moves, (vector * direction).sum(axis=(-2, -1)) / jnp.where(moves, squared, 1), 0)


def _rms(vectors: Float[Array, "*batch m 2"]) -> Float[Array, "*batch"]:
    """Root mean square over the points of their length."""
    points, axes = vectors.shape[-2:]
    return length(vectors.reshape(*vectors.shape[:-2], points * axes)) / jnp.sqrt(points)


def _mean(values: Array, counts: Array, axis: int = -1) -> Array:
    """Mean of the values that count; NaN if none counts."""
    return jnp.where(counts, values, 0).sum(axis=axis) / counts.sum(axis=axis)
