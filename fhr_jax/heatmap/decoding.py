"""Heatmaps to points: Eq. 3 and 4, and the decoders that users compare them with.

| method | reads | noise-free error (px per axis) |
|---|---|---|
| argmax | the peak | 1/2 |
| quarter | peak, 2 neighbours an axis | 1/4; 1/2 at the border |
| fractional | peak, 1 neighbour an axis (Eq. 4) | 0 |
| two_sided | peak, 2 neighbours an axis | 0 |
| parabola | peak, 2 neighbours an axis, no sigma | 0 |
| least_squares | window of radius 1.5 sigma | 0 |
| soft_argmax | window of radius 2.5 sigma | 0.02 where the window fits in the map, else 1/2 |
| dark | window of radius 2.5 sigma + 2 | 0.02 where the window fits in the map, else 3/2 |
| unguarded | as fractional | 0, but any at the right and bottom border |

"0" means at most 1e-3 px in float32, for every point of [-1/2, W - 1/2] x [-1/2, H - 1/2], an axis of one
pixel excepted (a single pixel holds no fraction). `least_squares` is the default; docs/decoders.md says why, and
which to use when.
"""

from functools import partial
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.heatmap import log_ratios, neighbours, peak, windowed
from fhr_jax.types import Heatmaps, Points

Method = Literal[
    "argmax",
    "quarter",
    "fractional",
    "unguarded",
    "two_sided",
    "parabola",
    "dark",
    "soft_argmax",
    "least_squares",
]
METHODS: tuple[Method, ...] = get_args(Method)


def decode(heatmaps: Heatmaps, *, sigma: float = 3.0, method: str = "least_squares", logits: bool = False) -> Points:
    """Find the centre of the Gaussian in every map.

    With `logits` the maps are read in the log domain, as a net puts them out that was trained by
    cross-entropy against the normalized Gaussian (`losses.cross_entropy`): the result is that of decoding
    exp(logits), but nothing underflows, and `fractional` (Eq. 4), `two_sided` and the fit of `least_squares`
    are linear in the logits.

    Whatever the input (zeros, constants, negatives, NaN, infinities, any height), the result of every
    method but `unguarded` is finite and at most one pixel per axis from the highest pixel; without a
    positive peak it is that pixel. Of equal pixels the first in reading order is the peak; NaN is never it.
    Gradients with respect to the maps are finite too; the peak's pixel itself has none, so `argmax` and
    `quarter` have gradient 0.

    Args:
        heatmaps: (..., H, W, M), any float type; computed in float32 or better.
        sigma: standard deviation in heatmap pixels with which the maps were encoded, a Python number.
        method: one of `METHODS`.
        logits: the maps are logarithms, each up to a constant; not for `unguarded`, which clamps values.

    Returns:
        Points (..., M, 2) in heatmap pixels, order (x, y).

    Raises:
        InputError: unknown method, `sigma` not positive, maps with fewer than three axes or without pixels,
            `unguarded` with `logits`.
    """
    if method not in METHODS:
        raise InputError(f"heatmap.decode: method {method!r} is none of {', '.join(METHODS)}")
    if logits and method == "unguarded":
        raise InputError("heatmap.decode: method 'unguarded' reads maps, expected logits=False with it")
    check(heatmaps, sigma, "decode")
    return _decode(heatmaps, sigma=float(sigma), method=method, logits=logits)


def check(heatmaps: Array, sigma: float, function: str) -> None:
    """Raise InputError where `heatmaps` or `sigma` cannot be decoded."""
    if not sigma > 0:
        raise InputError(f"heatmap.{function}: sigma {sigma} must be positive, in heatmap pixels")
    if not isinstance(heatmaps, np.ndarray | jax.Array):
        raise InputError(f"heatmap.{function}: a {type(heatmaps).__name__}, expected an array of maps (..., H, W, M)")
    if heatmaps.ndim < 3 or 0 in heatmaps.shape[-3:-1]:
        raise InputError(f"heatmap.{function}: expected maps (..., H, W, M) with pixels, got {heatmaps.shape}")


def as_batch(heatmaps: Heatmaps) -> Float[Array, "b h w m"]:
    """One leading axis, float32 or better."""
    dtype = jnp.promote_types(heatmaps.dtype, jnp.float32)
    return heatmaps.astype(dtype).reshape(-1, *heatmaps.shape[-3:])


@partial(jax.jit, static_argnames=("sigma", "method", "logits"))
def _decode(heatmaps: Heatmaps, *, sigma: float, method: str, logits: bool) -> Points:
    maps = as_batch(heatmaps)
    top = peak.find(maps)
    position = jnp.stack([top.x, top.y], axis=-1).astype(maps.dtype)
    if method == "unguarded":
        points = neighbours.paper_unclamped(peak.window(maps, top, 1), position, sigma)
    else:
        points = position + _guard(_offsets(maps, top, sigma, method, logits))
    return points.reshape(*heatmaps.shape[:-3], heatmaps.shape[-1], 2)


def _offsets(maps: Array, top: peak.Peak, sigma: float, method: str, logits: bool) -> windowed.Offsets:
    def around(radius: int) -> log_ratios.LogRatios:
        return log_ratios.of(peak.window(maps, top, radius), logits=logits)

    match method:
        case "argmax":
            return jnp.zeros((*top.x.shape, 2), maps.dtype)
        case "quarter":
            return neighbours.quarter_shift(peak.window(maps, top, 1))
        case "fractional":
            return neighbours.fractional(neighbours.sides(around(1)), sigma)
        case "two_sided":
            return neighbours.two_sided(neighbours.sides(around(1)), sigma)
        case "parabola":
            return neighbours.parabola(neighbours.sides(around(1)), sigma)
        case "dark":
            return windowed.dark(around(windowed.dark_radius(sigma) + 2), sigma)
        case "soft_argmax":
            return windowed.soft_argmax(around(windowed.soft_argmax_radius(sigma)))
        case _:
            return windowed.least_squares(around(windowed.least_squares_radius(sigma)), sigma)


def _guard(offset: Array) -> Array:
    """Never more than one pixel from the peak: a true Gaussian's centre is at most half a pixel away."""
    return jnp.clip(jnp.where(jnp.isfinite(offset), offset, 0), -1, 1)
