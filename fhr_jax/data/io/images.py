"""Read photographs: any file that Pillow reads, as upright RGB bytes."""

import importlib
import io
import math
import os
import struct
import warnings
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax import geometry
from fhr_jax.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 80_000_000
_ORIENTATION = 0x0112
"""EXIF tag of the orientation."""
_PLUGINS = {
    ".avif": ("pillow_avif", "pillow-avif-plugin"),
    ".heic": ("pillow_heif", "pillow-heif"),
    ".heif": ("pillow_heif", "pillow-heif"),
    ".jxl": ("pillow_jxl", "pillow-jxl-plugin"),
}
"""Module and package that read these files where Pillow itself does not; recent versions of Pillow read AVIF."""
PLUGIN_SUFFIXES = tuple(_PLUGINS)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", *PLUGIN_SUFFIXES)


_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    struct.error,
    zlib.error,
)
"""What the decoders of Pillow raise for damaged files."""


class ImagePart(NamedTuple):
    """A rectangle of a photograph, possibly decoded at a fraction of its size.

    Attributes:
        pixels: RGB bytes (H, W, 3).
        origin: centre of its first pixel, (2,), pixels (x, y) of the photograph.
        shrink: width of one of its pixels in pixels of the photograph: pixel p lies at exactly origin + shrink p.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    origin: Float[np.ndarray, "2"]
    shrink: int


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """Read a photograph as RGB bytes (H, W, 3), upright according to its EXIF orientation.

    Of a file with several pictures (TIFF, WebP, GIF, APNG) the first is read. HEIC and JPEG XL need a plugin of Pillow.
    Grey and palette images are converted; images with alpha are put on black. Integers of more than 8 bits are read as
    bytes, 10, 12, 14 or 16 bits, whichever holds the brightest pixel of this file.

    Raises:
        InputError: the file cannot be read, is truncated, is no image, or has more than `max_pixels` pixels.
    """
    with _opened(Path(path), Path(path), max_pixels) as image:
        return np.array(_upright(image))


def check_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Check that a photograph can be read, at a fraction of the cost of `read_image`; return its (height, width).

    Raises:
        InputError: as for `read_image`.
    """
    with _opened(Path(path), Path(path), max_pixels) as image:
        width, height = _upright_size(image)
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))  # decodes a JPEG at 1/8 of its size
        image.load()
        return height, width


def read_part(
    file: str | os.PathLike[str] | bytes,
    low: Float[np.ndarray, "2"],
    high: Float[np.ndarray, "2"],
    *,
    shrink: int = 1,
    name: object = None,
    max_pixels: int = MAX_PIXELS,
) -> ImagePart:
    """Read a rectangle of a photograph with two pixels around it; much faster than reading all of it.

    Args:
        file: the file, or its content.
        low: upper left corner (2,), pixels (x, y) of the photograph; may lie outside it.
        high: lower right corner (2,).
        shrink: 1, 2, 4 or 8: a JPEG is decoded at 1/shrink of its size, which costs less. Its pixels then lie where
            averages of shrink x shrink pixels would. Other files are decoded at full size.
        name: of the file in error messages; default: its path.
        max_pixels: limit on the pixels of the whole photograph.

    Raises:
        InputError: as for `read_image`.
    """
    source = io.BytesIO(file) if isinstance(file, bytes) else Path(file)
    with _opened(source, name if name is not None or isinstance(file, bytes) else file, max_pixels) as image:
        turned, full, size = _orientation(image), image.size, _upright_size(image)
        plain = image.mode in ("RGB", "L") and not image.has_transparency_data
        if not (plain and shrink > 1 and image.draft(image.mode, (full[0] // shrink, full[1] // shrink))):
            shrink = 1
        upright = image if plain and turned == 1 else _upright(image)
        start = geometry.resize_shift(shrink) + _overhang(turned, size, shrink, upright.size)
        left, top, right, bottom = _clipped((low - start) / shrink, (high - start) / shrink, upright.size)
        part = upright.crop((left, top, right, bottom))
        pixels = np.asarray(part if part.mode == "RGB" else part.convert("RGB"))
    return ImagePart(pixels, start + shrink * np.array([left, top]), shrink)


@contextmanager
def _opened(file: Path | io.BytesIO, name: object, max_pixels: int) -> Generator["Image.Image"]:
    """The image as Pillow opens it, not decoded yet; all errors of Pillow become InputError."""
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError('reading images needs Pillow: pip install "fhr-jax[video]"') from error
    if isinstance(file, Path) and file.suffix.lower() in _PLUGINS:
        _load_plugin(file)
    try:
        # Pillow warns about large images before this code can check their size.
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            if image.width * image.height > max_pixels:
                raise InputError(f"{name}: {image.width} x {image.height} pixels; at most {max_pixels} are read")
            yield image
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: too many pixels; at most {max_pixels} are read") from error
    except _BROKEN as error:
        reason = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
        raise InputError(f"{name}: not a readable image ({reason})") from error


def _load_plugin(file: Path) -> None:
    """Let Pillow read this kind of file.

    Raises:
        InputError: it cannot, and the plugin is not installed.
    """
    from PIL import Image

    suffix = file.suffix.lower()
    module, package = _PLUGINS[suffix]
    Image.init()
    if suffix in Image.registered_extensions():
        return
    try:
        plugin = importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{file}: reading {suffix} files needs {package}: pip install {package}") from error
    if hasattr(plugin, "register_heif_opener"):  # the others register themselves
        plugin.register_heif_opener()


def _orientation(image: "Image.Image") -> int:
    """How the stored pixels have to be turned, from 1 (not at all) to 8; other numbers mean nothing."""
    turned = image.getexif().get(_ORIENTATION, 1)
    return turned if turned in range(1, 9) else 1


def _upright_size(image: "Image.Image") -> tuple[int, int]:
    """(width, height) of an image that is not decoded yet, once it is upright; Pillow turns a TIFF itself."""
    turned = _orientation(image) >= 5 and image.format != "TIFF"
    return image.size[::-1] if turned else image.size


def _overhang(turned: int, full: tuple[int, int], shrink: int, size: tuple[int, int]) -> np.ndarray:
    """How far the upright decoded image extends beyond the left and upper edge of the photograph, (x, y), at most 0.

    A JPEG decoded at a fraction of its size is padded to whole blocks at the right and the bottom, which the EXIF
    orientation may move to the left and the top.
    """
    return (np.array(full) - shrink * np.array(size)) * [turned in (2, 3, 6, 7), turned in (3, 4, 7, 8)]


def _clipped(low: np.ndarray, high: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part in the decoded image; at least one pixel."""
    edges = []
    for first, last, limit in zip(low, high, size, strict=True):
        start = min(max(math.floor(first) - 2, 0), limit - 1)
        edges.append((start, min(max(math.ceil(last) + 3, start + 1), limit)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _upright(image: "Image.Image") -> "Image.Image":
    """The image as RGB, rotated according to EXIF."""
    from PIL import ImageOps

    return _as_rgb(ImageOps.exif_transpose(image))


def _as_rgb(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.mode.startswith("I"):  # Pillow would clip at 255 instead of scaling
        gray = np.asarray(image).astype(np.int64).clip(0)
        # Cameras of 10 to 14 bits store them in files of 16 or 32, where they would be nearly black.
        white = next((limit for limit in (255, 1023, 4095, 16383) if gray.max(initial=0) <= limit), 65535)
        image = Image.fromarray((gray.clip(0, white) * 255 // white).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")
