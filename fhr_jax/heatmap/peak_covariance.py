"""What a heatmap says of its own certainty: the height and the spread of its peak."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.heatmap import decoding, log_ratios, neighbours, peak
from fhr_jax.types import Heatmaps

PIXEL = 1 / 12  # variance of the uniform distribution over one pixel


class Confidence(NamedTuple):
    """Certainty of each landmark, as the map shows it.

    Attributes:
        peak: the map's highest value (..., M); of logits that of their softmax, in units of the peak of a Gaussian of
            unit mass. 1 for a map that `encode` drew and for its logarithm (with logits twice that where the border
            cuts it in half), 0 if the map has no finite value.
        covariance: spread of the peak (..., M, 2, 2) in square pixels, order (x, y), positive definite;
            close to sigma^2 times the identity for a map that `encode` drew (up to a third less where the
            border cuts it).
    """

    peak: Float[Array, "*batch m"]
    covariance: Float[Array, "*batch m 2 2"]


def confidence(heatmaps: Heatmaps, *, sigma: float = 3.0, logits: bool = False) -> Confidence:
    """Height and covariance of the peak of every map (..., H, W, M).

    The covariance holds the second moments of the positive values about the decoded point, in a window of
    radius 3 sigma; it grows when the net smears a landmark over several places, along the direction of the
    smear.

    Neither is an error in pixels: the covariance is that of the map, which a perfect net keeps at sigma^2 however
    exact it is. Use both to rank landmarks and to weigh them against each other; `calibrate` makes the covariance of
    the error of it, by numbers that `fhr_jax.calibrate` fits on held-out faces.

    Always finite. Without a positive peak the window counts as uniform: the widest spread that it can show.

    Args:
        heatmaps: (..., H, W, M), any float type.
        sigma: standard deviation in heatmap pixels with which the maps were encoded.
        logits: the maps are logarithms, each up to a constant, as for `decode`.

    Raises:
        InputError: `sigma` not positive, maps with fewer than three axes or without pixels.
    """
    decoding.check(heatmaps, sigma, "confidence")
    return _confidence(heatmaps, sigma=float(sigma), logits=logits)


@partial(jax.jit, static_argnames=("sigma", "logits"))
def _confidence(heatmaps: Heatmaps, *, sigma: float, logits: bool) -> Confidence:
    maps = decoding.as_batch(heatmaps)
    radius = math.ceil(3 * sigma)
    top = peak.find(maps)
    window = log_ratios.of(peak.window(maps, top, radius), logits=logits)
    centre = jnp.clip(neighbours.two_sided(neighbours.sides(window), sigma), -0.5, 0.5)[..., None, None]

    positive = jnp.maximum(window.share, 0)
    peaked = positive.sum(axis=(-2, -1), keepdims=True) > 0
    weights = jnp.where(peaked, positive, window.inside.astype(maps.dtype))
    weights = weights / weights.sum(axis=(-2, -1), keepdims=True)
    reach = jnp.arange(-radius, radius + 1, dtype=maps.dtype)
    u, v = reach.reshape(1, 1, 1, -1) - centre[:, :, 0], reach.reshape(1, 1, -1, 1) - centre[:, :, 1]
    xx, xy, yy = ((weights * product).sum(axis=(-2, -1)) for product in (u * u, u * v, v * v))
    # Each pixel stands for a unit square, whose own spread keeps the matrix positive definite.
    xx, yy = xx + PIXEL, yy + PIXEL
    rows = jnp.stack([jnp.stack([xx, xy], axis=-1), jnp.stack([xy, yy], axis=-1)], axis=-2)
    rows = rows * _correction(sigma, radius)

    shape = (*heatmaps.shape[:-3], heatmaps.shape[-1])
    height = _softmax_peak(maps, top.value, sigma) if logits else top.value
    height = jnp.where(jnp.isneginf(height), 0, jnp.nan_to_num(height))
    return Confidence(peak=height.reshape(shape), covariance=rows.reshape(*shape, 2, 2))


def _softmax_peak(maps: peak.Maps, highest: Float[Array, "b m"], sigma: float) -> Float[Array, "b m"]:
    """The highest value of the softmax over that of a Gaussian of unit mass; 0 if no value is finite, or one +inf."""
    is_peak = jnp.isfinite(highest)
    below = maps - jnp.where(is_peak, highest, 0)[:, None, None]
    below = jnp.where(jnp.isnan(maps) | ~is_peak[:, None, None], -jnp.inf, below)
    total = jnp.exp(below).sum(axis=(1, 2))
    return jnp.where(is_peak, 2 * math.pi * sigma**2 / jnp.where(is_peak, total, 1), 0)


def _correction(sigma: float, radius: int) -> float:
    """What makes the result sigma^2 for a Gaussian on a pixel: the window cuts tails, pixels add theirs."""
    steps = np.arange(-radius, radius + 1)
    mass = np.exp(-(steps**2) / (2 * sigma**2))
    return float(sigma**2 / ((mass * steps**2).sum() / mass.sum() + PIXEL))
