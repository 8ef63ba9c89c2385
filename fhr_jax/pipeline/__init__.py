"""The whole path, one line an arrow: image -> box -> crop -> heatmaps -> landmarks -> stabilized landmarks.

`predict` is the network with its decoder, `align_image` places it on one face of an image, `align_video` follows a
face through frames, one at a time.
"""

from fhr_jax.geometry import CROP_SCALE, box_of
from fhr_jax.pipeline.crop_region import CropRegion, region_from_landmarks
from fhr_jax.pipeline.inference import BATCH, CALIBRATED, MARKUPS, Prediction, heatmaps, predict, predict_all
from fhr_jax.pipeline.tracking import MAX_GROWTH, MIN_CONFIDENCE, Face, align_image, align_video
from fhr_jax.types import Box

__all__ = [
    "BATCH",
    "CALIBRATED",
    "CROP_SCALE",
    "MARKUPS",
    "MAX_GROWTH",
    "MIN_CONFIDENCE",
    "Box",
    "CropRegion",
    "Face",
    "Prediction",
    "align_image",
    "align_video",
    "box_of",
    "heatmaps",
    "predict",
    "predict_all",
    "region_from_landmarks",
]
