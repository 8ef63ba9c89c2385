"""Photographs: any file that Pillow reads, as RGB bytes in the orientation in which it is looked at."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt8

from fhr_jax.data.landmark_files import natural
from fhr_jax.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 80_000_000
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


class Annotated(NamedTuple):
    """A photograph and the .pts beside it."""

    image: Path
    landmarks: Path


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """Read a photograph as RGB; gray, palette, alpha (over black) and 16-bit images are converted.

    The EXIF orientation is applied, so that pixels lie as viewers show them.

    Raises:
        InputError: the file cannot be read, is cut off, is no image, or has more than `max_pixels` pixels.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise InputError('reading images needs Pillow: pip install "fhr-jax[video]"') from error
    path = Path(path)
    try:
        # Pillow warns of large images before this code can ask for their size.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            if image.width * image.height > max_pixels:
                raise InputError(f"{path}: {image.width} x {image.height} pixels; at most {max_pixels} are read")
            return np.array(_as_rgb(ImageOps.exif_transpose(image)))
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too many pixels; at most {max_pixels} are read") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
        raise InputError(f"{path}: not a readable image ({reason})") from error


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """The image files of a folder (not of those below it), sorted with numbers by value.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        paths = [path for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror or error}") from error
    return sorted(paths, key=lambda path: natural(path.name))


def list_annotated(folder: str | os.PathLike[str]) -> list[Annotated]:
    """The images of a folder that have a .pts (in letters of any case) of the same name beside them.

    Raises:
        InputError: the folder cannot be read, or no image has a .pts.
    """
    images = list_images(folder)
    landmarks = {path.stem: path for path in Path(folder).iterdir() if path.suffix.lower() == ".pts"}
    pairs = [Annotated(path, landmarks[path.stem]) for path in images if path.stem in landmarks]
    if not pairs:
        found = f"{len(images)} images and {len(landmarks)} .pts files, none of one name"
        raise InputError(f"{folder}: no images with landmarks: NAME.jpg (or .png, ...) and NAME.pts; found {found}")
    return pairs


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
