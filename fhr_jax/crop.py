"""Crop an image by an affine map: `warp` on the device, with gradients; `extract` on the host, antialiased.

Both take the map from image to crop (`geometry.square_crop` makes it) and sample the image at the inverse image of the
centre of each crop pixel. So a landmark at p lies at exactly ``geometry.apply(affine, p)`` in the crop.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import geometry
from fhr_jax.types import Affine

MAX_SAMPLES = 16
"""Largest number of samples for a crop pixel and axis in `extract`; stronger shrinking aliases somewhat."""
MAX_UPSAMPLING = 32
"""Largest factor by which `extract` upsamples an image before it warps it."""


def warp(image: Float[Array, "h w c"], affine: Affine, *, size: int) -> Float[Array, "{size} {size} c"]:
    """Bilinear crop, differentiable in the image and the map.

    Args:
        image: (H, W, C), values in any range.
        affine: map (2, 3) from pixels (x, y) of the image to pixels of the crop.
        size: side S of the crop in pixels.

    Returns:
        The crop (S, S, C). Pixels outside the image are zero, so its edge fades over one pixel. Nothing is averaged:
        where the map shrinks the image by more than about 2, blur it first or use `extract`.
    """
    height, width, _ = image.shape
    centres = jnp.arange(size, dtype=affine.dtype)
    x, y = jnp.meshgrid(centres, centres)
    grid = jnp.stack([x.ravel(), y.ravel()], axis=-1)
    source = geometry.apply(geometry.invert(affine), grid)
    # Everything far outside is zero; clipping keeps the cast to integers defined there.
    low = jnp.clip(jnp.floor(source), -2.0, float(max(height, width)) + 1)
    fraction = source - low
    left, top = low[:, 0].astype(jnp.int32), low[:, 1].astype(jnp.int32)

    crop = jnp.zeros((size * size, image.shape[-1]), image.dtype)
    for dx in (0, 1):
        for dy in (0, 1):
            column, row = left + dx, top + dy
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            pixel = image[jnp.clip(row, 0, height - 1), jnp.clip(column, 0, width - 1)]
            weight_x = fraction[:, 0] if dx else 1 - fraction[:, 0]
            weight_y = fraction[:, 1] if dy else 1 - fraction[:, 1]
            weight = jnp.where(inside, weight_x * weight_y, 0)
            crop += pixel * weight[:, None].astype(image.dtype)
    return crop.reshape(size, size, -1)


def extract(
    image: UInt8[np.ndarray, "h w 3"], affine: Float[np.ndarray, "2 3"] | Affine, size: int
) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Antialiased crop of an image on the host.

    A crop pixel is the mean of k x k bilinear samples on a regular grid inside it. k is the smallest integer that
    leaves at most one image pixel between samples; k = 1 where the image is enlarged. The grid is symmetric about the
    centre of the pixel, so landmarks stay exact and mirroring commutes with cropping. OpenCV rounds coordinates to 1/32
    pixel, so an image that is enlarged is first upsampled by an integer factor; the rounding is then in pixels of the
    crop.

    Args:
        image: RGB bytes (H, W, 3).
        affine: map (2, 3) from pixels (x, y) of the image to pixels of the crop; not singular.
        size: side S of the crop in pixels.

    Returns:
        The crop (S, S, 3), black outside the image.
    """
    import cv2

    affine = np.asarray(affine, np.float64)
    shrink = np.linalg.norm(np.linalg.inv(affine[:, :2]), ord=2)
    samples = min(max(math.ceil(shrink - 1e-3), 1), MAX_SAMPLES)
    # Pixel u of the crop is pixels k u to k u + k - 1 of the sample grid, hence the half-pixel shift.
    to_samples = affine * samples
    to_samples[:, 2] += geometry.resize_shift(samples)
    image, origin = _visible_part(image, to_samples, size * samples)
    to_samples[:, 2] += to_samples[:, :2] @ origin
    if samples == 1:
        image, to_samples = _upsample(image, to_samples)
    sampled = cv2.warpAffine(image, to_samples, (size * samples, size * samples), flags=cv2.INTER_LINEAR)
    return cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA) if samples > 1 else sampled


def to_image(affines: Float[np.ndarray, "n 2 3"], points: Float[np.ndarray, "n m 2"]) -> Float[np.ndarray, "n m 2"]:
    """Landmarks of upright crops in the pixels of their images, in float64 because images may be large.

    Args:
        affines: maps (N, 2, 3) from pixels of the images to pixels of the crops, without rotation.
        points: landmarks (N, M, 2), pixels (x, y) of the crops.

    Returns:
        Landmarks (N, M, 2), pixels (x, y) of the images.
    """
    affines = np.asarray(affines, np.float64)
    return (points - affines[:, None, :, 2]) / affines[:, None, [0, 1], [0, 1]]


def _upsample(image: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upsample an image that the map enlarges; returns it with the map from its pixels."""
    import cv2

    growth = np.linalg.norm(affine[:, :2], ord=2)
    if growth < 1.5:
        return image, affine
    factor = min(math.ceil(growth), MAX_UPSAMPLING)
    # A black border of one pixel makes the edge of the image fade over one of its pixels, as without upsampling.
    image = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    linear = affine[:, :2] / factor
    return image, np.column_stack([linear, affine[:, 2] + linear @ np.full(2, -factor - geometry.resize_shift(factor))])


def _visible_part(image: np.ndarray, affine: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image that the crop shows, and its origin (x, y): OpenCV warps no side over 32766 pixels."""
    inverse = np.linalg.inv(affine[:, :2])
    corners = np.array([[u, v] for u in (0, size - 1) for v in (0, size - 1)]) - affine[:, 2]
    corners = corners @ inverse.T
    limit = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 3, low + 1, limit).astype(int)
    return np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), low
