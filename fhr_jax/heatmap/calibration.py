"""From the spread of a peak to the covariance of the landmark's error, by a few numbers fitted on held-out faces.

A net that is sure draws a peak as wide as its target, sigma, however exact it is; one that is not smears it. So the
spread C of a peak (`confidence`, in units of sigma^2, whose eigenvalues are 1 where the net is sure) tells the error,
but not in pixels. The error is taken to follow a Student t distribution with the scale matrix

    S = exp(level_m + size (1 - e^(-bend t)) / bend) (C / sqrt(det C))^shape,    t = ln(det C) / 2,

whose first factor says how large the error is and the second, of determinant 1, in which direction. Its covariance is
S tail / (tail - 2). `fhr_jax.calibrate` fits the numbers by likelihood.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

Covariances = Float[Array, "*batch m 2 2"]


class Calibration(NamedTuple):
    """What links spread and error of a net.

    Attributes:
        level: (M,) logarithm of the scale of each landmark's error, in square crop pixels, where its peak is as wide as
            the target.
        size: by what power the variance grows with the size of the peak, at the size of the target.
        bend: how soon it grows less: 0 never.
        shape: exponent of its shape: 0 makes errors alike in all directions.
        tail: degrees of freedom of the Student t distribution, more than 2; a large number is a Gaussian.
        typical: median over faces and landmarks of the predicted variance (the mean of x and y), in square crop pixels.
    """

    level: Float[Array, " m"]
    size: Float[Array, ""]
    bend: Float[Array, ""]
    shape: Float[Array, ""]
    tail: Float[Array, ""]
    typical: Float[Array, ""]


def scale(calibration: Calibration, spread: Covariances) -> Covariances:
    """The scale matrix S of the error (..., M, 2, 2), in square crop pixels.

    Args:
        calibration: the numbers.
        spread: covariance of the peaks as `confidence` gives it, divided by sigma^2.
    """
    a, b, c = spread[..., 0, 0], spread[..., 0, 1], spread[..., 1, 1]
    middle = (a + c) / 2
    determinant = a * c - b * b
    # A symmetric 2 x 2 matrix is middle I + D with D^2 = radius^2 I, and its eigenvalues are sqrt(det) e^(+-z) with
    # tanh z = radius / middle. The power is then the sum of a hyperbolic cosine and sine, even where D vanishes.
    squared = ((a - c) / 2) ** 2 + b * b
    alike = squared < 1e-10 * middle**2
    radius = jnp.sqrt(jnp.where(alike, 1, squared))
    z = jnp.arctanh(jnp.where(alike, 0.5, jnp.minimum(radius / middle, 1 - 1e-6)))
    even = jnp.where(alike, 1, jnp.cosh(calibration.shape * z))
    odd = jnp.where(alike, calibration.shape / middle, jnp.sinh(calibration.shape * z) / radius)
    off = jnp.stack([jnp.stack([(a - c) / 2, b], axis=-1), jnp.stack([b, (c - a) / 2], axis=-1)], axis=-2)
    eye = jnp.broadcast_to(jnp.eye(2, dtype=spread.dtype), off.shape)
    power = even[..., None, None] * eye + odd[..., None, None] * off
    level = calibration.level.reshape((1,) * (determinant.ndim - 1) + (-1,))
    grown = level + calibration.size * _bent(jnp.log(determinant) / 2, calibration.bend)
    return jnp.exp(grown)[..., None, None] * power


def _bent(t: Array, bend: Array) -> Array:
    """(1 - e^(-bend t)) / bend, and t where bend vanishes."""
    straight = jnp.abs(bend) < 1e-3
    curve = -jnp.expm1(-bend * t) / jnp.where(straight, 1, bend)
    return jnp.where(straight, t - bend * t**2 / 2, curve)


def error_covariance(calibration: Calibration, spread: Covariances) -> Covariances:
    """The covariance of the error (..., M, 2, 2) in square crop pixels; for `spread` see `scale`."""
    return scale(calibration, spread) * (calibration.tail / (calibration.tail - 2))


def log_likelihood(
    calibration: Calibration, spread: Covariances, errors: Float[Array, "*batch m 2"]
) -> Float[Array, "*batch m"]:
    """Of errors (..., M, 2) in crop pixels, in nats each, their density being in square crop pixels."""
    matrix, tail = scale(calibration, spread), calibration.tail
    log_determinant = jnp.log(matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] ** 2)
    density = -(tail / 2 + 1) * jnp.log1p(squared_distance(matrix, errors) / tail)
    return density - log_determinant / 2 - jnp.log(2 * jnp.pi)


def squared_distance(matrix: Covariances, errors: Float[Array, "*batch m 2"]) -> Float[Array, "*batch m"]:
    """e^T S^-1 e of every error, S a covariance or a scale matrix."""
    x, y = errors[..., 0], errors[..., 1]
    a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    return (c * x * x - 2 * b * x * y + a * y * y) / (a * c - b * b)


def quantile(tail: Float[Array, ""] | float, share: float) -> Float[Array, ""]:
    """Which e^T K^-1 e, K the covariance, that share of the errors stays below: 4.6 for 90 % if `tail` is large."""
    tail = jnp.asarray(tail)
    return (tail - 2) * jnp.expm1(-2 / tail * jnp.log1p(-jnp.asarray(share, tail.dtype)))


def variance(covariance: Covariances) -> Float[Array, "*batch m"]:
    """Of one coordinate, the mean of x and y."""
    return jnp.trace(covariance, axis1=-2, axis2=-1) / 2


def confidence_weights(calibration: Calibration, covariance: Covariances) -> Float[Array, "*batch m"]:
    """How far to trust each landmark, in (0, 1]: its typical standard deviation over the predicted one, at most 1.

    That is the `confidence` of `stabilizer.step`, whose noise is 1 / confidence times as large. On clips the jitter
    of a landmark grows with the predicted deviation, but so does what is wrong with it in every frame alike, which
    noise is not: weights by variances made the output later, and no steadier than these.
    """
    return jnp.clip(jnp.sqrt(calibration.typical / variance(covariance)), 1e-6, 1)
