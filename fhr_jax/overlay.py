"""Landmarks drawn on a frame, with OpenCV: fast enough for every frame of a video."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax.markup import FACE68, Markup

Colour = tuple[int, int, int]
GREEN: Colour = (90, 230, 90)
RED: Colour = (240, 70, 60)
_SHIFT = 4  # OpenCV takes coordinates as integers, here in sixteenths of a pixel


def draw(
    image: UInt8[np.ndarray, "h w 3"],
    points: Float[np.ndarray, "m 2"],
    *,
    markup: Markup = FACE68,
    colour: Colour = GREEN,
) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of an RGB image with the contours of a face and its landmarks, placed to a sixteenth of a pixel.

    Points (x, y) in image pixels; those that are NaN, and lines to them, are left out.
    """
    import cv2

    image = image.copy()
    points = np.asarray(points, np.float64)
    finite = np.isfinite(points[:, 0]) & np.isfinite(points[:, 1])
    if not finite.any():
        return image
    # Beyond this OpenCV's integers overflow; nothing of it is in the picture.
    reach = 4.0 * max(image.shape)
    extent = min(float(np.ptp(points[finite], axis=0).max()), reach)
    thickness = max(1, round(extent / 250))
    fixed = np.rint(np.clip(np.nan_to_num(points), -reach, reach) * 2**_SHIFT).astype(np.int32)
    if len(points) == markup.size:
        for edge in markup.edges:
            for a, b in pairwise(edge):
                if finite[a] and finite[b]:
                    cv2.line(image, fixed[a].tolist(), fixed[b].tolist(), colour, thickness, cv2.LINE_AA, _SHIFT)
    radius = round(max(1.0, extent / 180) * 2**_SHIFT)
    for centre in fixed[finite].tolist():
        cv2.circle(image, centre, radius, (255, 255, 255), -1, cv2.LINE_AA, _SHIFT)
    return image
