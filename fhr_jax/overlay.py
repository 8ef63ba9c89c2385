"""Draw landmarks on an image with OpenCV, fast enough for each frame of a video, and put such pictures on a sheet."""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax import geometry
from fhr_jax.files import atomic_file
from fhr_jax.markup import FACE68, Markup

Colour = tuple[int, int, int]
GREEN: Colour = (90, 230, 90)
RED: Colour = (240, 70, 60)
ORANGE: Colour = (250, 150, 40)
WHITE: Colour = (255, 255, 255)
LIGHT_GREEN: Colour = (200, 255, 190)
LIGHT_ORANGE: Colour = (255, 225, 180)
LIGHT_RED: Colour = (255, 195, 190)
_SHIFT = 4  # OpenCV takes integer coordinates, here in sixteenths of a pixel


def draw(
    image: UInt8[np.ndarray, "h w 3"],
    points: Float[np.ndarray, "m 2"],
    *,
    markup: Markup = FACE68,
    colour: Colour = GREEN,
    dots: Colour = WHITE,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the landmarks and contours of a face, exact to a sixteenth of a pixel.

    Args:
        image: RGB bytes (H, W, 3).
        points: landmarks (M, 2), image pixels (x, y). Those that are NaN, and lines to them, are not drawn.
        markup: of the landmarks; contours are drawn if it has as many.
        colour: of the contours, RGB 0-255.
        dots: colour of the landmarks, RGB 0-255.

    Returns:
        A copy of the image (H, W, 3) with the drawing.
    """
    import cv2

    image = image.copy()
    points = np.asarray(points, np.float64)
    finite = np.isfinite(points[:, 0]) & np.isfinite(points[:, 1])
    if not finite.any():
        return image
    # Clipped, because the integers of OpenCV overflow; all of it lies outside the image.
    limit = 4.0 * max(image.shape)
    extent = min(float(np.ptp(points[finite], axis=0).max()), limit)
    thickness = max(1, round(extent / 250))
    fixed = np.rint(np.clip(np.nan_to_num(points), -limit, limit) * 2**_SHIFT).astype(np.int32)
    if len(points) == markup.size:
        for edge in markup.edges:
            for a, b in pairwise(edge):
                if finite[a] and finite[b]:
                    cv2.line(image, fixed[a].tolist(), fixed[b].tolist(), colour, thickness, cv2.LINE_AA, _SHIFT)
    radius = round(max(1.0, extent / 180) * 2**_SHIFT)
    for centre in fixed[finite].tolist():
        cv2.circle(image, centre, radius, dots, -1, cv2.LINE_AA, _SHIFT)
    return image


def compare(
    image: UInt8[np.ndarray, "h w 3"],
    truth: Float[np.ndarray, "m 2"],
    predicted: Float[np.ndarray, "m 2"],
    *,
    markup: Markup = FACE68,
    size: int = 512,
    margin: float = 0.5,
    enlarge: bool = False,
) -> UInt8[np.ndarray, "h2 w2 3"] | None:
    """A face and its surroundings with the true landmarks in red and the predicted ones in green.

    Args:
        image: RGB bytes (H, W, 3).
        truth: (M, 2) in image pixels; NaN are not drawn.
        predicted: (M, 2) in image pixels; NaN are not drawn.
        markup: of the landmarks.
        size: longest side of the picture in pixels, at most.
        margin: around the box of the true landmarks, as a share of its longer side.
        enlarge: enlarge small faces to `size`.

    Returns:
        The picture, RGB bytes (H2, W2, 3); None if the face lies outside of the image, or has no known landmark.
    """
    import cv2

    known = truth[np.isfinite(truth).all(axis=-1)]
    if not len(known):
        return None
    x, y, width, height = geometry.box_of(known)
    border = margin * max(width, height)
    rows, columns = image.shape[:2]
    top, bottom = max(0, int(y - border)), min(rows, int(y + height + border))
    left, right = max(0, int(x - border)), min(columns, int(x + width + border))
    part = image[top:bottom, left:right]
    if not part.size:
        return None
    scale = size / max(part.shape[:2])
    if scale < 1 or enlarge:
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=method)
    else:
        scale = 1.0
    for points, colour, dots in ((truth, RED, LIGHT_RED), (predicted, GREEN, LIGHT_GREEN)):
        own = geometry.resize_points(points - [left, top], scale)
        part = draw(part, own, markup=markup, colour=colour, dots=dots)
    return part


def sheet(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    captions: Sequence[Sequence[str]],
    *,
    size: int = 256,
    columns: int = 6,
) -> UInt8[np.ndarray, "h w 3"]:
    """Pictures in rows on white, each with lines of text under it.

    Args:
        pictures: RGB bytes, each of its own size; reduced or enlarged to `size`.
        captions: lines under each picture. Long ones lose their beginning; letters outside of ASCII become "?".
        size: longest side of a picture in pixels.
        columns: pictures in a row, at most.

    Returns:
        RGB bytes (H, W, 3).
    """
    import cv2

    font, line, border = cv2.FONT_HERSHEY_SIMPLEX, 16, 6
    columns = max(1, min(columns, len(pictures)))
    lines = max((len(caption) for caption in captions), default=0)
    height, width = size + lines * line + border, size + border
    result = np.full(
        (max(1, -(-len(pictures) // columns)) * height + border, columns * width + border, 3), 255, np.uint8
    )
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        top, left = border + i // columns * height, border + i % columns * width
        scale = size / max(picture.shape[:2])
        h, w = (max(1, round(scale * side)) for side in picture.shape[:2])
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        y, x = top + (size - h) // 2, left + (size - w) // 2
        result[y : y + h, x : x + w] = cv2.resize(picture, (w, h), interpolation=method)
        for number, text in enumerate(caption):
            shown = text.encode("ascii", "replace").decode()
            while cv2.getTextSize(shown, font, 0.42, 1)[0][0] > size:
                shown = "..." + shown.removeprefix("...")[1:]
            place = (left, top + size + number * line + line - 4)
            cv2.putText(result, shown, place, font, 0.42, (30, 30, 30), 1, cv2.LINE_AA)
    return result


def write_jpeg(path: str | os.PathLike[str], image: UInt8[np.ndarray, "h w 3"], *, quality: int = 92) -> None:
    """Write RGB bytes (H, W, 3) as a JPEG file, whole or not at all; `quality` is in percent.

    Raises:
        InputError: the folder of `path` does not exist or cannot be written to.
    """
    import cv2

    content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    with atomic_file(path) as temporary:
        Path(temporary).write_bytes(content.tobytes())
