"""From the covariance of a peak to the covariance of the landmark's error, with numbers fitted on held-out faces.

A net that is certain draws a peak as wide as its target, sigma, however exact it is; an uncertain net smears the peak.
So the covariance C of a peak (`confidence`, divided by sigma^2, so that its eigenvalues are 1 where the net is certain)
predicts the error, but not in pixels. The model is that the error follows a Student t distribution with the scale
matrix

    S = exp(log_scale_m + exponent (1 - e^(-saturation t)) / saturation) (C / sqrt(det C))^anisotropy,
    t = ln(det C) / 2.

The first factor is the size of the error; the second, of determinant 1, is its direction. The covariance of the error
is S dof / (dof - 2). `fhr_jax.calibrate` fits the numbers by maximum likelihood.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

Covariances = Float[Array, "*batch m 2 2"]


class Calibration(NamedTuple):
    """The numbers of the model that predicts the error of a net from the covariance of its peaks.

    Attributes:
        log_scale: (M,) logarithm of the scale of each landmark's error, in square crop pixels, where its peak is as
            wide as the target.
        exponent: the variance of the error grows with this power of the size of the peak, at the size of the target.
        saturation: how fast that growth slows down for larger peaks; 0 is a pure power law.
        anisotropy: exponent of the shape of the peak; 0 makes errors equally large in all directions.
        dof: degrees of freedom of the Student t distribution, more than 2; a large number is a Gaussian.
        typical: median over faces and landmarks of the predicted variance (the mean of x and y), in square crop pixels.
    """

    log_scale: Float[Array, " m"]
    exponent: Float[Array, ""]
    saturation: Float[Array, ""]
    anisotropy: Float[Array, ""]
    dof: Float[Array, ""]
    typical: Float[Array, ""]


def scale_matrix(calibration: Calibration, peak_covariance: Covariances) -> Covariances:
    """The scale matrix S of the error (..., M, 2, 2), in square crop pixels.

    Args:
        calibration: the numbers of the model.
        peak_covariance: (..., M, 2, 2), covariance of the peaks as `confidence` gives it, divided by sigma^2.
    """
    a, b, c = peak_covariance[..., 0, 0], peak_covariance[..., 0, 1], peak_covariance[..., 1, 1]
    middle = (a + c) / 2
    determinant = a * c - b * b
    # A symmetric 2 x 2 matrix is middle I + D with D^2 = radius^2 I, and its eigenvalues are sqrt(det) e^(+-z) with
    # tanh z = radius / middle. The power is then a sum of a hyperbolic cosine and sine, which is stable where D is 0.
    squared = ((a - c) / 2) ** 2 + b * b
    round_peak = squared < 1e-10 * middle**2
    radius = jnp.sqrt(jnp.where(round_peak, 1, squared))
    z = jnp.arctanh(jnp.where(round_peak, 0.5, jnp.minimum(radius / middle, 1 - 1e-6)))
    even = jnp.where(round_peak, 1, jnp.cosh(calibration.anisotropy * z))
    odd = jnp.where(round_peak, calibration.anisotropy / middle, jnp.sinh(calibration.anisotropy * z) / radius)
    traceless = jnp.stack([jnp.stack([(a - c) / 2, b], axis=-1), jnp.stack([b, (c - a) / 2], axis=-1)], axis=-2)
    eye = jnp.broadcast_to(jnp.eye(2, dtype=peak_covariance.dtype), traceless.shape)
    shape = even[..., None, None] * eye + odd[..., None, None] * traceless
    log_scale = calibration.log_scale.reshape((1,) * (determinant.ndim - 1) + (-1,))
    log_size = log_scale + calibration.exponent * _saturating(jnp.log(determinant) / 2, calibration.saturation)
    return jnp.exp(log_size)[..., None, None] * shape


def _saturating(t: Array, saturation: Array) -> Array:
    """(1 - e^(-saturation t)) / saturation, by its Taylor series where saturation is near 0."""
    small = jnp.abs(saturation) < 1e-3
    exact = -jnp.expm1(-saturation * t) / jnp.where(small, 1, saturation)
    return jnp.where(small, t - saturation * t**2 / 2, exact)


def error_covariance(calibration: Calibration, peak_covariance: Covariances) -> Covariances:
    """The covariance of the error (..., M, 2, 2) in square crop pixels.

    Args:
        calibration: the numbers of the model.
        peak_covariance: (..., M, 2, 2), covariance of the peaks as `confidence` gives it, divided by sigma^2.
    """
    return scale_matrix(calibration, peak_covariance) * (calibration.dof / (calibration.dof - 2))


def log_likelihood(
    calibration: Calibration, peak_covariance: Covariances, errors: Float[Array, "*batch m 2"]
) -> Float[Array, "*batch m"]:
    """Log density of errors (..., M, 2) in crop pixels: (..., M) in nats, the density per square crop pixel."""
    matrix, dof = scale_matrix(calibration, peak_covariance), calibration.dof
    log_determinant = jnp.log(matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] ** 2)
    density = -(dof / 2 + 1) * jnp.log1p(squared_mahalanobis(matrix, errors) / dof)
    return density - log_determinant / 2 - jnp.log(2 * jnp.pi)


def squared_mahalanobis(matrix: Covariances, errors: Float[Array, "*batch m 2"]) -> Float[Array, "*batch m"]:
    """e^T S^-1 e (..., M) of errors e (..., M, 2), with S (..., M, 2, 2) a covariance or a scale matrix."""
    x, y = errors[..., 0], errors[..., 1]
    a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    return (c * x * x - 2 * b * x * y + a * y * y) / (a * c - b * b)


def mahalanobis_quantile(dof: Float[Array, ""] | float, level: float) -> Float[Array, ""]:
    """The value () that e^T K^-1 e exceeds with probability 1 - `level`, K the covariance: 4.6 for 0.9, large dof."""
    dof = jnp.asarray(dof)
    return (dof - 2) * jnp.expm1(-2 / dof * jnp.log1p(-jnp.asarray(level, dof.dtype)))


def mean_variance(covariance: Covariances) -> Float[Array, "*batch m"]:
    """The variance of one coordinate, the mean of x and y: (..., M, 2, 2) to (..., M)."""
    return jnp.trace(covariance, axis1=-2, axis2=-1) / 2


def confidence_weights(calibration: Calibration, covariance: Covariances) -> Float[Array, "*batch m"]:
    """The weight (..., M) of each landmark, in (0, 1]: typical over predicted standard deviation, at most 1.

    These are the `confidence` of `stabilizer.step`, which divides the noise by it. On clips the jitter of a landmark
    grows with the predicted deviation. The part of the error that is the same in every frame grows with it too, but
    that part is no noise: weights by variance instead of deviation delayed the output more and made it no steadier.

    Args:
        calibration: the numbers of the model.
        covariance: (..., M, 2, 2) as `error_covariance` gives it, in square crop pixels.
    """
    return jnp.clip(jnp.sqrt(calibration.typical / mean_variance(covariance)), 1e-6, 1)
