"""Crops to landmarks: the network with its mirror image, its decoder and its calibration."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import geometry, heatmap, inputs
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Calibration, Method
from fhr_jax.hourglass import Config, Hourglass
from fhr_jax.markup import FACE7, FACE68
from fhr_jax.weights import Net

MARKUPS = {markup.size: markup for markup in (FACE68, FACE7)}
"""Of nets, by their number of landmarks: the pairs to exchange in mirrored pictures."""
CALIBRATED: Method = "least_squares"
"""The decoder with which nets are calibrated."""


class Prediction(NamedTuple):
    """What a net says of B crops.

    Attributes:
        points: landmarks (B, M, 2) in crop pixels.
        confidence: height of their peaks (B, M) in [0, 1], about 1 where the net is sure.
        covariance: (B, M, 2, 2) in square crop pixels, order (x, y): of the error of each landmark if the net is
            calibrated (`Net.calibration`) and used as it was then (`mirror`, `CALIBRATED`); else the peak's spread.
    """

    points: Float[Array, "b m 2"]
    confidence: Float[Array, "b m"]
    covariance: Float[Array, "b m 2 2"]


def predict(
    net: Net,
    crops: Float[Array, "b s s 3"],
    *,
    mirror: bool = True,
    method: Method = CALIBRATED,
    dtype: Any = jnp.float32,
) -> Prediction:
    """Crops with values in [0, 1] to landmarks.

    Args:
        net: the network.
        crops: (B, S, S, 3) with S = net.config.crop.
        mirror: average the heatmaps with those of the mirrored crops, as the authors do; of nets trained by
            cross-entropy the logarithms of the probabilities.
        method: of `heatmap.decode`.
        dtype: of the network's computation; `jnp.bfloat16` is faster on GPU and TPU. Maps and what is read from them
            are float32.

    Raises:
        InputError: crops of another size or type, or with NaN; or `mirror` for a number of landmarks without a known
            markup.
    """
    side = net.config.crop
    inputs.check_crops(crops, side)
    if mirror and net.config.landmarks not in MARKUPS:
        raise InputError(f"mirror averaging of {net.config.landmarks} landmarks: known for 68 and 7; pass mirror=False")
    if crops.shape[0] == 0:
        one = predict(net, jnp.zeros((1, side, side, 3)), mirror=mirror, method=method, dtype=dtype)
        return jax.tree.map(lambda leaf: leaf[:0], one)
    calibration = net.calibration if mirror and method == CALIBRATED else None
    return _predict(net.variables, calibration, crops, net.config, net.loss, mirror, method, jnp.dtype(dtype))


BATCH = 16
"""`predict_all` looks at so many crops at a time."""


def predict_all(net: Net, crops: Float[Array, "n s s 3"] | UInt8[np.ndarray, "n s s 3"], **options: Any) -> Prediction:
    """`predict` for any number of crops (bytes, or values in [0, 1]), with one compiled program for all numbers."""
    inputs.check_crops(crops, net.config.crop, or_bytes=True)
    number, scale = len(crops), 255 if crops.dtype == np.uint8 else 1
    if not number:
        return predict(net, jnp.zeros(crops.shape), **options)
    order = np.arange(-(-number // BATCH) * BATCH) % number
    parts = [predict(net, jnp.asarray(crops[i], jnp.float32) / scale, **options) for i in order.reshape(-1, BATCH)]
    return Prediction(*(jnp.concatenate(leaves)[:number] for leaves in zip(*parts, strict=True)))


def heatmaps(
    net: Net, crops: Float[Array, "b s s 3"], *, mirror: bool = True, dtype: Any = jnp.float32
) -> Float[Array, "b h w m"]:
    """The maps of the net without negative values; of logits the probabilities, 1 being the peak of a Gaussian.

    Not compiled by itself; arguments as for `predict`.
    """
    seen = _seen(net.variables, crops, net.config, mirror, dtype)
    if net.loss == "squared":
        return jnp.maximum(seen.maps, 0)
    return 2 * jnp.pi * net.config.sigma**2 * jnp.exp(seen.maps - seen.normalizer[:, None, None, :])


@partial(jax.jit, static_argnums=(3, 4, 5, 6, 7))
def _predict(
    variables: Any,
    calibration: Calibration | None,
    crops: Array,
    config: Config,
    loss: str,
    mirror: bool,
    method: Method,
    dtype: Any,
) -> Prediction:
    seen = _seen(variables, crops, config, mirror, dtype)
    if loss == "squared":
        maps, logits = jnp.maximum(seen.maps, 0), False  # after the average, as the authors do
        height = maps.max(axis=(1, 2))
    else:
        # The height of the softmax, in units of the peak of a Gaussian of unit mass.
        maps, logits = seen.maps, True
        height = 2 * jnp.pi * config.sigma**2 * jnp.exp(maps.max(axis=(1, 2)) - seen.normalizer)
    to_crop = geometry.resize((config.heatmap, config.heatmap), (config.crop, config.crop))
    points = geometry.apply(to_crop, heatmap.decode(maps, sigma=config.sigma, method=method, logits=logits))
    spread = heatmap.confidence(maps, sigma=config.sigma, logits=logits).covariance
    if calibration is None:
        covariance = spread * (config.crop / config.heatmap) ** 2
    else:
        covariance = heatmap.error_covariance(calibration, spread / config.sigma**2)
    return Prediction(points, jnp.clip(height, 0, 1), covariance)


class _Seen(NamedTuple):
    """Maps of the last stack (B, H, W, M), and the logarithm of what their exponentials sum to (B, M).

    Of two views both are the mean, so that of logits their difference is the mean logarithm of the probabilities:
    where the views disagree, its height falls.
    """

    maps: Float[Array, "b h w m"]
    normalizer: Float[Array, "b m"]


def _seen(variables: Any, crops: Array, config: Config, mirror: bool, dtype: Any) -> _Seen:
    """The net on the crops; with `mirror` on their mirror images first, one after the other to save memory."""

    def look(images: Array) -> _Seen:
        maps = jnp.asarray(Hourglass(config, dtype).apply(variables, images))[-1]
        return _Seen(maps, jax.nn.logsumexp(maps, axis=(1, 2)))

    if not mirror:
        return look(crops)
    names = np.array(MARKUPS[config.landmarks].flip)

    def view(carry: tuple[_Seen, Array], _: None) -> tuple[tuple[_Seen, Array], None]:
        # What was seen so far is mirrored with the picture, so that twice the same step ends where it began.
        total, images = carry
        turned, images = _Seen(total.maps[:, :, ::-1, names], total.normalizer[:, names]), images[:, :, ::-1]
        return (jax.tree.map(lambda old, new: old + new / 2, turned, look(images)), images), None

    shape = (crops.shape[0], config.heatmap, config.heatmap, config.landmarks)
    nothing = _Seen(jnp.zeros(shape), jnp.zeros((shape[0], shape[-1])))
    return jax.lax.scan(view, (nothing, crops), length=2)[0][0]
