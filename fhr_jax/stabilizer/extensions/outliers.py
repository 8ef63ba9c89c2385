"""Extension: a heavy-tailed likelihood, so that a point thrown far out does not carry its landmark away.

A detector mostly errs by the noise of the model, and now and then by anything. The likelihood of a point is then a
Gaussian with a flat tail, and the probability that it belongs to the Gaussian is

    trust = sigmoid( odds - |r|^2 / (2 s) ),     s = P + N + reach^2

with r how far it lies from where it was expected *with the common motion of the face* (`common.py`; found by
reweighting, so that thrown points do not steer it), P and N the variances of prior and noise at that point, and
reach what a part of the face may do by itself in a frame (a blink). odds and reach are learned. An observation counts
by its trust.

Not to lose a landmark for ever, a point that is refused is expected in a wider place each time it is seen about
where it was the last time; and if the whole face is somewhere else at once, it is a cut, and all starts anew. Where
hardly any points move as one, they are all over the place: that is no cut, and they have nothing in common.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer.bijectors import inverse_softplus
from fhr_jax.stabilizer.extensions.common_motion import common_motion

PATIENCE = 4.0
"""Factor by which the variance grows each time that a point is refused in the same place."""

ROUNDS = 3
"""Of the reweighting."""

TOGETHER = 3
"""More than one in so many points has to move as one, to be a common motion at all."""


class Outliers(NamedTuple):
    """Parameters of the extension.

    Attributes:
        inlier_log_odds: log odds that a point which lies where it was expected belongs to the Gaussian.
        scale: standard deviation of what a point does by itself, units of the parameters, more than 0.
    """

    inlier_log_odds: Float[Array, ""]
    scale: Float[Array, ""]


class OutlierState(NamedTuple):
    """What is kept between frames, for each point.

    Attributes:
        width: factor on the variance, at least 1.
        place: where it was when it was last refused, units of the track.
    """

    width: Float[Array, " m"]
    place: Float[Array, "m d"]


class OutlierResult(NamedTuple):
    """What to make of a frame.

    Attributes:
        trust: (M,) in [0, 1].
        common: (M, d) the common motion, units of the track.
        anew: (M,) points that come back from elsewhere: they start where they are.
        cut: () the whole face is elsewhere.
    """

    trust: Float[Array, " m"]
    common: Float[Array, "m d"]
    anew: Bool[Array, " m"]
    cut: Bool[Array, ""]


def init_state(points: int, dims: int, like: Float[Array, ""]) -> OutlierState:
    """No state."""
    return OutlierState(jnp.ones_like(like, shape=(points,)), jnp.zeros_like(like, shape=(points, dims)))


def unconstrain(outliers: Outliers) -> Outliers:
    """Unconstrained values for a fit."""
    return Outliers(outliers.inlier_log_odds, inverse_softplus(outliers.scale))


def constrain(free: Outliers) -> Outliers:
    """Parameters from unconstrained values."""
    return Outliers(free.inlier_log_odds, jax.nn.softplus(free.scale))


def detect(
    outliers: Outliers,
    state: OutlierState,
    z: Float[Array, "m d"],
    predicted: Float[Array, "m d"],
    weight: Float[Array, " m"],
    variance: Float[Array, " m"],
    scale: Float[Array, ""],
) -> tuple[OutlierState, OutlierResult]:
    """Judge one frame.

    Args:
        outliers: the parameters.
        state: from the last frame.
        z: observed points, units of the track.
        predicted: where they were expected.
        weight: (M,) confidence; 0 for points that are missing or have no past.
        variance: (M,) P + N of a coordinate, units of the parameters squared.
        scale: units of the track in one unit of the parameters.
    """
    moved = z - predicted
    narrow = (variance + outliers.scale**2) * scale**2

    def off(common: Array) -> Array:
        return ((moved - common) ** 2).sum(axis=-1) / narrow

    def trusted(common: Array, width: Array | float) -> Array:
        return jax.nn.sigmoid(outliers.inlier_log_odds - 0.5 * off(common) / width)

    # Where nothing is believed at first, as after a cut, all count alike, and then those that agree best.
    common = common_motion(moved, predicted, weight * (trusted(jnp.zeros_like(moved), 1.0) + 1e-3))
    for _ in range(ROUNDS - 1):
        common = common_motion(moved, predicted, weight * (trusted(common, 1.0) + 1e-3 / (1 + off(common))))

    here = weight > 0
    # Points that are all over the place have nothing in common, whatever fits a few of them.
    together = TOGETHER * (here & (trusted(common, 1.0) >= 0.5)).sum() > here.sum()
    common = jnp.where(together, common, 0)
    trust = trusted(common, 1.0)
    refused = here & (trust < 0.5)
    doubted = state.width > 1
    near = ((z - state.place) ** 2).sum(axis=-1) < 2 * jnp.maximum(outliers.inlier_log_odds, 0) * narrow
    # A throw to yet another place is not what the wider place was waited for.
    anew = refused & doubted & near & (trusted(common, state.width) >= 0.5)

    far = (here[:, None] * common**2).sum() / jnp.maximum(here.sum(), 1)
    cut = together & (outliers.inlier_log_odds - 0.5 * far / narrow.mean() < 0)

    wider = PATIENCE * jnp.where(doubted & near, state.width, 1.0)
    width = jnp.where(refused, wider, jnp.where(here, 1.0, state.width))
    settled = anew | cut
    state = OutlierState(jnp.where(settled, 1.0, width), jnp.where(refused[:, None], z, state.place))
    return state, OutlierResult(trust, common, anew, cut)
