"""How certain a heatmap is: the height of its peak and the covariance of its values around it."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.heatmap import decoding, log_ratios, neighbours, peak
from fhr_jax.types import Heatmaps

PIXEL_VARIANCE = 1 / 12
"""Variance of the uniform distribution over one pixel."""


class Confidence(NamedTuple):
    """Height and covariance of the peak of each landmark's map.

    Attributes:
        peak: the highest value of the map (..., M). Of logits it is the highest value of their softmax, in units of the
            peak of a Gaussian of unit mass. 1 for a map that `encode` drew and for its logarithm (with logits twice
            that where the border cuts the Gaussian in half); 0 if the map has no finite value.
        covariance: covariance of the peak (..., M, 2, 2) in square pixels, order (x, y), positive definite. Close to
            sigma^2 times the identity for a map that `encode` drew, and up to a third less where the border cuts it.
    """

    peak: Float[Array, "*batch m"]
    covariance: Float[Array, "*batch m 2 2"]


def confidence(heatmaps: Heatmaps, *, sigma: float = 3.0, logits: bool = False) -> Confidence:
    """Height and covariance of the peak of every map (..., H, W, M).

    The covariance holds the second moments of the positive values about the decoded point, in a window of radius
    3 sigma. It grows, along the direction of the smear, where the net smears a landmark over several places.

    Neither result is an error in pixels: a perfect net keeps the covariance of the map at sigma^2 however exact it is.
    Use both to rank landmarks and to weigh them against each other. `error_covariance` computes the covariance of the
    error from it, with numbers that `fhr_jax.calibrate` fits on held-out faces.

    The result is always finite. Without a positive peak the window counts as uniform, which gives the largest
    covariance that the window can show.

    Args:
        heatmaps: (..., H, W, M), any float type.
        sigma: standard deviation in heatmap pixels with which the maps were encoded.
        logits: the maps are logarithms, each up to a constant, as for `decode`.

    Raises:
        InputError: `sigma` not positive, maps with fewer than three axes or without pixels.
    """
    decoding.check_heatmaps(heatmaps, sigma, "confidence")
    return _confidence(heatmaps, sigma=float(sigma), logits=logits)


@partial(jax.jit, static_argnames=("sigma", "logits"))
def _confidence(heatmaps: Heatmaps, *, sigma: float, logits: bool) -> Confidence:
    maps = decoding.as_batch(heatmaps)
    radius = math.ceil(3 * sigma)
    top = peak.find(maps)
    window = log_ratios.from_window(peak.window(maps, top, radius), logits=logits)
    centre = jnp.clip(neighbours.two_sided(neighbours.neighbour_log_ratios(window), sigma), -0.5, 0.5)[..., None, None]

    positive = jnp.maximum(window.ratios, 0)
    has_peak = positive.sum(axis=(-2, -1), keepdims=True) > 0
    weights = jnp.where(has_peak, positive, window.inside.astype(maps.dtype))
    weights = weights / weights.sum(axis=(-2, -1), keepdims=True)
    steps = jnp.arange(-radius, radius + 1, dtype=maps.dtype)
    u, v = steps.reshape(1, 1, 1, -1) - centre[:, :, 0], steps.reshape(1, 1, -1, 1) - centre[:, :, 1]
    xx, xy, yy = ((weights * product).sum(axis=(-2, -1)) for product in (u * u, u * v, v * v))
    # Each pixel stands for a unit square, whose own variance keeps the matrix positive definite.
    xx, yy = xx + PIXEL_VARIANCE, yy + PIXEL_VARIANCE
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
    """The factor that makes the variance of a Gaussian centred on a pixel sigma^2: the window cuts off its tails."""
    steps = np.arange(-radius, radius + 1)
    mass = np.exp(-(steps**2) / (2 * sigma**2))
    return float(sigma**2 / ((mass * steps**2).sum() / mass.sum() + PIXEL_VARIANCE))
