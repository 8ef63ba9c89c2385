"""The face detectors by name."""

import os
from functools import partial
from typing import Literal, get_args

from fhr_jax import detector
from fhr_jax.detector import Detector
from fhr_jax.errors import InputError
from fhr_jax.pipeline.cascade import cascade
from fhr_jax.pipeline.yunet import yunet

DetectorName = Literal["cascade", "fhr", "yunet"]
DETECTORS: tuple[DetectorName, ...] = get_args(DetectorName)
DEFAULT: DetectorName = "cascade"
"""The detector where none is chosen."""


def open_detector(name: str, *, file: str | os.PathLike[str] | None = None) -> Detector:
    """A face detector.

    Args:
        name: "cascade", OpenCV's; "fhr", a net of `experiments/train_detector.py`; or "yunet", through OpenCV.
        file: of the net, for "fhr" and "yunet".

    Raises:
        InputError: there is no such detector, its file is missing, superfluous or cannot be read, or OpenCV is missing.
    """
    if name not in DETECTORS:
        raise InputError(f"detector {name!r}: expected one of {', '.join(DETECTORS)}")
    if name == "cascade":
        if file is not None:
            raise InputError(f"detector cascade: takes no file, but got {os.fspath(file)}")
        return cascade()
    if file is None:
        kind = "the ONNX file of YuNet" if name == "yunet" else "the .npz file of a trained detector"
        raise InputError(f"detector {name}: needs {kind}")
    return yunet(file) if name == "yunet" else partial(detector.find_faces, detector.load(file))
