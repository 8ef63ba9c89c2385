"""Checks of images and crops that a user passes in; errors are one line and come before any computation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from fhr_jax.errors import InputError

MAX_VALUE = 4.0
"""Largest absolute value of a crop: sharpening exceeds [0, 1] somewhat, bytes that were not divided go up to 255."""


def check_crops(crops: Any, side: int, *, allow_bytes: bool = False) -> None:
    """Check crops for a net: finite floating-point numbers (B, side, side, 3) in [0, 1]; B may be 0.

    Inside a transformation (jit, grad, vmap) there are no values yet, so only shape and type are checked.

    Args:
        crops: the crops.
        side: expected height and width in pixels.
        allow_bytes: whether bytes (uint8) are accepted too.

    Raises:
        InputError: they are something else, or so far from [0, 1] that they must be bytes.
    """
    if not isinstance(crops, np.ndarray | jax.Array):
        raise InputError(f"crops: a {type(crops).__name__}, expected an array (B, {side}, {side}, 3)")
    if crops.ndim != 4 or crops.shape[1:] != (side, side, 3):
        raise InputError(f"crops of shape {crops.shape}, expected (B, {side}, {side}, 3) for this net")
    if allow_bytes and crops.dtype == np.uint8:
        return
    if not jnp.issubdtype(crops.dtype, jnp.floating):
        raise InputError(f"crops of {crops.dtype}, expected floating-point numbers in [0, 1]: divide bytes by 255")
    if isinstance(crops, Tracer):
        return
    if not len(crops):
        return
    finite, highest = _range(np, crops) if isinstance(crops, np.ndarray) else _range_on_device(crops)
    if not (finite := np.asarray(finite)).all():
        raise InputError(f"crops: crop {finite.argmin()} holds NaN or infinity, expected values in [0, 1]")
    if highest > MAX_VALUE:
        raise InputError(f"crops: values as far from 0 as {float(highest):g}, expected [0, 1]: divide bytes by 255")


def check_image(image: Any, *, name: str = "image") -> None:
    """Check an image: RGB bytes (H, W, 3), at least one pixel.

    Args:
        image: the image.
        name: of the argument, for error messages.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"{name}: a {type(image).__name__}, expected a NumPy array of RGB bytes, uint8 (H, W, 3)")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"{name}: {_kind(image)}{image.dtype} {image.shape}, expected RGB bytes, uint8 (H, W, 3); "
            "data.io.images.read_image reads them from a file"
        )


def _kind(image: np.ndarray) -> str:
    """A guess what the array is, for the error message."""
    if not image.size:
        return "empty, "
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return "gray, "
    return "with alpha, " if image.ndim == 3 and image.shape[2] == 4 else ""


def _range(library: Any, crops: Any) -> tuple[Any, Any]:
    return library.isfinite(crops).all(axis=(1, 2, 3)), abs(crops).max()


_range_on_device = jax.jit(lambda crops: _range(jnp, crops))
