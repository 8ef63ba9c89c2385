"""The face detectors by name."""

import os
from functools import cache, partial
from typing import get_args

from fhr_jax import detector
from fhr_jax.choices import DEFAULT_DETECTOR, DetectorName
from fhr_jax.detector import Detector
from fhr_jax.errors import InputError
from fhr_jax.pipeline.cascade import cascade
from fhr_jax.pipeline.yunet import yunet

DEFAULT = DEFAULT_DETECTOR
DETECTORS: tuple[DetectorName, ...] = get_args(DetectorName)


def fhr(*, file: str | os.PathLike[str] | None = None) -> Detector:
    """Our own detector, by fractional heatmap regression, from a file or from the package; see `fhr_jax.detector`.

    Raises:
        InputError: the file cannot be read or holds no detector.
    """
    return partial(detector.find_faces, _packaged() if file is None else detector.load(file))


@cache
def _packaged() -> detector.DetectorNet:
    """The detector in the package, read once: `align_image` asks for it with every picture."""
    return detector.load()


def open_detector(name: str, *, file: str | os.PathLike[str] | None = None) -> Detector:
    """A face detector.

    Args:
        name: "fhr", by fractional heatmap regression; "cascade", OpenCV's; or "yunet", through OpenCV.
        file: of the net, for "fhr" (None: the net in the package) and "yunet".

    Raises:
        InputError: there is no such detector, its file is missing, superfluous or cannot be read, or OpenCV is missing.
    """
    if name not in DETECTORS:
        raise InputError(f"detector {name!r}: expected one of {', '.join(DETECTORS)}")
    if name == "cascade":
        if file is not None:
            raise InputError(f"detector cascade: takes no file, but got {os.fspath(file)}")
        return cascade()
    if name == "fhr":
        return fhr(file=file)
    if file is None:
        raise InputError("detector yunet: needs the ONNX file of YuNet")
    return yunet(file)
