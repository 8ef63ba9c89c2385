"""Decoders that read a larger window around the peak; offsets (B, M, 2), order (x, y), in pixels.

Windows are relative to the peak's height, so the height of the map does not matter.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.heatmap.log_ratios import LogRatios

Offsets = Float[Array, "b m 2"]


def dark_radius(sigma: float) -> int:
    """Reach of the smoothing kernel of `dark`: that of its authors (11 wide for sigma 2, 17 for sigma 3)."""
    return math.ceil(2.5 * sigma)


def dark(ratios: LogRatios, sigma: float) -> Offsets:
    """One Newton step on the log of the smoothed map (Zhang et al., CVPR 2020).

    The window has radius `dark_radius(sigma)` + 2. Derivatives are the authors' central differences. There
    is no step within two pixels of the border, nor where the log is not concave. The smoothing sees zeros
    beyond the border, as theirs does, which pulls peaks near it inwards.
    """
    middle = ratios.share.shape[-1] // 2
    taps = np.exp(-(np.arange(-(middle - 2), middle - 1) ** 2) / (2 * sigma**2))
    band = np.stack([np.convolve(np.eye(5)[i], taps / taps.sum()) for i in range(5)])
    band = jnp.asarray(band, ratios.share.dtype)
    smooth = jnp.einsum("ij,bmjk,lk->bmil", band, ratios.share, band, precision=Precision.HIGHEST)
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
    """Reach of the window of `soft_argmax`."""
    return math.ceil(2.5 * sigma)


def soft_argmax(ratios: LogRatios) -> Offsets:
    """Centre of mass of the squared positive part: a softmax of 2 ln h over the window.

    Along each axis the window shrinks until it is symmetric about the peak, so that the border does not
    pull; on a noise-free map the estimate then lies between the peak and the true centre.
    """
    middle = ratios.share.shape[-1] // 2
    reach = jnp.arange(-middle, middle + 1)
    # inside[i] and its mirror: both neighbours at that distance lie in the map.
    both = ratios.inside & ratios.inside[..., ::-1, :]
    both &= ratios.inside[..., :, ::-1]
    weights = jnp.where(both, jnp.maximum(ratios.share, 0) ** 2, 0)
    total = weights.sum(axis=(-2, -1))
    total = jnp.where(total > 0, total, 1)
    x = (weights.sum(axis=-2) * reach.reshape(1, 1, -1)).sum(axis=-1) / total
    y = (weights.sum(axis=-1) * reach.reshape(1, 1, -1)).sum(axis=-1) / total
    return jnp.stack([x, y], axis=-1)


def least_squares_radius(sigma: float) -> int:
    """Reach of the window of `least_squares`."""
    return max(1, math.ceil(1.5 * sigma))


def least_squares(ratios: LogRatios, sigma: float) -> Offsets:
    """Fit sigma^2 ln h + |c|^2 / 2, which is a plane in c with slope c_m for a Gaussian of known sigma.

    Weights are h^2, the reciprocal variance of ln h when all pixels carry equal noise. A small constant is
    added, so that narrow peaks, whose neighbours weigh nothing, keep them.
    """
    middle = ratios.share.shape[-1] // 2
    v, u = (axis.ravel() for axis in np.mgrid[-middle : middle + 1, -middle : middle + 1].astype(np.float64))
    logs, usable = (part.reshape(*part.shape[:-2], -1) for part in (ratios.logs, ratios.usable))
    weights = jnp.where(usable, jnp.exp(2 * logs) + 1e-6, 0)
    total = weights.sum(axis=-1, keepdims=True)
    weights = weights / jnp.where(total > 0, total, 1)

    # Means over the window, by two small products: of the polynomials, and of the values times 1, u and v.
    half = (u**2 + v**2) / 2
    mean_u, mean_v, mean_uu, mean_uv, mean_vv, mean_half, mean_uh, mean_vh = _means(
        weights, u, v, u * u, u * v, v * v, half, u * half, v * half
    )
    mean_log, mean_ul, mean_vl = (sigma**2 * mean for mean in _means(weights * logs, np.ones_like(u), u, v))
    t, ut, vt = mean_log + mean_half, mean_ul + mean_uh, mean_vl + mean_vh
    uu, uv, vv = mean_uu - mean_u**2, mean_uv - mean_u * mean_v, mean_vv - mean_v**2
    ut, vt = ut - mean_u * t, vt - mean_v * t

    # Missing columns or rows (a map one pixel wide, neighbours that underflow) leave an axis without a slope.
    has_u, has_v = uu > 1e-12, vv > 1e-12
    determinant = uu * vv - uv**2
    full = has_u & has_v & (determinant > 1e-4 * uu * vv)
    divisor = jnp.where(full, determinant, 1)
    x_alone = jnp.where(has_u, ut / jnp.where(has_u, uu, 1), 0)
    y_alone = jnp.where(has_v, vt / jnp.where(has_v, vv, 1), 0)
    x = jnp.where(full, (vv * ut - uv * vt) / divisor, x_alone)
    y = jnp.where(full, (uu * vt - uv * ut) / divisor, y_alone)
    return jnp.stack([x, y], axis=-1)


def _means(weights: Float[Array, "b m p"], *polynomials: np.ndarray) -> tuple[Array, ...]:
    basis = jnp.asarray(np.stack(polynomials, axis=-1), weights.dtype)
    sums = jnp.matmul(weights, basis, precision=Precision.HIGHEST)
    return tuple(sums[..., i] for i in range(len(polynomials)))
