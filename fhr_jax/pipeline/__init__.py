"""The whole path, one line an arrow: image -> box -> crop -> heatmaps -> landmarks -> stabilized landmarks.

`predict` is the network with its decoder, `align_image` places it on one face of an image, `align_video` follows a
face through frames, one at a time.
"""

from fhr_jax.pipeline.following import MAX_GROWTH, MIN_CONFIDENCE, Face, align_image, align_video
from fhr_jax.pipeline.predicting import BATCH, CALIBRATED, MARKUPS, Prediction, heatmaps, predict, predict_all
from fhr_jax.pipeline.square import CROP_SCALE, Box, Square, around, box_of

__all__ = [
    "BATCH",
    "CALIBRATED",
    "CROP_SCALE",
    "MARKUPS",
    "MAX_GROWTH",
    "MIN_CONFIDENCE",
    "Box",
    "Face",
    "Prediction",
    "Square",
    "align_image",
    "align_video",
    "around",
    "box_of",
    "heatmaps",
    "predict",
    "predict_all",
]
