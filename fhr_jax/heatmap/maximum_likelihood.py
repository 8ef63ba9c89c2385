"""The decoder of maximum likelihood: the Gaussian of known width that explains the window around the peak best.

With independent noise on every pixel, the most likely centre p and height a minimise sum_c (h(c) - a g_p(c))^2 over the
window, where g_p is the Gaussian about p. The best height for a centre is a = <h, g_p> / <g_p, g_p>, which leaves

    maximise  <h, g_p>^2 / <g_p, g_p>  where  <h, g_p> > 0.

Gauss-Newton steps from the highest pixel do that. With the height eliminated (variable projection, Golub and Pereyra
1973), a step compares two weighted means of the pixels c along an axis:

    p' = p + sigma^2 / Var (mean of c with weights h g_p  -  mean of c with weights g_p^2),    Var by weights g_p^2.

In a window that holds the whole Gaussian, Var is sigma^2 / 2, and without noise one step from anywhere is exact.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

MIN_SIGMA = 0.75
"""Pixels. Of a narrower Gaussian hardly more than one pixel stands out, and the steps go too far."""

STEPS = 4
"""Gauss-Newton steps."""


class WindowFit(NamedTuple):
    """The most likely Gaussian in a window.

    Attributes:
        offset: (B, M, 2) of its centre from the middle of the window, order (x, y), in pixels, inside the window; 0
            where no pixel rises.
        height: (B, M) a, in units of the values; 0 where no pixel rises.
        information: (B, M, 2) Fisher information of the centre along both axes, for noise of variance 1 in the units of
            the values; 0 where the pixels do not determine it. There is none between the axes.
        residual: (B, M) mean square of what the Gaussian leaves, by degrees of freedom, in squared units of the values.
    """

    offset: Float[Array, "b m 2"]
    height: Float[Array, "b m"]
    information: Float[Array, "b m 2"]
    residual: Float[Array, "b m"]


def radius(sigma: float) -> int:
    """Radius in pixels of the window."""
    return math.ceil(2.5 * sigma)


def fit(values: Float[Array, "b m k k"], inside: Bool[Array, "b m k k"], sigma: float) -> WindowFit:
    """Fit the Gaussian to windows around the highest pixels.

    Args:
        values: (B, M, k, k), rows before columns, in units of the highest pixel, finite; 0 outside the map.
        inside: (B, M, k, k) which pixels lie in the map.
        sigma: standard deviation of the Gaussian in pixels, at least `MIN_SIGMA`.
    """
    middle = values.shape[-1] // 2
    # Landmarks come last: the sums over a window then run along memory for all of them.
    window = jnp.moveaxis(values, 1, 3)
    lines = jnp.stack([inside[..., middle, :], inside[..., :, middle]], axis=1)
    lines = jnp.moveaxis(lines, 2, 3).astype(values.dtype)
    farthest = max(sigma, 1.0)
    centre = jnp.zeros_like(window, shape=(window.shape[0], 2, window.shape[-1]))
    for _ in range(STEPS):
        step = jnp.clip(_sums(window, lines, centre, sigma).step, -farthest, farthest)
        # Else the compiler computes the profiles below once for every pixel.
        centre = lax.optimization_barrier(jnp.clip(centre + step, -middle, middle))
    sums = _sums(window, lines, centre, sigma)
    # A single value, beside others that are missing, is no Gaussian.
    found = sums.found & ((window != 0).sum(axis=(1, 2)) > 1)
    height = jnp.where(found, sums.correlation / jnp.maximum(sums.norm, 1e-30), 0)
    left = (window**2).sum(axis=(1, 2)) - height * sums.correlation
    number = lines.sum(axis=2).prod(axis=1)
    return WindowFit(
        offset=jnp.moveaxis(jnp.where(found[:, None], centre, 0), 1, 2),
        height=height,
        information=jnp.moveaxis((height**2 * sums.norm)[:, None] * sums.variance / sigma**4, 1, 2),
        residual=jnp.maximum(left, 0) / jnp.maximum(number - 3, 1),
    )


class _Sums(NamedTuple):
    """Sums over a window (B, M), and by axis (B, 2, M)."""

    step: Array
    correlation: Array
    norm: Array
    variance: Array
    found: Array


def _sums(window: Array, lines: Array, centre: Array, sigma: float) -> _Sums:
    """The step from a centre (B, 2, M), and what the Gaussian there explains of windows (B, k, k, M)."""
    batch, size, _, landmarks = window.shape
    steps = np.arange(size) - size // 2
    pixels = jnp.asarray(steps, window.dtype).reshape(1, 1, -1, 1)
    profiles = lax.optimization_barrier(jnp.exp(-0.5 * ((pixels - centre[:, :, None]) / sigma) ** 2))
    over_x, over_y = profiles[:, 0], profiles[:, 1]
    weights = (window * over_y[:, :, None] * over_x[:, None]).reshape(batch, size**2, landmarks)
    ones, x, y = np.ones(size**2), np.tile(steps, size), np.repeat(steps, size)
    correlation, *along = _products(np.stack([ones, x, y]), weights)
    norms, first, second = _products(np.stack([steps**0, steps, steps**2]), lines * profiles**2)
    norms = jnp.maximum(norms, 1e-30)
    mean = first / norms
    variance = second / norms - mean**2
    found, known = correlation > 1e-6, variance > 1e-4  # an axis of one pixel holds no fraction
    pull = jnp.stack(along, axis=1) / jnp.where(found, correlation, 1)[:, None] - mean
    step = jnp.where(found[:, None] & known, sigma**2 * pull / jnp.where(known, variance, 1), 0)
    return _Sums(step, correlation, norms[:, 0] * norms[:, 1], jnp.where(known, variance, 0), found)


def _products(rows: np.ndarray, values: Float[Array, "*b k m"]) -> list[Array]:
    """Sums of values (..., k, M) along k with the weights of each row (R, k)."""
    sums = jnp.einsum("rk,...km->r...m", jnp.asarray(rows, values.dtype), values, precision=Precision.HIGHEST)
    return [sums[i] for i in range(len(rows))]
