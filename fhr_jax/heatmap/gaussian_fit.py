"""The most likely Gaussian in every map: centre, height, noise, and the covariance that the noise implies."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.heatmap import decoding, maximum_likelihood, peak
from fhr_jax.types import Heatmaps, Points


class GaussianFit(NamedTuple):
    """The most likely Gaussian in the window of each map, and how exact it is.

    Attributes:
        points: (..., M, 2) centres in heatmap pixels, order (x, y): those of the decoder `maximum_likelihood`.
        height: (..., M) of the Gaussian, relative to the highest pixel; 0 for a map without a positive peak.
        noise: (..., M) standard deviation of what the Gaussian leaves in the window, relative to the highest pixel.
        covariance: (..., M, 2, 2) of the error of the centre in square pixels, if that noise is independent from pixel
            to pixel; infinite where the pixels do not determine the centre. The noise of a net is smooth, so its errors
            are larger: `error_covariance` predicts those.
    """

    points: Points
    height: Float[Array, "*batch m"]
    noise: Float[Array, "*batch m"]
    covariance: Float[Array, "*batch m 2 2"]


def fit_gaussians(heatmaps: Heatmaps, *, sigma: float = 3.0, logits: bool = False) -> GaussianFit:
    """Fit a Gaussian of known width to the window about the peak of every map (..., H, W, M).

    The covariance is that of Cramer and Rao for the height and the noise that were found (`cramer_rao.py`).

    Args:
        heatmaps: (..., H, W, M), any float type; computed in float32 or better.
        sigma: standard deviation in heatmap pixels with which the maps were encoded, at least 0.75.
        logits: the maps are logarithms, each up to a constant, as for `decode`.

    Raises:
        InputError: `sigma` below 0.75, maps with fewer than three axes or without pixels.
    """
    decoding.check_heatmaps(heatmaps, sigma, "fit_gaussians")
    if sigma < maximum_likelihood.MIN_SIGMA:
        raise InputError(
            f"heatmap.fit_gaussians: sigma is {sigma}, expected at least {maximum_likelihood.MIN_SIGMA} heatmap pixels"
        )
    return _fit(heatmaps, sigma=float(sigma), logits=logits)


@partial(jax.jit, static_argnames=("sigma", "logits"))
def _fit(heatmaps: Heatmaps, *, sigma: float, logits: bool) -> GaussianFit:
    maps = decoding.as_batch(heatmaps)
    top = peak.find(maps)
    found = decoding.fit_windows(maps, top, sigma, logits)
    determined = (found.height[..., None] > 0) & (found.information > 0)
    variance = found.residual[..., None] / jnp.where(determined, found.information, 1)
    variance = jnp.where(determined, variance, jnp.inf)[..., None]
    covariance = jnp.where(jnp.eye(2, dtype=bool)[None, None], variance, 0)
    shape = (*heatmaps.shape[:-3], heatmaps.shape[-1])
    points = jnp.stack([top.x, top.y], axis=-1) + found.offset
    return GaussianFit(
        points=points.reshape(*shape, 2),
        height=found.height.reshape(shape),
        noise=jnp.sqrt(jnp.maximum(found.residual, 1e-30)).reshape(shape),
        covariance=covariance.reshape(*shape, 2, 2),
    )
