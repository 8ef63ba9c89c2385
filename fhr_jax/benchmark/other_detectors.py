"""Landmark detectors of other packages, where these are importable: dlib and MediaPipe. Nothing here depends on them.

dlib needs the file of its 68-point model, which it does not bring; it is looked for in `face_recognition_models`.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

Images = Iterable[UInt8[np.ndarray, "h w 3"]]
"""RGB frames of one video, in order."""

DetectVideo = Callable[[Images], Float[np.ndarray, "t 68 2"]]
"""Frames to landmarks in pixels (x, y), NaN where no face is found."""

DLIB_MODEL = "shape_predictor_68_face_landmarks.dat"

MESH_TO_68 = (
    # contour from ear to ear
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    # brows
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    # nose
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    # eyes
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    # outer lips, inner lips
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""The point of MediaPipe's mesh that stands for each of the 68 landmarks."""


def dlib_68() -> DetectVideo | None:
    """dlib: HOG finds the face in each frame, an ensemble of regression trees its landmarks, in whole pixels.

    Returns:
        The detector, or None if dlib or its model is missing.
    """
    dlib, model = _package("dlib"), _dlib_model()
    if dlib is None or model is None:
        return None

    def detect(images: Images) -> Float[np.ndarray, "t 68 2"]:
        find, locate = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(model))
        track = []
        for image in images:
            boxes = list(find(np.ascontiguousarray(image)))
            if not boxes:
                track.append(np.full((68, 2), np.nan))
                continue
            largest = max(boxes, key=lambda box: box.area())
            track.append(np.array([(point.x, point.y) for point in locate(image, largest).parts()], np.float64))
        return np.stack(track)

    return detect


def mediapipe_68(*, tracking: bool) -> DetectVideo | None:
    """MediaPipe's face mesh of 468 points, of which 68 are taken.

    Args:
        tracking: True follows the face from frame to frame, which smooths; False looks at each frame alone.

    Returns:
        The detector, or None if MediaPipe is missing.
    """
    package = _package("mediapipe")
    if package is None:
        return None

    def detect(images: Images) -> Float[np.ndarray, "t 68 2"]:
        track = []
        with package.solutions.face_mesh.FaceMesh(static_image_mode=not tracking, max_num_faces=1) as mesh:
            for image in images:
                found = mesh.process(np.ascontiguousarray(image)).multi_face_landmarks
                if not found:
                    track.append(np.full((68, 2), np.nan))
                    continue
                fractions = np.array([(point.x, point.y) for point in found[0].landmark])[list(MESH_TO_68)]
                height, width = image.shape[:2]
                # geometry.from_fractions, where the sides differ.
                track.append(fractions * (width, height) - 0.5)
        return np.stack(track)

    return detect


def _package(name: str) -> Any:
    """The module of that name, None if it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def _dlib_model() -> Path | None:
    package = find_spec("face_recognition_models")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "models" / DLIB_MODEL
    return path if path.exists() else None
