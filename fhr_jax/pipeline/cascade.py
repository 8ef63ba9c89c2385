"""A rough face detector: the Viola-Jones cascades that come with OpenCV."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax.detector import Detections, Detector
from fhr_jax.errors import InputError

LONGEST_SIDE = 640
"""Larger images are shrunk to this before the search. Faces below a twelfth of the shorter side are not found."""

_CASCADES = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml")


def cascade() -> Detector:
    """A detector of upright frontal faces; the largest face comes first, and all have the score 1.

    It applies the second cascade, which finds more faces and makes more mistakes, only if the first finds nothing.

    Raises:
        InputError: OpenCV is missing, or it is version 5, which has no cascades.
    """
    try:
        import cv2
        import cv2.data

        folder = Path(cv2.data.haarcascades)
        classifiers = [cv2.CascadeClassifier(str(folder / name)) for name in _CASCADES]
    except (ImportError, AttributeError) as error:
        raise InputError('finding faces needs OpenCV 4: pip install "fhr-jax[video]"') from error

    def detect(image: UInt8[np.ndarray, "h w 3"], /) -> Detections:
        shrink = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        gray = cv2.resize(gray, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else gray
        gray = cv2.equalizeHist(gray)
        smallest = max(30, min(gray.shape) // 12)
        for classifier in classifiers:
            found = classifier.detectMultiScale(gray, scaleFactor=1.1, minNeighbors=4, minSize=(smallest, smallest))
            if len(found):
                break
        squares = np.asarray(found, np.float64).reshape(-1, 4) / shrink
        squares = squares[np.argsort(-squares[:, 2], kind="stable")]
        return Detections(_landmark_boxes(squares), np.ones(len(squares)))

    return detect


def _landmark_boxes(squares: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Convert squares of the cascade, from hair to chin, to boxes of the landmarks, from brows to chin.

    The constants are medians over photographs with landmarks and over clips: the longer side of the landmarks' box is
    0.87 of the square's side, and its centre lies in the middle across and at 0.66 of the square's height.
    """
    x, y, side = squares[:, 0], squares[:, 1], squares[:, 2]
    return np.stack([x + 0.065 * side, y + 0.225 * side, 0.87 * side, 0.87 * side], axis=-1)
