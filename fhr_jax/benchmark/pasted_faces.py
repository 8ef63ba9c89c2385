"""Photographed faces pasted into larger procedural pictures at random: a test of face detectors."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax import geometry
from fhr_jax.data.scenes.backgrounds import background

MAX_ROLL = 45.0
"""Largest rotation in degrees, in addition to that of the face in its photograph."""
FEATHER = 0.12
"""Width of the soft edge of a pasted photograph over its side."""


class PastedFace(NamedTuple):
    """A picture with one face.

    Attributes:
        image: (H, W, 3), RGB bytes.
        box: of the landmarks (4,): x, y, width, height in pixels.
    """

    image: UInt8[np.ndarray, "h w 3"]
    box: Float[np.ndarray, "4"]


def paste(
    rng: np.random.Generator,
    photograph: UInt8[np.ndarray, "h w 3"],
    points: Float[np.ndarray, "m 2"],
    *,
    size: tuple[int, int],
    face_sizes: tuple[float, float],
) -> PastedFace:
    """Paste a photograph of a face into a procedural background.

    Args:
        rng: the source of randomness.
        photograph: RGB bytes (H, W, 3), cut to the face and what is around it.
        points: its landmarks (M, 2), pixels (x, y).
        size: (height, width) of the picture in pixels.
        face_sizes: smallest and largest longer side of the landmarks' box in pixels, before it is rotated; the
            logarithm is uniform. A box that would not fit into the picture is smaller.
    """
    import cv2

    height, width = size
    picture = background(rng, height, width)
    _, _, wide, tall = geometry.box_of(points)
    wanted = float(np.exp(rng.uniform(*np.log(face_sizes))))
    roll, scale = np.radians(rng.uniform(-MAX_ROLL, MAX_ROLL)), wanted / max(wide, tall)
    linear = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    turned = geometry.box_of(points @ linear.T)
    scale = min(scale, 0.98 * width / turned[2], 0.98 * height / turned[3])
    corner = rng.uniform(0, 1, 2) * (np.array([width - 1, height - 1]) - scale * turned[2:])
    affine = np.column_stack([scale * linear, corner - scale * turned[:2]])
    box = geometry.box_of(points @ affine[:, :2].T + affine[:, 2]).astype(np.float64)
    shrink = max(1, int(1 / scale))
    small = (max(1, photograph.shape[1] // shrink), max(1, photograph.shape[0] // shrink))
    factors = np.array([photograph.shape[1] / small[0], photograph.shape[0] / small[1]])
    smaller = cv2.resize(photograph, small, interpolation=cv2.INTER_AREA) if shrink > 1 else photograph
    shifted = affine[:, 2] + affine[:, :2] @ geometry.resize_shift(factors)
    affine = np.column_stack([affine[:, :2] * factors[None], shifted])
    mask = _soft_edge(smaller.shape[0], smaller.shape[1])
    pasted = cv2.warpAffine(smaller, affine, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(mask, affine, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    return PastedFace(
        np.round(picture + alpha * (pasted.astype(np.float32) - picture)).clip(0, 255).astype(np.uint8), box
    )


def _soft_edge(height: int, width: int) -> np.ndarray:
    """Opacity (H, W) that falls to 0 at the edges."""
    down, across = (np.minimum(np.arange(n) + 0.5, n - 0.5 - np.arange(n)) / (FEATHER * n) for n in (height, width))
    return np.minimum(np.minimum(down[:, None], across[None]), 1).astype(np.float32)
