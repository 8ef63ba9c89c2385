"""A picture at all scales side by side on one canvas, so that the net runs once and is compiled once.

The finest scale is on the left, the next one, half as large, on its right, and all smaller ones in a row below that. A
tall picture is laid out the other way round. Grey lies between them, as between the close-ups of a training tile.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.detector.net import MULTIPLE, DetectorConfig
from fhr_jax.types import Size

GREY = 0.5
"""Value between the pictures."""


class Layout(NamedTuple):
    """Where each scale lies.

    Attributes:
        size: (height, width) of the canvas in pixels.
        places: top, left, height and width of each scale in pixels, the finest first.
    """

    size: Size
    places: tuple[tuple[int, int, int, int], ...]


def scales(config: DetectorConfig, side: int) -> int:
    """How many scales it takes until a face as large as the picture, whose longer side has `side` pixels, is found."""
    return max(1, 1 + math.ceil(math.log2(side / config.largest)))


def layout(size: Size, number: int) -> Layout:
    """Place `number` scales of a picture of `size` = (height, width) pixels; corners are multiples of `MULTIPLE`.

    Args:
        size: of the picture at the finest scale.
        number: of scales.
    """
    tall = size[0] > size[1]
    along, across = size if not tall else size[::-1]
    places, top, left = [(0, 0, along, across)], 0, _up(across) + MULTIPLE
    for level in range(1, number):
        along, across = along // 2, across // 2
        places.append((top, left, along, across))
        if level == 1:
            top = _up(along) + MULTIPLE
        else:
            left += _up(across) + MULTIPLE
    end, width = (max(_up(place[k] + place[k + 2]) for place in places) for k in (0, 1))
    if tall:
        return Layout((width, end), tuple((left, top, w, h) for top, left, h, w in places))
    return Layout((end, width), tuple(places))


def assemble(image: Float[Array, "h w 3"], places: Layout) -> Float[Array, "h2 w2 3"]:
    """The picture (H, W, 3), values in [0, 1], at all scales on the canvas (H', W', 3)."""
    canvas = jnp.full((*places.size, 3), GREY, image.dtype)
    for k, (top, left, _, _) in enumerate(places.places):
        if k:
            image = _halved(image)
        canvas = canvas.at[top : top + image.shape[0], left : left + image.shape[1]].set(image)
    return canvas


def scale_of_cell(places: Layout, stride: int) -> Int[np.ndarray, "h w"]:
    """The number of the scale of each cell of `stride` pixels (H'/stride, W'/stride); -1 between the pictures."""
    cells = np.full((places.size[0] // stride, places.size[1] // stride), -1)
    for k, (top, left, height, width) in enumerate(places.places):
        rows = slice(top // stride, math.ceil((top + height) / stride))
        cells[rows, left // stride : math.ceil((left + width) / stride)] = k
    return cells


def _halved(image: Float[Array, "h w 3"]) -> Float[Array, "h2 w2 3"]:
    height, width = (length - length % 2 for length in image.shape[:2])
    return image[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))


def _up(length: int) -> int:
    return math.ceil(length / MULTIPLE) * MULTIPLE
