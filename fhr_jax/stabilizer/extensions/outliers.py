"""Extension: outlier detection, so that a point which the detector throws far away does not carry its landmark along.

Most errors of a detector have the size of the model's noise, and a few have any size. The likelihood of a point is
therefore a Gaussian with a flat tail. The probability that a point belongs to the Gaussian is

    inlier probability = sigmoid( inlier_log_odds - |r|^2 / (2 s) ),     s = P + N + scale^2

with its distance r to the prediction *including the common motion of the face* (`common_motion.py`), the prior and
noise variances P and N at that point, and the standard deviation `scale` of what a part of the face does by itself in
one frame (a blink). `inlier_log_odds` and `scale` are learned. An observation counts by its inlier probability. The
common motion is fitted by iteratively reweighted least squares, so that outliers do not steer it.

A point is an outlier below a probability of 1/2. Each time it is seen near the place where it was rejected last, the
variance s grows by a factor, until the point is reacquired there: no landmark is lost for ever. An outlier in another
place starts this count again. If the common motion itself is an outlier, the frame is a cut, and every point starts
where it is. If hardly any points move together, there is no common motion and no cut.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer.bijectors import inverse_softplus
from fhr_jax.stabilizer.extensions.common_motion import common_motion

VARIANCE_GROWTH = 4.0
"""Factor by which the variance grows each time a point is rejected in the same place."""

REWEIGHTING_ROUNDS = 3
"""Least squares fits of the common motion, each with new weights."""

POINTS_PER_INLIER = 3
"""A common motion needs more inliers than the number of observed points divided by this."""


class Outliers(NamedTuple):
    """Parameters of the extension.

    Attributes:
        inlier_log_odds: () log odds that a point at its predicted place is an inlier.
        scale: () more than 0, standard deviation of a point's own motion, units of the parameters.
    """

    inlier_log_odds: Float[Array, ""]
    scale: Float[Array, ""]


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
        reacquired: (M,) points that are accepted in a new place, where they start again.
        cut: () True if the whole face is in another place.
    """

    inlier_probability: Float[Array, " m"]
    common_motion: Float[Array, "m d"]
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
    return Outliers(outliers.inlier_log_odds, inverse_softplus(outliers.scale))


def constrain(unconstrained: Outliers) -> Outliers:
    """Parameters from unconstrained values: a softplus for the scale."""
    return Outliers(unconstrained.inlier_log_odds, jax.nn.softplus(unconstrained.scale))


def detect(
    outliers: Outliers,
    state: OutlierState,
    z: Float[Array, "m d"],
    predicted: Float[Array, "m d"],
    *,
    weight: Float[Array, " m"],
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
    inlier_probability = probability(common, 1.0)
    rejected = present & (inlier_probability < 0.5)
    rejected_before = state.variance_factor > 1
    radius = 2 * jnp.maximum(outliers.inlier_log_odds, 0) * total_variance
    same_place = ((z - state.rejected_at) ** 2).sum(axis=-1) < radius
    again = rejected_before & same_place
    reacquired = rejected & again & (probability(common, state.variance_factor) >= 0.5)

    mean_square = (present[:, None] * common**2).sum() / jnp.maximum(present.sum(), 1)
    cut = together & (outliers.inlier_log_odds - 0.5 * mean_square / total_variance.mean() < 0)

    grown = VARIANCE_GROWTH * jnp.where(again, state.variance_factor, 1.0)
    variance_factor = jnp.where(rejected, grown, jnp.where(present, 1.0, state.variance_factor))
    state = OutlierState(
        variance_factor=jnp.where(reacquired | cut, 1.0, variance_factor),
        rejected_at=jnp.where(rejected[:, None], z, state.rejected_at),
    )
    return state, OutlierResult(inlier_probability, common, reacquired, cut)
