"""Decoders that read a larger window around the peak; offsets (B, M, 2), order (x, y), in pixels.

Windows are relative to the height of the peak, so the height of the map does not matter.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.heatmap.log_ratios import LogRatios

Offsets = Float[Array, "b m 2"]


def dark_radius(sigma: float) -> int:
    """Radius in pixels of the smoothing kernel of `dark`, as its authors choose it: 11 wide for sigma 2, 17 for 3."""
    return math.ceil(2.5 * sigma)


def dark(ratios: LogRatios, sigma: float) -> Offsets:
    """One Newton step on the log of the smoothed map (Zhang et al., CVPR 2020).

    Returns offsets (B, M, 2). The window (B, M, k, k) has radius `dark_radius(sigma)` + 2. Derivatives are the authors'
    central differences. The offset is 0 within two pixels of the border and where the log is not concave. As in the
    authors' code, the smoothing sees zeros beyond the border, which pulls peaks near it inwards.
    """
    middle = ratios.ratios.shape[-1] // 2
    taps = np.exp(-(np.arange(-(middle - 2), middle - 1) ** 2) / (2 * sigma**2))
    band = np.stack([np.convolve(np.eye(5)[i], taps / taps.sum()) for i in range(5)])
    band = jnp.asarray(band, ratios.ratios.dtype)
    smooth = jnp.einsum("ij,bmjk,lk->bmil", band, ratios.ratios, band, precision=Precision.HIGHEST)
    logs = jnp.log(jnp.maximum(smooth, 1e-10))

    gradient_x = (logs[..., 2, 3] - logs[..., 2, 1]) / 2
    gradient_y = (logs[..., 3, 2] - logs[..., 1, 2]) / 2
    xx = (logs[..., 2, 4] - 2 * logs[..., 2, 2] + logs[..., 2, 0]) / 4
    yy = (logs[..., 4, 2] - 2 * logs[..., 2, 2] + logs[..., 0, 2]) / 4
    xy = (logs[..., 3, 3] - logs[..., 1, 3] - logs[..., 3, 1] + logs[..., 1, 1]) / 4
    determinant = xx * yy - xy**2
    inside = ratios.inside[..., middle - 2 : middle + 3, middle - 2 : middle + 3].all(axis=(-2, -1))
    concave = inside & (xx < 0) & (yy < 0) & (determinant > jnp.finfo(determinant.dtype).eps ** 2)
    divisor = jnp.where(concave, determinant, 1)
    x = jnp.where(concave, (xy * gradient_y - yy * gradient_x) / divisor, 0)
    y = jnp.where(concave, (xy * gradient_x - xx * gradient_y) / divisor, 0)
    return jnp.stack([x, y], axis=-1)


def soft_argmax_radius(sigma: float) -> int:
    """Radius in pixels of the window of `soft_argmax`."""
    return math.ceil(2.5 * sigma)


def soft_argmax(ratios: LogRatios) -> Offsets:
    """Centre of mass of the squared positive values, which is a softmax of 2 ln h over the window (B, M, k, k).

    Returns offsets (B, M, 2). Near the border the window shrinks along each axis until it is symmetric about the peak,
    so that the border does not bias the result. On a noise-free map the estimate then lies between the peak and the
    true centre.
    """
    middle = ratios.ratios.shape[-1] // 2
    steps = jnp.arange(-middle, middle + 1)
    # A pixel counts if its mirror images about the peak lie in the map too.
    symmetric = ratios.inside & ratios.inside[..., ::-1, :]
    symmetric &= ratios.inside[..., :, ::-1]
    weights = jnp.where(symmetric, jnp.maximum(ratios.ratios, 0) ** 2, 0)
    total = weights.sum(axis=(-2, -1))
    total = jnp.where(total > 0, total, 1)
    x = (weights.sum(axis=-2) * steps.reshape(1, 1, -1)).sum(axis=-1) / total
    y = (weights.sum(axis=-1) * steps.reshape(1, 1, -1)).sum(axis=-1) / total
    return jnp.stack([x, y], axis=-1)


def least_squares_radius(sigma: float) -> int:
    """Radius in pixels of the window of `least_squares`."""
    return max(1, math.ceil(1.5 * sigma))


def least_squares(ratios: LogRatios, sigma: float) -> Offsets:
    """Weighted least-squares fit of a plane to sigma^2 ln h + |c|^2 / 2; its slope is the centre of the Gaussian.

    Returns offsets (B, M, 2) from a window (B, M, k, k). Weights are h^2, the reciprocal variance of ln h when all
    pixels have equal noise. A small constant is added to them, so that the neighbours of a narrow peak still count.
    """
    middle = ratios.ratios.shape[-1] // 2
    v, u = (axis.ravel() for axis in np.mgrid[-middle : middle + 1, -middle : middle + 1].astype(np.float64))
    logs, valid = (part.reshape(*part.shape[:-2], -1) for part in (ratios.logs, ratios.valid))
    weights = jnp.where(valid, jnp.exp(2 * logs) + 1e-6, 0)
    total = weights.sum(axis=-1, keepdims=True)
    weights = weights / jnp.where(total > 0, total, 1)

    # Weighted means over the window by two small products: of the polynomials, and of the values times 1, u and v.
    half = (u**2 + v**2) / 2
    mean_u, mean_v, mean_uu, mean_uv, mean_vv, mean_half, mean_uh, mean_vh = _means(
        weights, u, v, u * u, u * v, v * v, half, u * half, v * half
    )
    mean_log, mean_ul, mean_vl = (sigma**2 * mean for mean in _means(weights * logs, np.ones_like(u), u, v))
    t, ut, vt = mean_log + mean_half, mean_ul + mean_uh, mean_vl + mean_vh
    uu, uv, vv = mean_uu - mean_u**2, mean_uv - mean_u * mean_v, mean_vv - mean_v**2
    ut, vt = ut - mean_u * t, vt - mean_v * t

    # An axis has no slope if its columns or rows are missing: a map one pixel wide, neighbours that underflow.
    has_u, has_v = uu > 1e-12, vv > 1e-12
    determinant = uu * vv - uv**2
    full = has_u & has_v & (determinant > 1e-4 * uu * vv)
    divisor = jnp.where(full, determinant, 1)
    x_only = jnp.where(has_u, ut / jnp.where(has_u, uu, 1), 0)
    y_only = jnp.where(has_v, vt / jnp.where(has_v, vv, 1), 0)
    x = jnp.where(full, (vv * ut - uv * vt) / divisor, x_only)
    y = jnp.where(full, (uu * vt - uv * ut) / divisor, y_only)
    return jnp.stack([x, y], axis=-1)


def _means(weights: Float[Array, "b m p"], *polynomials: np.ndarray) -> tuple[Array, ...]:
    basis = jnp.asarray(np.stack(polynomials, axis=-1), weights.dtype)
    sums = jnp.matmul(weights, basis, precision=Precision.HIGHEST)
    return tuple(sums[..., i] for i in range(len(polynomials)))
