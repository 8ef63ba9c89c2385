"""What pictures must look like, checked before anything is computed, and told in one line."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from fhr_jax.errors import InputError

HIGHEST = 4.0
"""Crops that were sharpened, or whose contrast was raised, go somewhat beyond [0, 1]; bytes go to 255."""


def check_crops(crops: Any, side: int, *, or_bytes: bool = False) -> None:
    """Crops for a net: floating-point numbers (B, side, side, 3), all finite, or bytes; B may be 0.

    Inside a transformation (jit, grad, vmap) there are no numbers yet: only shape and type are looked at.

    Raises:
        InputError: they are something else, or numbers so far from [0, 1] that they are bytes.
    """
    if not isinstance(crops, np.ndarray | jax.Array):
        raise InputError(f"crops: a {type(crops).__name__}, expected an array (B, {side}, {side}, 3)")
    if crops.ndim != 4 or crops.shape[1:] != (side, side, 3):
        raise InputError(f"crops of shape {crops.shape}, expected (B, {side}, {side}, 3) for this net")
    if or_bytes and crops.dtype == np.uint8:
        return
    if not jnp.issubdtype(crops.dtype, jnp.floating):
        raise InputError(f"crops of {crops.dtype}, expected floating-point numbers in [0, 1]: divide bytes by 255")
    if isinstance(crops, Tracer):
        return
    if not len(crops):
        return
    finite, highest = _looked_at(np, crops) if isinstance(crops, np.ndarray) else _looked_at_there(crops)
    if not (finite := np.asarray(finite)).all():
        raise InputError(f"crops: crop {finite.argmin()} holds NaN or infinity, expected values in [0, 1]")
    if highest > HIGHEST:
        raise InputError(f"crops: values as far from 0 as {float(highest):g}, expected [0, 1]: divide bytes by 255")


def check_image(image: Any, name: str = "image") -> None:
    """An image: RGB bytes (H, W, 3), at least one pixel.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"{name}: a {type(image).__name__}, expected a NumPy array of RGB bytes, uint8 (H, W, 3)")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"{name}: {_kind(image)}{image.dtype} {image.shape}, expected RGB bytes, uint8 (H, W, 3); "
            "data.images.read_image gives them for any file"
        )


def _kind(image: np.ndarray) -> str:
    """What the array probably is."""
    if not image.size:
        return "empty, "
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return "gray, "
    return "with alpha, " if image.ndim == 3 and image.shape[2] == 4 else ""


def _looked_at(library: Any, crops: Any) -> tuple[Any, Any]:
    return library.isfinite(crops).all(axis=(1, 2, 3)), abs(crops).max()


_looked_at_there = jax.jit(lambda crops: _looked_at(jnp, crops))
