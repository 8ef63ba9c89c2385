"""Photographs: any file that Pillow reads, as RGB bytes in the orientation in which it is looked at."""

import io
import math
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 80_000_000
_ORIENTATION = 0x0112
"""EXIF's tag."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


class ImagePart(NamedTuple):
    """A rectangle of a photograph, perhaps decoded at a fraction of its size.

    Attributes:
        pixels: RGB, 0-255.
        origin: where the centre of its first pixel lies, (x, y) in pixels of the photograph.
        shrink: how many pixels of the photograph one pixel is wide: pixel p of the part lies at
            origin + shrink p of the photograph, exactly.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    origin: Float[np.ndarray, "2"]
    shrink: int


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """Read a photograph as RGB; gray, palette, alpha (over black) and 16-bit images are converted.

    The EXIF orientation is applied, so that pixels lie as viewers show them.

    Raises:
        InputError: the file cannot be read, is cut off, is no image, or has more than `max_pixels` pixels.
    """
    with _opened(Path(path), Path(path), max_pixels) as image:
        return np.array(_upright(image))


def check_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """The (height, width) of a photograph as `read_image` gives it, having read it through, at a fraction of the cost.

    Raises:
        InputError: as for `read_image`.
    """
    with _opened(Path(path), Path(path), max_pixels) as image:
        size = image.size
        image.draft(None, (max(1, size[0] // 8), max(1, size[1] // 8)))  # of a JPEG only the coarsest pixels
        image.load()
        turned = image.getexif().get(_ORIENTATION, 1) >= 5
        return size if turned else size[::-1]


def read_part(
    file: str | os.PathLike[str] | bytes,
    low: Float[np.ndarray, "2"],
    high: Float[np.ndarray, "2"],
    *,
    shrink: int = 1,
    name: object = None,
    max_pixels: int = MAX_PIXELS,
) -> ImagePart:
    """Read what lies between two corners of a photograph, and two pixels about it; much faster than all of it.

    Args:
        file: the file, or its content.
        low: upper left corner (x, y) in pixels of the photograph; may lie outside it.
        high: lower right corner.
        shrink: 1, 2, 4 or 8: a JPEG is decoded at this fraction of its size, which costs less. The pixels are those
            of the standard's blocks, so they lie where an average of shrink x shrink pixels would; other files
            are decoded at their full size.
        name: of the file in messages; by default its path.
        max_pixels: of the whole photograph.

    Raises:
        InputError: as for `read_image`.
    """
    source = io.BytesIO(file) if isinstance(file, bytes) else Path(file)
    with _opened(source, name if name is not None or isinstance(file, bytes) else file, max_pixels) as image:
        turned, full = image.getexif().get(_ORIENTATION, 1), image.size
        plain = image.mode in ("RGB", "L") and not image.has_transparency_data
        if not (plain and shrink > 1 and image.draft(image.mode, (full[0] // shrink, full[1] // shrink))):
            shrink = 1
        upright = image if plain and turned == 1 else _upright(image)
        start = shrink / 2 - 0.5 + _overhang(turned, full, shrink, upright.size)
        left, top, right, bottom = _clipped((low - start) / shrink, (high - start) / shrink, upright.size)
        part = upright.crop((left, top, right, bottom))
        pixels = np.asarray(part if part.mode == "RGB" else part.convert("RGB"))
    return ImagePart(pixels, start + shrink * np.array([left, top]), shrink)


@contextmanager
def _opened(file: Path | io.BytesIO, name: object, max_pixels: int) -> Generator["Image.Image"]:
    """Pillow's image, not decoded yet; whatever goes wrong with it becomes one line."""
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError('reading images needs Pillow: pip install "fhr-jax[video]"') from error
    try:
        # Pillow warns of large images before this code can ask for their size.
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            if image.width * image.height > max_pixels:
                raise InputError(f"{name}: {image.width} x {image.height} pixels; at most {max_pixels} are read")
            yield image
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: too many pixels; at most {max_pixels} are read") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
        raise InputError(f"{name}: not a readable image ({reason})") from error


def _overhang(turned: int, full: tuple[int, int], shrink: int, size: tuple[int, int]) -> np.ndarray:
    """How far the upright image begins before the photograph, (x, y), as a number that is not positive.

    The last column of blocks may hang over the right edge, which EXIF's orientation may turn to the left; so with rows.
    """
    whole = np.array(full if turned < 5 else full[::-1])
    return (whole - shrink * np.array(size)) * [turned in (2, 3, 6, 7), turned in (3, 4, 7, 8)]


def _clipped(low: np.ndarray, high: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part in pixels of the decoded image, at least one pixel of it."""
    edges = []
    for first, last, limit in zip(low, high, size, strict=True):
        start = min(max(math.floor(first) - 2, 0), limit - 1)
        edges.append((start, min(max(math.ceil(last) + 3, start + 1), limit)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _upright(image: "Image.Image") -> "Image.Image":
    """RGB, turned as EXIF says."""
    from PIL import ImageOps

    return _as_rgb(ImageOps.exif_transpose(image))


def _as_rgb(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, which Pillow would cut at 255 instead of scaling
        gray = np.asarray(image).astype(np.int64)
        image = Image.fromarray((gray.clip(0, 65535) // 257).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")
