"""Tables over many videos, with frames in which the face is lost or not annotated."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68, Markup
from fhr_jax.metrics.motion import stability
from fhr_jax.metrics.points import nrmse
from fhr_jax.metrics.summary import auc, failure_rate


class VideoScore(NamedTuple):
    """The errors of one video.

    Attributes:
        errors: NRMSE of every frame in percent (T,); NaN where the face is lost.
        stability: in percent, over pairs of consecutive frames that both have landmarks; NaN if there is no pair.
        pairs: number of these pairs.
    """

    errors: Float[np.ndarray, " t"]
    stability: float
    pairs: int


class VideosSummary(NamedTuple):
    """The errors of many videos; all numbers but `frames` are in percent.

    Attributes:
        nrmse: mean over all frames in which the face is not lost.
        stability: mean over all pairs of consecutive frames with landmarks.
        nrmse_of_videos: mean over videos of the mean over their frames.
        stability_of_videos: mean over videos of the mean over their pairs.
        lost: percentage of the frames in which the face is lost.
        auc: area under the cumulative error curve; a lost face counts as an infinite error.
        failure_rate: percentage of the frames with a lost face or an error above the limit.
        frames: number of frames.
    """

    nrmse: float
    stability: float
    nrmse_of_videos: float
    stability_of_videos: float
    lost: float
    auc: float
    failure_rate: float
    frames: int


def score_video(
    predictions: Float[Array | np.ndarray, "t m 2"],
    truth: Float[Array | np.ndarray, "t m 2"],
    frame_numbers: Int[np.ndarray, " t"],
    *,
    markup: Markup = FACE68,
) -> VideoScore:
    """NRMSE of every frame, and stability over pairs of consecutive frames.

    Args:
        predictions: (T, M, 2) in pixels of the video; NaN where the face is lost.
        truth: (T, M, 2), finite.
        frame_numbers: (T,), ascending. Frames with a gap between them are no pair.
        markup: names the eye corners.

    Raises:
        InputError: the frame numbers do not ascend.
    """
    steps = np.diff(frame_numbers)
    if (steps < 1).any():
        raise InputError("metrics.score_video: expected frame_numbers in ascending order")
    # Relative to a corner of the face: float32 coordinates of large images have too few digits.
    truth = np.asarray(truth, np.float64)
    origin = truth.min(axis=(0, 1), keepdims=True)
    x, p = ((np.asarray(track, np.float64) - origin).astype(np.float32) for track in (predictions, truth))
    gaps = np.flatnonzero(steps > 1) + 1
    separated = [np.insert(track, gaps, np.nan, axis=0) for track in (x, p)]  # so that no pair spans a gap
    valid = np.isfinite(separated[0]).all(axis=(1, 2))
    pairs = int((valid[1:] & valid[:-1]).sum())
    return VideoScore(np.asarray(nrmse(x, p, markup=markup)), float(stability(*separated, markup=markup)), pairs)


def summarize_videos(scores: Sequence[VideoScore], *, limit: float = 8.0) -> VideosSummary:
    """Means over all frames and over videos; NaN where no frame has landmarks."""
    errors = np.concatenate([score.errors for score in scores])
    video_errors = [_mean(score.errors[np.isfinite(score.errors)]) for score in scores]
    with_pairs = [score for score in scores if score.pairs]
    pairs = np.array([score.pairs for score in with_pairs])
    stabilities = np.array([score.stability for score in with_pairs])
    return VideosSummary(
        nrmse=_mean(errors[np.isfinite(errors)]),
        stability=float((stabilities * pairs).sum() / pairs.sum()) if with_pairs else float("nan"),
        nrmse_of_videos=_mean([error for error in video_errors if np.isfinite(error)]),
        stability_of_videos=_mean(stabilities),
        lost=100 * _mean(np.isnan(errors)),
        auc=float(auc(jnp.asarray(errors), limit=limit)),
        failure_rate=float(failure_rate(jnp.asarray(errors), limit=limit)),
        frames=len(errors),
    )


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
