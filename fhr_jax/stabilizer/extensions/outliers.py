"""Extension: outlier detection, so that a point which the detector throws far away does not carry its landmark along.

Most errors of a detector have the size of the model's noise, and a few have any size. The likelihood of a point is
therefore a Gaussian with a flat tail. The probability that a point belongs to the Gaussian is

    inlier probability = sigmoid( inlier_log_odds - |r|^2 / (2 s) ),     s = P + N + scale^2

with its distance r to the prediction *including the common motion of the face* (`common_motion.py`), the prior and
noise variances P and N at that point, and the standard deviation `scale` of what a part of the face does by itself in
one frame (a blink). `inlier_log_odds` and `scale` are learned. An observation counts by its inlier probability. The
common motion is fitted by iteratively reweighted least squares, so that outliers do not steer it.

Points that move together are no outliers, however fast: a common motion that is larger than the noise allows is made
at once (`jump`) instead of being smoothed.

A point is an outlier below a probability of 1/2. Each time it is seen near the place where it was rejected last, the
variance s grows by a factor, until the point is reacquired there: no landmark is lost for ever. An outlier in another
place starts this count again. A point further than `FAR` face sizes from the centre of the face is never accepted. If
the common motion itself is an outlier and the face looks different after it, the frame is a cut, and every point starts
where it is. If hardly any points move together, there is no common motion, no jump and no cut.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer.bijectors import inverse_softplus
from fhr_jax.stabilizer.extensions.common_motion import common_motion
from fhr_jax.stabilizer.size_tracking import centroid, rms_distance, within

VARIANCE_GROWTH = 4.0
"""Factor by which the variance grows each time a point is rejected in the same place."""

REWEIGHTING_ROUNDS = 3
"""Least squares fits of the common motion, each with new weights."""

POINTS_PER_INLIER = 3
"""A common motion needs more inliers than the number of observed points divided by this."""

CUT_DEVIATION = 8.0
"""Mean squared distance to the common motion, in variances of a coordinate, above which a large motion is a cut."""

JUMP_SHARE = 0.75
"""Part of the observed points that must be inliers for a common motion that is made at once."""

FAR = 2.5
"""Face sizes (RMS distances to the centroid) from the centroid within which a point of the face lies."""

FARTHER = 1.1
"""A point that lies further away by itself, as in a first frame, may go this times as far as it is expected."""

FAR_IF_NEW = 5.0
"""The same for points that were never seen."""

FAR_AT_START = 6.0
"""The same in the first frame, in median distances to the median point, which broken points do not change."""


class Outliers(NamedTuple):
    """Parameters of the extension.

    Attributes:
        inlier_log_odds: () log odds that a point at its predicted place is an inlier.
        scale: () more than 0, standard deviation of a point's own motion, units of the parameters.
        jump: () more than 0, the common motion beyond its prediction, in standard deviations of a coordinate, of which
            one half is made at once. None: all of it is smoothed, as by parameters written before.
    """

    inlier_log_odds: Float[Array, ""]
    scale: Float[Array, ""]
    jump: Float[Array, ""] | None = None


class OutlierState(NamedTuple):
    """What the detection keeps between frames.

    Attributes:
        variance_factor: (M,) factor on the variance of a point, at least 1; more than 1 after a rejection.
        rejected_at: (M, d) where the point was when it was last rejected, units of the track.
    """

    variance_factor: Float[Array, " m"]
    rejected_at: Float[Array, "m d"]


class OutlierResult(NamedTuple):
    """The result for one frame.

    Attributes:
        inlier_probability: (M,) in [0, 1].
        common_motion: (M, d) at each point, units of the track.
        jump: () in [0, 1], the part of the common motion that is made at once.
        far: (M,) points too far from the face to belong to it.
        placed: (M, d) the observed points, those too far away moved to the limit, units of the track.
        reacquired: (M,) points that are accepted in a new place, where they start again.
        cut: () True if the whole face is in another place.
    """

    inlier_probability: Float[Array, " m"]
    common_motion: Float[Array, "m d"]
    jump: Float[Array, ""]
    far: Bool[Array, " m"]
    placed: Float[Array, "m d"]
    reacquired: Bool[Array, " m"]
    cut: Bool[Array, ""]


def init_state(points: int, dims: int, like: Float[Array, ""]) -> OutlierState:
    """The state before the first frame.

    Args:
        points: M.
        dims: coordinates of a point.
        like: () any array of the wanted dtype.
    """
    return OutlierState(jnp.ones_like(like, shape=(points,)), jnp.zeros_like(like, shape=(points, dims)))


def unconstrain(outliers: Outliers) -> Outliers:
    """The unconstrained values that `constrain` maps to these parameters."""
    jump = None if outliers.jump is None else inverse_softplus(outliers.jump)
    return Outliers(outliers.inlier_log_odds, inverse_softplus(outliers.scale), jump)


def constrain(unconstrained: Outliers) -> Outliers:
    """Parameters from unconstrained values: a softplus for the scale and the jump."""
    jump = None if unconstrained.jump is None else jax.nn.softplus(unconstrained.jump)
    return Outliers(unconstrained.inlier_log_odds, jax.nn.softplus(unconstrained.scale), jump)


def detect(
    outliers: Outliers,
    state: OutlierState,
    z: Float[Array, "m d"],
    predicted: Float[Array, "m d"],
    *,
    weight: Float[Array, " m"],
    seen: Bool[Array, " m"],
    variance: Float[Array, " m"],
    scale: Float[Array, ""],
) -> tuple[OutlierState, OutlierResult]:
    """Find the outliers of one frame.

    Args:
        outliers: the parameters.
        state: from the last frame.
        z: (M, d) observed points, units of the track.
        predicted: (M, d) their predictions without the common motion.
        weight: (M,) confidence; 0 for points that are missing or were never seen before.
        seen: (M,) the points that have a prediction.
        variance: (M,) P + N of a coordinate, units of the parameters squared.
        scale: () units of the track in one unit of the parameters.
    """
    moved = z - predicted
    total_variance = (variance + outliers.scale**2) * scale**2

    def distance(common: Array) -> Array:
        """Squared Mahalanobis distance to the prediction with this common motion."""
        return ((moved - common) ** 2).sum(axis=-1) / total_variance

    def probability(common: Array, variance_factor: Array | float) -> Array:
        return jax.nn.sigmoid(outliers.inlier_log_odds - 0.5 * distance(common) / variance_factor)

    # The small constants count where no point is an inlier at first, as after a cut: then all points have about equal
    # weight in the first fit, and those near the fit have more in the next ones.
    common = common_motion(moved, predicted, weight * (probability(jnp.zeros_like(moved), 1.0) + 1e-3))
    for _ in range(REWEIGHTING_ROUNDS - 1):
        common = common_motion(moved, predicted, weight * (probability(common, 1.0) + 1e-3 / (1 + distance(common))))

    present = weight > 0
    # A fit to a few of many scattered points is no common motion.
    together = POINTS_PER_INLIER * (present & (probability(common, 1.0) >= 0.5)).sum() > present.sum()
    common = jnp.where(together, common, 0)
    expected = predicted + common
    placed, far = within(z, centroid(expected, seen), _radius(expected, seen))
    inlier_probability = jnp.where(far, 0, probability(common, 1.0))
    rejected = present & (inlier_probability < 0.5)
    rejected_before = state.variance_factor > 1
    radius = 2 * jnp.maximum(outliers.inlier_log_odds, 0) * total_variance
    same_place = ((z - state.rejected_at) ** 2).sum(axis=-1) < radius
    again = rejected_before & same_place & ~far
    reacquired = rejected & again & (probability(common, state.variance_factor) >= 0.5)

    mean_square = (present[:, None] * common**2).sum() / jnp.maximum(present.sum(), 1)
    cut = together & (outliers.inlier_log_odds - 0.5 * mean_square / total_variance.mean() < 0)
    jump = jnp.zeros_like(mean_square)
    if outliers.jump is not None:
        noise = variance.mean() * scale**2
        counted = jnp.where(present, inlier_probability, 0)
        deviation = (counted * ((moved - common) ** 2).sum(axis=-1)).sum() / jnp.maximum(counted.sum(), 1e-12)
        cut = cut & (deviation > CUT_DEVIATION * noise)
        half = outliers.jump**2
        jump = 1 - jax.nn.sigmoid(0.5 * (half - mean_square / noise)) / jax.nn.sigmoid(0.5 * half)
        agree = (present & (inlier_probability >= 0.5)).sum() >= JUMP_SHARE * present.sum()
        jump = jnp.where(agree, jump, 0)

    grown = VARIANCE_GROWTH * jnp.where(again, state.variance_factor, 1.0)
    variance_factor = jnp.where(rejected & ~far, grown, jnp.where(present & ~far, 1.0, state.variance_factor))
    state = OutlierState(
        variance_factor=jnp.where(reacquired | cut, 1.0, variance_factor),
        rejected_at=jnp.where(rejected[:, None], z, state.rejected_at),
    )
    return state, OutlierResult(inlier_probability, common, jump, far, placed, reacquired, cut)


def _radius(expected: Array, seen: Array) -> Array:
    """(M,) distance from the centroid of the expected face within which its points lie, units of the track."""
    size = rms_distance(expected, seen)
    own = jnp.sqrt(jnp.maximum(((expected - centroid(expected, seen)) ** 2).sum(axis=-1), 1e-12))
    return jnp.where(seen, jnp.maximum(FAR * size, jnp.where(size > 0, FARTHER * own, 0)), FAR_IF_NEW * size)
