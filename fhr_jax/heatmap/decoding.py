"""Heatmaps to points: Eq. 3 and 4, and the decoders that users compare them with.

| decoder | reads | noise-free error (px per axis) |
|---|---|---|
| argmax | the peak | 1/2 |
| quarter_shift | peak, 2 neighbours per axis | 1/4; 1/2 at the border |
| fractional | peak, 1 neighbour per axis (Eq. 4) | 0 |
| two_sided | peak, 2 neighbours per axis | 0 |
| parabola | peak, 2 neighbours per axis, no sigma | 0 |
| least_squares | window of radius 1.5 sigma | 0 |
| maximum_likelihood | window of radius 2.5 sigma | 0 |
| soft_argmax | window of radius 2.5 sigma | 0.02 where the window fits in the map, else 1/2 |
| dark | window of radius 2.5 sigma + 2 | 0.02 where the window fits in the map, else 3/2 |
| paper_unclamped | as fractional | 0, but unbounded at the right and bottom border |

"0" means at most 1e-3 px in float32, for every point of [-1/2, W - 1/2] x [-1/2, H - 1/2]. The exception is an axis of
one pixel, because a single pixel holds no fraction. With sigma below 0.75 px `maximum_likelihood` is
`least_squares`, the default; docs/decoders.md says why, and when to use which decoder.
"""

from functools import partial
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.choices import Decoder
from fhr_jax.errors import InputError
from fhr_jax.heatmap import log_ratios, maximum_likelihood, neighbours, peak, windowed
from fhr_jax.types import Heatmaps, Points

DECODERS: tuple[Decoder, ...] = get_args(Decoder)


def decode(heatmaps: Heatmaps, *, sigma: float = 3.0, decoder: str = "least_squares", logits: bool = False) -> Points:
    """Find the centre of the Gaussian in every map.

    With `logits` the maps are logarithms, as a net puts them out that was trained by cross-entropy against the
    normalized Gaussian (`losses.cross_entropy`). The result is that of decoding exp(logits), but nothing underflows;
    `fractional` (Eq. 4), `two_sided` and the fit of `least_squares` are linear in the logits.

    For any input (zeros, constants, negatives, some NaN, infinities, any height) the result of every decoder but
    `paper_unclamped` is finite and at most one pixel per axis from the highest pixel; that of `maximum_likelihood` lies
    in its window, since noise can lift a pixel several steps from the centre of a wide Gaussian. Without a positive
    peak the result is the highest pixel. If several pixels are equally high, the first in reading order is the peak.
    NaN is never the peak; of a map that holds nothing else the point is NaN. Gradients with respect to the maps are
    finite. The position of the peak has no gradient, so `argmax` and `quarter_shift` have gradient 0.

    Args:
        heatmaps: (..., H, W, M), any float type; computed in float32 or better.
        sigma: standard deviation in heatmap pixels with which the maps were encoded, a Python number.
        decoder: one of `DECODERS`.
        logits: the maps are logarithms, each up to a constant. Not for `paper_unclamped`, which clamps values.

    Returns:
        Points (..., M, 2) in heatmap pixels, order (x, y).

    Raises:
        InputError: unknown decoder, `sigma` not positive, maps with fewer than three axes or without pixels, or
            `paper_unclamped` with `logits`.
    """
    if decoder not in DECODERS:
        raise InputError(f"heatmap.decode: unknown decoder {decoder!r}, expected one of {', '.join(DECODERS)}")
    if logits and decoder == "paper_unclamped":
        raise InputError("heatmap.decode: decoder 'paper_unclamped' needs heatmaps, expected logits=False")
    check_heatmaps(heatmaps, sigma, "decode")
    if 0 in heatmaps.shape:
        return jnp.zeros((*heatmaps.shape[:-3], heatmaps.shape[-1], 2), jnp.promote_types(heatmaps.dtype, jnp.float32))
    return _decode(heatmaps, sigma=float(sigma), decoder=decoder, logits=logits)


