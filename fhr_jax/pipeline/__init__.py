"""The whole path: image -> box -> crop -> heatmaps -> landmarks -> stabilized landmarks.

`predict` runs the network and its decoder on crops, `align_image` finds the landmarks of one face in an image, and
`align_video` follows a face through the frames of a video, one at a time, and `align_faces` several.
"""

from fhr_jax.pipeline.aligner import MAX_GROWTH, MIN_CONFIDENCE
from fhr_jax.pipeline.crop_region import CropRegion, region_from_landmarks
from fhr_jax.pipeline.face import Face
from fhr_jax.pipeline.inference import (
    BATCH,
    CALIBRATED_DECODER,
    Prediction,
    can_mirror,
    heatmap_batches,
    heatmaps,
    is_calibrated,
    predict,
    predict_all,
)
from fhr_jax.pipeline.several_faces import DETECT_EVERY, FaceInFrame, align_faces
from fhr_jax.pipeline.tracking import align_image, align_video
from fhr_jax.types import Box

__all__ = [
    "BATCH",
    "CALIBRATED_DECODER",
    "DETECT_EVERY",
    "MAX_GROWTH",
    "MIN_CONFIDENCE",
    "Box",
    "CropRegion",
    "Face",
    "FaceInFrame",
    "Prediction",
    "align_faces",
    "align_image",
    "align_video",
    "can_mirror",
    "heatmap_batches",
    "heatmaps",
    "is_calibrated",
    "predict",
    "predict_all",
    "region_from_landmarks",
]
