"""Draw landmarks on an image with OpenCV, fast enough for each frame of a video."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax.markup import FACE68, Markup

Colour = tuple[int, int, int]
GREEN: Colour = (90, 230, 90)
RED: Colour = (240, 70, 60)
_SHIFT = 4  # OpenCV takes integer coordinates, here in sixteenths of a pixel


def draw(
    image: UInt8[np.ndarray, "h w 3"],
    points: Float[np.ndarray, "m 2"],
    *,
    markup: Markup = FACE68,
    colour: Colour = GREEN,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the landmarks and contours of a face, exact to a sixteenth of a pixel.

    Args:
        image: RGB bytes (H, W, 3).
        points: landmarks (M, 2), image pixels (x, y). Those that are NaN, and lines to them, are not drawn.
        markup: of the landmarks; contours are drawn if it has as many.
        colour: of the contours, RGB 0-255.

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
        cv2.circle(image, centre, radius, (255, 255, 255), -1, cv2.LINE_AA, _SHIFT)
    return image
