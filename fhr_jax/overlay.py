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
BLUE: Colour = (90, 160, 255)
MAGENTA: Colour = (255, 40, 140)
SURE, DOUBTFUL = 0.75, 0.4
"""Confidence at which a landmark has its own tint, and that at which it is magenta. With the default net most landmarks
of a clear face have 0.75 and more; below 0.4 are hidden ones, and those of turned and blurred faces."""
_SHIFT = 4  # OpenCV takes integer coordinates, here in sixteenths of a pixel


def draw(
    image: UInt8[np.ndarray, "h w 3"],
    points: Float[np.ndarray, "m 2"],
    *,
    markup: Markup = FACE68,
    colour: Colour = GREEN,
    dots: Colour = WHITE,
    confidence: Float[np.ndarray, " m"] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the landmarks and contours of a face, exact to a sixteenth of a pixel.

    Args:
        image: RGB bytes (H, W, 3).
        points: landmarks (M, 2), image pixels (x, y). Those that are NaN, and lines to them, are not drawn.
        markup: of the landmarks; contours are drawn if it has as many.
        colour: of the contours, RGB 0-255.
        dots: colour of the landmarks, RGB 0-255.
        confidence: (M,) in [0, 1]; landmarks and the lines between them turn to blue and magenta as it falls from
            `SURE` to `DOUBTFUL`. None draws all alike.

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
    sure = np.ones(len(points)) if confidence is None else np.asarray(confidence, np.float64)
    if len(points) == markup.size:
        for edge in markup.edges:
            for a, b in pairwise(edge):
                if finite[a] and finite[b]:
                    tint = shade(colour, (sure[a] + sure[b]) / 2)
                    cv2.line(image, fixed[a].tolist(), fixed[b].tolist(), tint, thickness, cv2.LINE_AA, _SHIFT)
    radius = round(max(1.0, extent / 180) * 2**_SHIFT)
    for centre, own in zip(fixed[finite].tolist(), sure[finite], strict=True):
        cv2.circle(image, centre, radius, shade(dots, own), -1, cv2.LINE_AA, _SHIFT)
    return image


def shade(colour: Colour, confidence: float) -> Colour:
    """The colour of a landmark, RGB 0-255: `colour` where it is sure, then blue, and magenta where it is doubtful.

    The way through blue keeps away from the colours of skin, on which yellow and pink cannot be seen.
    """
    doubt = 2 * float(np.clip((SURE - confidence) / (SURE - DOUBTFUL), 0, 1))
    low, high = (colour, BLUE) if doubt < 1 else (BLUE, MAGENTA)
    share = doubt if doubt < 1 else doubt - 1
    # In linear light, so that what lies between is no darker than both.
    mixed = [((1 - share) * a**2.2 + share * b**2.2) ** (1 / 2.2) for a, b in zip(low, high, strict=True)]
    return round(mixed[0]), round(mixed[1]), round(mixed[2])


def label(
    image: UInt8[np.ndarray, "h w 3"], text: str, points: Float[np.ndarray, "m 2"], *, colour: Colour = WHITE
) -> UInt8[np.ndarray, "h w 3"]:
    """Write a short text beside a face, at its upper right; light letters with a dark edge.

    Args:
        image: RGB bytes (H, W, 3).
        text: in ASCII.
        points: landmarks (M, 2), image pixels (x, y); where all are NaN nothing is written.
        colour: of the letters, RGB 0-255.

    Returns:
        A copy of the image (H, W, 3) with the text, which is moved so that it lies inside.
    """
    import cv2

    image = image.copy()
    known = points[np.isfinite(points).all(axis=-1)]
    if not len(known):
        return image
    low, high = known.min(axis=0), known.max(axis=0)
    scale = float(np.clip((high - low).max() / 200, 0.5, 2.5))
    thickness = max(1, round(1.6 * scale))
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    place = np.clip(
        [high[0] + 4, low[1] + height / 2], [2, height + 2], [image.shape[1] - width - 2, image.shape[0] - 2]
    )
    corner = round(place[0]), round(place[1])
    for tint, wide in (((20, 20, 20), thickness + 2 + round(scale)), (colour, thickness)):
        cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, tint, wide, cv2.LINE_AA)
    return image


def fit_into(image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """RGB bytes (H, W, 3) as large as they fit into `size` = (height, width) in pixels, with black bars around them."""
    import cv2

    if image.shape[:2] == size:
        return image
    left, top, width, height = placed(image.shape[:2], size)
    method = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_LINEAR
    result = np.zeros((*size, 3), np.uint8)
    result[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=method)
    return result


def placed(own: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where `fit_into` puts an image of (height, width) `own`: left, top, width and height in pixels of the result."""
    scale = min(size[0] / own[0], size[1] / own[1])
    height, width = (min(limit, max(1, round(scale * side))) for side, limit in zip(own, size, strict=True))
    return (size[1] - width) // 2, (size[0] - height) // 2, width, height


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


def to_jpeg(image: UInt8[np.ndarray, "h w 3"], *, quality: int = 92) -> bytes:
    """RGB bytes (H, W, 3) as the content of a JPEG file; `quality` is in percent."""
    import cv2

    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[
        1
    ].tobytes()


def write_jpeg(path: str | os.PathLike[str], image: UInt8[np.ndarray, "h w 3"], *, quality: int = 92) -> None:
    """Write RGB bytes (H, W, 3) as a JPEG file, whole or not at all; `quality` is in percent.

    Raises:
        InputError: the folder of `path` does not exist or cannot be written to.
    """
    with atomic_file(path) as temporary:
        Path(temporary).write_bytes(to_jpeg(image, quality=quality))
