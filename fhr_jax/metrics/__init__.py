"""How accurate and how steady landmarks are, as the papers of this field measure it.

`points`: errors of single images. `summary`: what a table says of many images. `paired`: how sure a difference is.
`motion`: how a track moves beside the truth. `delay`: by how many frames it lags. `videos`: tables of many videos.

Functions take JAX or NumPy arrays in any pixel unit and return JAX arrays. A number that nothing defines (no
image, no valid pair of frames) is NaN; standing still is no such case.
"""

from fhr_jax.metrics.bootstrap import Interval, bootstrap
from fhr_jax.metrics.delay import delay
from fhr_jax.metrics.motion import Evaluation, MotionScore, evaluation, motion, stability
from fhr_jax.metrics.points import interocular, nrmse, point_errors, select_seven
from fhr_jax.metrics.summary import Ced, ScaleTable, auc, ced, failure_rate, scale_groups, scale_table
from fhr_jax.metrics.videos import VideoScore, VideosSummary, over_videos, score_video

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
    "over_videos",
    "point_errors",
    "scale_groups",
    "scale_table",
    "score_video",
    "select_seven",
    "stability",
]
