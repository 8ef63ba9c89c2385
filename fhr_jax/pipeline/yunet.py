"""The face detector YuNet (Wu et al. 2023) from its ONNX file, which OpenCV runs."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax.detector import Detections, Detector
from fhr_jax.errors import InputError

THRESHOLD = 0.6
"""Lowest score. Its own default is 0.9; the confidence of the landmark net is the second stage here."""
LONGEST_SIDE = 640
"""Larger images are shrunk to this before the search."""


def yunet(path: str | os.PathLike[str]) -> Detector:
    """A detector that runs the network of an ONNX file; the highest score comes first.

    Args:
        path: the file, such as `face_detection_yunet_2023mar.onnx` of OpenCV's model zoo.

    Raises:
        InputError: there is no such file, OpenCV cannot read it as YuNet, or OpenCV is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected the ONNX file of YuNet")
    try:
        import cv2
    except ImportError as error:
        raise InputError('YuNet needs OpenCV: pip install "fhr-jax[video]"') from error
    try:
        network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), THRESHOLD)
        network.detect(np.zeros((320, 320, 3), np.uint8))
    except (cv2.error, AttributeError) as error:
        raise InputError(f"{path}: OpenCV {cv2.__version__} cannot run it as YuNet ({_line(error)})") from error

    def detect(image: UInt8[np.ndarray, "h w 3"], /) -> Detections:
        shrink = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
        picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if shrink < 1:
            size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        network.setInputSize((picture.shape[1], picture.shape[0]))
        found: Any = network.detect(picture)[1]
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        rows = rows[np.argsort(-rows[:, 14], kind="stable")]
        scale = np.array([image.shape[1] / picture.shape[1], image.shape[0] / picture.shape[0]])
        five = rows[:, 4:14].reshape(-1, 5, 2) * scale.reshape(1, 1, 2)
        return Detections(landmark_boxes(five), rows[:, 14])

    return detect


def landmark_boxes(points: Float[np.ndarray, "n 5 2"]) -> Float[np.ndarray, "n 4"]:
    """The boxes (N, 4) of the 68 landmarks, estimated from five, in the same pixels.

    The constants are medians over the 3,148 shapes of 300W and a line through the positions of their noses; the boxes
    have a median IoU of 0.84 with those of the landmarks, and at least 0.51.

    Args:
        points: centres of the two eyes, tip of the nose, corners of the mouth (N, 5, 2), order (x, y).
    """
    eyes, nose, mouth = points[:, :2].mean(axis=1), points[:, 2], points[:, 3:].mean(axis=1)
    apart, height = (np.linalg.norm(v, axis=1, keepdims=True) for v in (points[:, 1] - points[:, 0], mouth - eyes))
    unit = np.maximum(np.maximum(apart, height), 1e-6)
    down = (mouth - eyes) / np.maximum(height, 1e-6)
    right = np.stack([down[:, 1], -down[:, 0]], axis=1)
    middle = (eyes + mouth) / 2
    # A nose that points to one side leaves more of the face on the other.
    aside = ((nose - middle) * right).sum(axis=1, keepdims=True)
    centre = middle + 0.15 * unit * down - 1.09 * aside * right
    size = unit * np.array([[2.16, 2.09]])
    return np.concatenate([centre - size / 2, size], axis=1)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
