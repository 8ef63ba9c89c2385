"""Box -> affine map -> crop: `warp` on the device, with gradients; `extract` on the host, antialiased.

Both take the map from image to crop (`geometry.square_crop` makes it) and read the image at the inverse image
of each crop pixel's centre, so a landmark at p lies at exactly ``geometry.apply(affine, p)`` in the crop.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import geometry
from fhr_jax.types import Affine

MAX_SAMPLES = 16
"""`extract` takes at most this many samples a crop pixel and axis; beyond that it has some alias."""
MAX_FINER = 32
"""`extract` makes an image at most this many times finer before it warps it."""


def warp(image: Float[Array, "h w c"], affine: Affine, *, size: int) -> Float[Array, "{size} {size} c"]:
    """Bilinear crop with gradients for the image and the map.

    Args:
        image: values in any range.
        affine: takes pixels (x, y) of the image to pixels of the crop.
        size: width and height of the crop in pixels.

    Returns:
        The crop. Pixels outside the image count as zero, so its edge fades over one pixel. Nothing is
        averaged: where the map shrinks the image by more than about 2, blur it first or use `extract`.
    """
    height, width, _ = image.shape
    centres = jnp.arange(size, dtype=affine.dtype)
    x, y = jnp.meshgrid(centres, centres)
    grid = jnp.stack([x.ravel(), y.ravel()], axis=-1)
    source = geometry.apply(geometry.invert(affine), grid)
    # Far outside everything is zero; the clip keeps the cast to integers defined there.
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
    """Crop of an image on the host: where it shrinks, the mean over the area of each crop pixel.

    A crop pixel is the mean of k x k bilinear samples on a regular grid inside it, with k the smallest
    integer that leaves no gap of more than one image pixel between samples (k = 1 where the image grows).
    The grid is symmetric about the pixel's centre, so landmarks stay exact and mirroring commutes with
    cropping. OpenCV rounds places to 1/32 pixel: an image that grows is made finer by a whole factor first, so
    that these are pixels of the crop.

    Args:
        image: RGB, 0-255.
        affine: takes pixels (x, y) of the image to pixels of the crop; not singular.
        size: width and height of the crop in pixels.

    Returns:
        The crop, black outside the image.
    """
    import cv2

    affine = np.asarray(affine, np.float64)
    shrink = np.linalg.norm(np.linalg.inv(affine[:, :2]), ord=2)
    samples = min(max(math.ceil(shrink - 1e-3), 1), MAX_SAMPLES)
    # Pixel u of the crop is the pixels k u ... k u + k - 1 of the sample grid, hence the half pixels.
    to_samples = affine * samples
    to_samples[:, 2] += (samples - 1) / 2
    image, origin = _needed(image, to_samples, size * samples)
    to_samples[:, 2] += to_samples[:, :2] @ origin
    if samples == 1:
        image, to_samples = _finer(image, to_samples)
    sampled = cv2.warpAffine(image, to_samples, (size * samples, size * samples), flags=cv2.INTER_LINEAR)
    return cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA) if samples > 1 else sampled


def to_image(affines: Float[np.ndarray, "n 2 3"], points: Float[np.ndarray, "n m 2"]) -> Float[np.ndarray, "n m 2"]:
    """Points of upright crops (N, M, 2) in the pixels of their images, in float64: images may be large.

    `affines` (N, 2, 3) take pixels of the images to pixels of the crops.
    """
    affines = np.asarray(affines, np.float64)
    return (points - affines[:, None, :, 2]) / affines[:, None, [0, 1], [0, 1]]


def _finer(image: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image with about the pixels of the crop, where the map makes it grow; and the map from there."""
    import cv2

    growth = np.linalg.norm(affine[:, :2], ord=2)
    if growth < 1.5:
        return image, affine
    factor = min(math.ceil(growth), MAX_FINER)
    # With a black pixel around, so that the edge of an image fades over one of its pixels as it would without this.
    image = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    linear = affine[:, :2] / factor
    return image, np.column_stack([linear, affine[:, 2] + linear @ np.full(2, 0.5 - 1.5 * factor)])


def _needed(image: np.ndarray, affine: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image that the crop sees, and its origin (x, y): OpenCV warps no side over 32766."""
    inverse = np.linalg.inv(affine[:, :2])
    corners = np.array([[u, v] for u in (0, size - 1) for v in (0, size - 1)]) - affine[:, 2]
    corners = corners @ inverse.T
    limit = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 3, low + 1, limit).astype(int)
    return np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), low