def check_heatmaps(heatmaps: Array, sigma: float, function: str) -> None:
    """Raise InputError where `heatmaps`, expected (..., H, W, M), or `sigma` cannot be decoded."""
    if not sigma > 0:
        raise InputError(f"heatmap.{function}: sigma is {sigma}, expected a positive number of heatmap pixels")
    if not isinstance(heatmaps, np.ndarray | jax.Array):
        raise InputError(f"heatmap.{function}: got {type(heatmaps).__name__}, expected an array of maps (..., H, W, M)")
    if heatmaps.ndim < 3 or 0 in heatmaps.shape[-3:-1]:
        raise InputError(f"heatmap.{function}: got shape {heatmaps.shape}, expected maps (..., H, W, M) with pixels")


def as_batch(heatmaps: Heatmaps) -> Float[Array, "b h w m"]:
    """Reshape heatmaps (..., H, W, M), of any unit, to (B, H, W, M), in float32 or better."""
    dtype = jnp.promote_types(heatmaps.dtype, jnp.float32)
    return heatmaps.astype(dtype).reshape(-1, *heatmaps.shape[-3:])


@partial(jax.jit, static_argnames=("sigma", "decoder", "logits"))
def _decode(heatmaps: Heatmaps, *, sigma: float, decoder: str, logits: bool) -> Points:
    maps = as_batch(heatmaps)
    top = peak.find(maps)
    position = jnp.stack([top.x, top.y], axis=-1).astype(maps.dtype)
    if decoder == "maximum_likelihood" and sigma >= maximum_likelihood.MIN_SIGMA:
        points = position + fit_windows(maps, top, sigma, logits).offset
    elif decoder == "paper_unclamped":
        points = neighbours.paper_unclamped(peak.window(maps, top, 1), position, sigma)
    else:
        points = position + _bounded(_offsets(maps, top, sigma, decoder, logits))
    # The first pixel of a map of NaN is no landmark.
    points = jnp.where(jnp.isnan(top.value)[..., None], jnp.nan, points)
    return points.reshape(*heatmaps.shape[:-3], heatmaps.shape[-1], 2)


def fit_windows(maps: Array, top: peak.Peak, sigma: float, logits: bool) -> maximum_likelihood.WindowFit:
    """The most likely Gaussian in a window about each peak.

    Args:
        maps: (B, H, W, M), in any unit.
        top: their peaks.
        sigma: standard deviation of the Gaussian in pixels.
        logits: the maps are logarithms.
    """
    window = log_ratios.from_window(peak.window(maps, top, maximum_likelihood.radius(sigma)), logits=logits)
    return maximum_likelihood.fit(window.ratios, window.inside, sigma)


def _offsets(maps: Array, top: peak.Peak, sigma: float, decoder: str, logits: bool) -> windowed.Offsets:
    def ratios(radius: int) -> log_ratios.LogRatios:
        return log_ratios.from_window(peak.window(maps, top, radius), logits=logits)

    def cross() -> neighbours.NeighbourLogRatios:
        return neighbours.neighbour_log_ratios(ratios(1))

    match decoder:
        case "argmax":
            return jnp.zeros((*top.x.shape, 2), maps.dtype)
        case "quarter_shift":
            return neighbours.quarter_shift(peak.window(maps, top, 1))
        case "fractional":
            return neighbours.fractional(cross(), sigma)
        case "two_sided":
            return neighbours.two_sided(cross(), sigma)
        case "parabola":
            return neighbours.parabola(cross(), sigma)
        case "dark":
            return windowed.dark(ratios(windowed.dark_radius(sigma) + 2), sigma)
        case "soft_argmax":
            return windowed.soft_argmax(ratios(windowed.soft_argmax_radius(sigma)))
        case _:
            return windowed.least_squares(ratios(windowed.least_squares_radius(sigma)), sigma)


def _bounded(offset: Array) -> Array:
    """At most one pixel from the peak: the centre of a true Gaussian is at most half a pixel away."""
    return jnp.clip(jnp.where(jnp.isfinite(offset), offset, 0), -1, 1)
