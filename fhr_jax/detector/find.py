"""Find the faces in a picture: the net at every scale, boxes from its maps, suppression of those that overlap."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import geometry, inputs
from fhr_jax.detector.decoding import Candidates, decode
from fhr_jax.detector.detections import Detections
from fhr_jax.detector.letterbox import letterbox
from fhr_jax.detector.net import MULTIPLE, CentreNet, DetectorConfig, DetectorNet
from fhr_jax.detector.suppression import suppress


def find_faces(
    net: DetectorNet, image: UInt8[np.ndarray, "h w 3"], *, side: int | None = None, threshold: float | None = None
) -> Detections:
    """The faces in a picture, the highest score first.

    Args:
        net: the detector.
        image: RGB bytes (H, W, 3).
        side: longer side in pixels to which the picture is resized; the smallest face that is found is about
            `net.config.smallest` pixels there. None: that of the net.
        threshold: lowest score; None: that of the net.

    Raises:
        InputError: the image is no array of RGB bytes.
    """
    inputs.check_image(image)
    side = net.config.side if side is None else side
    threshold = net.config.threshold if threshold is None else threshold
    boxed = letterbox(image, side=side)
    found = _candidates(net.variables, jnp.asarray(boxed.canvas), net.config, scales(net.config, side))
    boxes, scores = (np.asarray(array, np.float64) for array in found)
    likely = scores >= threshold
    boxes, scores = boxes[likely], scores[likely]
    kept = suppress(boxes, scores)
    return Detections(boxed.to_image(boxes[kept]), scores[kept])


def scales(config: DetectorConfig, side: int) -> int:
    """How many scales it takes until a face as large as the picture, whose longer side has `side` pixels, is found."""
    return max(1, 1 + math.ceil(math.log2(side / config.largest)))


@partial(jax.jit, static_argnames=("config", "number"))
def _candidates(variables: Any, canvas: Array, config: DetectorConfig, number: int) -> Candidates:
    """Boxes in pixels of the canvas and their scores, from all scales."""
    image = canvas.astype(jnp.float32) / 255
    parts = []
    for level in range(number):
        if level:
            image = _halved(image)
        parts.append(_at_one_scale(variables, image, config, 2**level))
    return Candidates(*(jnp.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _at_one_scale(variables: Any, image: Float[Array, "h w 3"], config: DetectorConfig, scale: int) -> Candidates:
    padding = [(0, -length % MULTIPLE) for length in image.shape[:2]]
    padded = jnp.pad(image, (*padding, (0, 0)), constant_values=0.5)
    found = decode(CentreNet(config).apply(variables, padded[None])[0], config)
    corner = geometry.resize_points(found.boxes[:, :2], scale)
    return Candidates(jnp.concatenate([corner, scale * found.boxes[:, 2:]], axis=-1), found.scores)


def _halved(image: Float[Array, "h w 3"]) -> Float[Array, "h2 w2 3"]:
    height, width = (length - length % 2 for length in image.shape[:2])
    return image[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
