"""Points to heatmaps: Eq. 1."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.types import Heatmaps, Points, Size


def encode(points: Points, *, size: Size, sigma: float = 3.0, rounded: bool = False) -> Heatmaps:
    """Draw one Gaussian per landmark: exp(-|c - c_m|^2 / (2 sigma^2)) at every pixel c, peak 1 (Eq. 1).

    Args:
        points: centres (..., M, 2) in heatmap pixels, order (x, y), fractions included. They may lie outside the map.
            A landmark with a NaN or infinite coordinate is missing: its map is zero everywhere.
        size: (height, width) of the maps in pixels.
        sigma: standard deviation in heatmap pixels. The paper uses 3 for maps of 128 x 128; scale it with the maps.
        rounded: move the centre to the nearest pixel first (halves go up), as in conventional heatmap regression.

    Returns:
        Maps (..., H, W, M), float32 (float64 for float64 points).

    Raises:
        InputError: `size` or `sigma` is not positive.
    """
    height, width = size
    if height < 1 or width < 1:
        raise InputError(f"heatmap.encode: size is {size}, expected (height, width) of at least (1, 1) pixels")
    if not sigma > 0:
        raise InputError(f"heatmap.encode: sigma is {sigma}, expected a positive number of heatmap pixels")
    return _encode(points, height=height, width=width, sigma=float(sigma), rounded=rounded)


@partial(jax.jit, static_argnames=("height", "width", "sigma", "rounded"))
def _encode(points: Points, *, height: int, width: int, sigma: float, rounded: bool) -> Heatmaps:
    points = points.astype(jnp.promote_types(points.dtype, jnp.float32))
    present = jnp.isfinite(points).all(axis=-1)
    centres = jnp.where(present[..., None], points, 0)
    if rounded:
        centres = jnp.floor(centres + 0.5)
    # The Gaussian is a product of a profile over x and one over y: H + W exponentials per landmark instead of H * W.
    over_y = _profile(centres[..., 1], height, sigma) * present[..., None, :]
    over_x = _profile(centres[..., 0], width, sigma)
    return over_y[..., :, None, :] * over_x[..., None, :, :]


def _profile(centres: Float[Array, "*batch m"], length: int, sigma: float) -> Float[Array, "*batch length m"]:
    pixels = jnp.arange(length, dtype=centres.dtype).reshape((1,) * (centres.ndim - 1) + (length, 1))
    return jnp.exp(-((pixels - centres[..., None, :]) ** 2) / (2 * sigma**2))
