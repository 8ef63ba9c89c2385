"""Random augmentation of a crop: similarity, mirror, colour, blur, low resolution, noise, JPEG, occluders, borders.

All functions are pure and work under `jit` and `vmap` over keys. Images are (S, S, 3) in [0, 1], landmarks (M, 2) in
pixels (x, y). The geometric part moves landmarks by the same map as pixels. A net trained on synthetic faces needs the
photometric part to work on photographs, so the defaults are strong. An image takes about 2 ms of one CPU core at
128 px, 12 ms at 256 px.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, UInt32

from fhr_jax import crop, geometry
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68, Markup
from fhr_jax.types import Affine

Key = PRNGKeyArray | UInt32[Array, "2"]
Image = Float[Array, "size size 3"]

_GREY = np.array([0.299, 0.587, 0.114])
# YCbCr of JPEG, without the offset of 128.
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
# Quantization tables of the JPEG standard, Annex K.
_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMA = np.full((8, 8), 99)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


class Photometric(NamedTuple):
    """Strengths and probabilities of `photometric`; in `OFF` all are off.

    Logarithms are normal draws clipped at two standard deviations; all else is uniform.

    Attributes:
        brightness: largest shift of all values, in either direction; 0 is off.
        contrast: standard deviation of the logarithm of the contrast, about the mean grey; 0 is off.
        gamma: standard deviation of the logarithm of gamma; 0 is off.
        cast: standard deviation of the logarithm of each channel's gain; 0 is off.
        grey: probability of a grey image.
        blur: largest standard deviation of a Gaussian, in pixels of a 128 px crop; up to 1.4 times that along one axis,
            and as much less along the other.
        blur_chance: probability of blur.
        downscale: largest factor of low resolution (averaged down, interpolated up); the smallest is 1.
        downscale_chance: probability of low resolution.
        noise: largest standard deviation of noise (small values are likelier), partly equal in all channels.
        noise_chance: probability of noise.
        quality: range of the JPEG quality, 1 to 100.
        jpeg_chance: probability of compression.
        cutout: largest side of an occluder, in sides of the crop; the smallest is 0.15 times as long.
        cutout_chance: probability of an occluder.
        saturation: range of the saturation of an image that is not grey; (1, 1) is off.
        border: largest width of a black border, in sides of the crop (small values are likelier); see `augment.border`.
        border_chance: probability of a border at a horizontal side, and again at a vertical one. Crops of photographs
            have borders where a face lies at the edge of the picture, so it is off by default.
    """

    brightness: float = 0.15
    contrast: float = 0.25
    gamma: float = 0.25
    cast: float = 0.08
    grey: float = 0.15
    blur: float = 2.0
    blur_chance: float = 0.5
    downscale: float = 4.0
    downscale_chance: float = 0.35
    noise: float = 0.06
    noise_chance: float = 0.6
    quality: tuple[float, float] = (12.0, 90.0)
    jpeg_chance: float = 0.5
    cutout: float = 0.45
    cutout_chance: float = 0.15
    saturation: tuple[float, float] = (0.4, 1.4)
    border: float = 0.3
    border_chance: float = 0.0


COVERING = 0.3
"""Share of the borders that may cover landmarks, if these are known."""

_OFF: dict[str, Any] = dict.fromkeys(("brightness", "contrast", "gamma", "cast", "grey"), 0.0)
_OFF |= {name: 0.0 for name in Photometric._fields if name.endswith("_chance")} | {"saturation": (1.0, 1.0)}
OFF = Photometric(**_OFF)
"""Changes nothing; `OFF._replace(jpeg_chance=1.0)` compresses each image and does nothing else."""


def similarity(
    key: Key,
    *,
    size: int,
    zoom: float = 0.12,
    turn: float = 10.0,
    turn_chance: float = 0.4,
    shift: float = 0.02,
    flip_chance: float = 0.25,
) -> tuple[Affine, Bool[Array, ""]]:
    """Draw a random similarity about the centre of a crop, and whether to mirror it.

    Args:
        key: random key, () or (2,).
        size: side of the crop in pixels.
        zoom: the scale is 2^(zoom n), n standard normal clipped to [-2, 2]: by default 0.85 to 1.18; 0 is off.
        turn: the angle is turn * n degrees: by default up to 20 in either direction.
        turn_chance: share of crops that are rotated; 0 is off.
        shift: the shift is shift * size * n pixels on each axis: by default up to 4 % of the side; 0 is off.
        flip_chance: share of crops that are mirrored, landmarks renamed; 0 is off.

    Returns:
        The map (2, 3) of pixels (x, y), and a bool (): whether to mirror after it.
    """
    normal_key, turn_key, flip_key = jax.random.split(key, 3)
    n = jnp.clip(jax.random.normal(normal_key, (4,)), -2, 2)
    turned = jax.random.bernoulli(turn_key, turn_chance)
    affine = geometry.similarity(
        size,
        scale=2 ** (zoom * n[0]),
        angle=jnp.where(turned, jnp.deg2rad(turn * n[1]), 0.0),
        shift=shift * size * n[2:],
    )
    return affine, jax.random.bernoulli(flip_key, flip_chance)


def degradation(size: int, sigma: Float[Array, ""], factor: Float[Array, ""]) -> Float[Array, "size size"]:
    """The matrix (S, S) of blur and low resolution along one axis of `size` pixels.

    Both are separable and linear, so K image K' applies them: a Gaussian of `sigma` () pixels, averages over boxes of
    `factor` () pixels, and linear interpolation back. Rows sum to one; sigma 0 and factor 1 give the identity.
    """
    at = jnp.arange(size, dtype=sigma.dtype)
    gauss = jnp.exp(-0.5 * ((at[:, None] - at[None]) / jnp.maximum(sigma, 0.05)) ** 2)
    gauss = gauss / gauss.sum(axis=1, keepdims=True)
    # Box k covers [k f, (k + 1) f] of the axis measured from the left edge of pixel 0.
    start = at[:, None] * factor
    box = jnp.clip(jnp.minimum(start + factor, at[None] + 1) - jnp.maximum(start, at[None]), 0, 1)
    box = box / jnp.maximum(box.sum(axis=1, keepdims=True), 1e-6)
    last = jnp.ceil(size / factor - 1e-3) - 1
    # The half-pixel rule, as in `geometry.resize_points`; a product with 1 / factor would round otherwise.
    where = jnp.clip((at + 0.5) / factor - 0.5, 0, last)
    up = jnp.clip(1 - jnp.abs(where[:, None] - at[None]), 0, 1)
    return up @ (box @ gauss)


def jpeg(image: Image, *, quality: Float[Array, ""] | float) -> Image:
    """Compress an image as JPEG does: quantize the 8 x 8 cosine coefficients of YCbCr with the standard tables.

    There is no chroma subsampling, and nothing is clipped in between.

    Args:
        image: (S, S, 3) in [0, 1].
        quality: of the reference encoder, 1 to 100, ().

    Raises:
        InputError: S is no multiple of 8.
    """
    size, dtype = image.shape[0], image.dtype
    if size % 8:
        raise InputError(f"jpeg: side of the image is {size}, expected a multiple of 8")
    k, side = np.arange(8), size // 8
    basis = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / 16) / 2
    basis[0] /= np.sqrt(2)
    transform = jnp.asarray(np.kron(basis, basis), dtype)  # of the 64 pixels of a block, row by row
    scale = jnp.where(quality < 50, 50 / quality, 2 - quality / 50)
    tables = jnp.asarray(np.stack([_LUMA, _CHROMA, _CHROMA]), dtype) * scale
    steps = jnp.maximum(jnp.round(tables), 1).reshape(3, 1, 64) / 255
    planes = jnp.einsum("dc,yxc->dyx", jnp.asarray(_TO_YCC, dtype), image - 128 / 255)
    blocks = planes.reshape(3, side, 8, side, 8).swapaxes(2, 3).reshape(3, side * side, 64)
    coefficients = jnp.round(blocks @ transform.T / steps) * steps
    blocks = (coefficients @ transform).reshape(3, side, side, 8, 8)
    planes = blocks.swapaxes(2, 3).reshape(3, size, size)
    return jnp.einsum("cd,dyx->yxc", jnp.asarray(np.linalg.inv(_TO_YCC), dtype), planes) + 128 / 255


def cutout(key: Key, image: Image, *, largest: Float[Array, ""] | float) -> Image:
    """Paint a rotated rectangle or ellipse with a random colour gradient on an image (S, S, 3) in [0, 1]."""
    size = image.shape[0]
    draws = jax.random.uniform(key, (14,), image.dtype)
    at = geometry.to_fractions(jnp.arange(size, dtype=image.dtype), size)
    x, y = at[None] - draws[0], at[:, None] - draws[1]
    cos, sin = jnp.cos(3.1416 * draws[2]), jnp.sin(3.1416 * draws[2])
    half = largest * (0.15 + 0.85 * draws[3:5]) / 2
    u, v = jnp.abs(cos * x + sin * y) / half[0], jnp.abs(cos * y - sin * x) / half[1]
    reach = jnp.where(draws[5] < 0.5, jnp.maximum(u, v), jnp.sqrt(u * u + v * v + 1e-12))
    inside = jnp.clip((1 - reach) * half.min() * size + 0.5, 0, 1)
    ramp = (draws[9:12] - 0.5) * 1.5
    colour = draws[6:9][None, None] + ramp[None, None] * (x * draws[12] + y * draws[13])[..., None]
    return image + inside[..., None] * (colour - image)


def border(
    key: Key,
    image: Image,
    *,
    largest: Float[Array, ""] | float,
    chance: Float[Array, ""] | float,
    points: Float[Array, "m 2"] | None = None,
) -> Image:
    """Blacken a margin of an image (S, S, 3), as a crop has it that leaves its photograph.

    Args:
        key: random key, () or (2,).
        image: (S, S, 3).
        largest: largest width of the margin in sides of the image, (); small ones are likelier.
        chance: probability of a margin at the left or right side, and of one at the top or bottom, ().
        points: landmarks (M, 2) in pixels (x, y). All but `COVERING` of the margins then end before them, most of these
            near them and not limited by `largest`: a face lies at the edge of its photograph, but in it.
    """
    size = image.shape[0]
    draws = jax.random.uniform(key, (2, 5), image.dtype)
    at = geometry.to_fractions(jnp.arange(size, dtype=image.dtype), size)

    def kept(draw: Float[Array, "5"], axis: int) -> Bool[Array, " size"]:
        low = draw[1] < 0.5
        width = largest * draw[2] ** 2
        if points is not None:
            places = geometry.to_fractions(points[:, axis], size)
            room = jnp.maximum(jnp.where(low, places.min(), 1 - places.max()), 0)
            width = jnp.where(draw[3] < COVERING, width, room * (1 - draw[4] ** 2))
        from_side = jnp.where(low, at, 1 - at)
        return (draw[0] >= chance) | (from_side >= width)

    return jnp.where((kept(draws[0], 0)[None] & kept(draws[1], 1)[:, None])[..., None], image, 0)


def colour(key: Key, image: Image, *, options: Photometric) -> Image:
    """Change saturation, colour cast, contrast, brightness and gamma of an RGB image (S, S, 3) in [0, 1]."""
    normal_key, uniform_key = jax.random.split(key)
    n = jnp.clip(jax.random.normal(normal_key, (5,), image.dtype), -2, 2)
    u = jax.random.uniform(uniform_key, (3,), image.dtype)
    grey = jnp.einsum("yxc,c->yx", image, jnp.asarray(_GREY, image.dtype))[..., None]
    low, high = options.saturation
    saturation = jnp.where(u[0] < options.grey, 0.0, low + (high - low) * u[1])
    image = grey + saturation * (image - grey)
    gain = jnp.exp(options.cast * n[:3])
    gain = jnp.where(u[0] < options.grey, 1.0, gain)
    mean = grey.mean()
    image = mean + jnp.exp(options.contrast * n[3]) * (image * gain[None, None] - mean)
    image = jnp.clip(image + options.brightness * (2 * u[2] - 1), 1e-3, 1)
    return image ** jnp.exp(options.gamma * n[4])


def photometric(
    key: Key,
    image: Image,
    *,
    options: Photometric | None = None,
    noise_key: Key | None = None,
    points: Float[Array, "m 2"] | None = None,
) -> Image:
    """Degrade an image as cameras and files do; landmarks do not move.

    Order: cutout, colour, blur and low resolution, noise, JPEG, border.

    Args:
        key: random key, () or (2,).
        image: (S, S, 3) in [0, 1]; S a multiple of 8.
        options: strengths and probabilities; the defaults suit training on synthetic faces.
        noise_key: random key of the noise; default: derived from `key`. Frames of one clip share `key`, that is the
            camera, and differ in this.
        points: landmarks (M, 2) for `border`.

    Returns:
        The image (S, S, 3) in [0, 1].
    """
    options = Photometric() if options is None else options
    size, dtype = image.shape[0], image.dtype
    border_key = jax.random.fold_in(key, 4)  # after all else, so that runs of before it came resume with their draws
    cutout_key, colour_key, own_noise_key, key = jax.random.split(key, 4)
    u = jax.random.uniform(key, (11,), dtype)
    image = jnp.where(u[0] < options.cutout_chance, cutout(cutout_key, image, largest=options.cutout), image)
    image = colour(colour_key, image, options=options)
    sigma = jnp.where(u[1] < options.blur_chance, options.blur * u[2] * size / 128, 0.0)
    uneven = 0.6 + 0.8 * u[3]
    factor = jnp.where(u[4] < options.downscale_chance, 1 + (options.downscale - 1) * u[5], 1.0)
    rows, columns = degradation(size, sigma * uneven, factor), degradation(size, sigma * (2 - uneven), factor)
    image = jnp.einsum("vy,yxc,ux->vuc", rows, image, columns)
    deviation = jnp.where(u[6] < options.noise_chance, options.noise * u[7] ** 2, 0.0)
    noise = jax.random.normal(own_noise_key if noise_key is None else noise_key, (size, size, 3), dtype)
    noise = u[8] * noise + (1 - u[8]) * noise[..., :1]
    image = jnp.clip(image + deviation * noise, 0, 1)
    low, high = options.quality
    packed = jpeg(image, quality=low + (high - low) * u[10])
    image = jnp.clip(jnp.where(u[9] < options.jpeg_chance, packed, image), 0, 1)
    return border(border_key, image, largest=options.border, chance=options.border_chance, points=points)


def geometric(
    image: Float[Array, "size size c"],
    points: Float[Array, "m 2"],
    *,
    affine: Affine,
    flip: Bool[Array, ""],
    markup: Markup = FACE68,
    size: int | None = None,
) -> tuple[Float[Array, "side side c"], Float[Array, "m 2"]]:
    """Warp a crop, then mirror it if asked, and move its landmarks by the same map.

    Args:
        image: (S, S, C).
        points: landmarks (M, 2), pixels (x, y).
        affine: map (2, 3) of pixels.
        flip: whether to mirror after it, (). A markup without a permutation is never mirrored.
        markup: of the landmarks; its permutation renames them in a mirrored crop.
        size: side of the result in pixels; default: S.
    """
    size = image.shape[0] if size is None else size
    image, points = crop.warp(image, affine, size=size), geometry.apply(affine, points)
    if not markup.flip:
        return image, points
    mirrored = geometry.mirror(points, width=size, markup=markup)
    return jnp.where(flip, image[:, ::-1], image), jnp.where(flip, mirrored, points)


def augment(
    key: Key,
    image: Image,
    points: Float[Array, "m 2"],
    *,
    markup: Markup = FACE68,
    options: Photometric | None = None,
) -> tuple[Image, Float[Array, "m 2"]]:
    """Augment one training example: random similarity and mirror, then `photometric`.

    Args:
        key: random key, () or (2,).
        image: (S, S, 3) in [0, 1]; S a multiple of 8.
        points: landmarks (M, 2) in pixels (x, y).
        markup: of the landmarks; its permutation renames them in a mirrored crop.
        options: of `photometric`.

    Returns:
        The image (S, S, 3) in [0, 1] and its landmarks (M, 2), which may lie outside it.
    """
    similarity_key, photometric_key = jax.random.split(key)
    affine, flip = similarity(similarity_key, size=image.shape[0])
    image, points = geometric(image, points, affine=affine, flip=flip, markup=markup)
    return photometric(photometric_key, image, options=options), points
