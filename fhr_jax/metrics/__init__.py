"""Accuracy and steadiness of landmarks, as the papers of this field measure them.

* `points`: errors of single images.
* `summary`: tables over many images.
* `bootstrap`: confidence intervals of means.
* `motion`: the motion of a track compared with the true motion.
* `delay`: the number of frames by which a track lags.
* `videos`: tables over many videos.
* `eyelid_lip_opening`: the openings of eyelids and lips.
* `regions`: errors by region of the face, how lengths and openings follow the truth, constant offsets.

Functions take JAX or NumPy arrays in any pixel unit. All return JAX arrays, except `second_difference` and those of
`bootstrap`, `videos`, `eyelid_lip_opening` and `regions`. A number that is not defined (no image, no valid pair of
frames) is NaN; for a face that stands still all numbers are defined.
"""

from fhr_jax.lazy import submodules
from fhr_jax.metrics.bootstrap import Interval, bootstrap
from fhr_jax.metrics.delay import delay
from fhr_jax.metrics.motion import Evaluation, MotionScore, evaluation, motion, second_difference, stability
from fhr_jax.metrics.points import interocular, nrmse, point_errors, select_seven
from fhr_jax.metrics.summary import Ced, ScaleTable, auc, ced, failure_rate, scale_groups, scale_table
from fhr_jax.metrics.videos import VideoScore, VideosSummary, score_video, summarize_videos

__all__ = [
    "Ced",
    "Evaluation",
    "Interval",
    "MotionScore",
    "ScaleTable",
    "VideoScore",
    "VideosSummary",
    "auc",
    "bootstrap",
    "ced",
    "delay",
    "evaluation",
    "failure_rate",
    "interocular",
    "motion",
    "nrmse",
    "point_errors",
    "scale_groups",
    "scale_table",
    "score_video",
    "second_difference",
    "select_seven",
    "stability",
    "summarize_videos",
]

__getattr__, __dir__ = submodules(__name__)
