"""Find faces by fractional heatmap regression: a small fully convolutional net with a map of face centres and sizes.

The picture is shrunk to a fixed longer side (`letterbox`), and again by halves: at each scale the net (`net`) finds
faces of a few dozen pixels, so one set of weights finds faces of any size. `atlas` puts
the scales on one canvas. Peaks of the map of centres are decoded to a fraction of a cell (`decoding`), overlapping
boxes are suppressed (`suppression`). `find` does all of it, `targets` makes the maps to learn, `files` reads and writes
nets, `matching` compares boxes with the truth. `detections` is the interface of any face detector.
"""

from fhr_jax.detector.detections import Detections, Detector, checked
from fhr_jax.detector.files import load, save
from fhr_jax.detector.find import find_faces
from fhr_jax.detector.net import CentreNet, DetectorConfig, DetectorNet, init
from fhr_jax.lazy import submodules

__all__ = [
    "CentreNet",
    "Detections",
    "Detector",
    "DetectorConfig",
    "DetectorNet",
    "checked",
    "find_faces",
    "init",
    "load",
    "save",
]

__getattr__, __dir__ = submodules(__name__)
