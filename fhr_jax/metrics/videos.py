"""What a table says of many videos, in some of whose frames the face may be lost or not annotated."""

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
    """One video.

    Attributes:
        errors: NRMSE of every frame in percent (T,); NaN where the face is lost.
        stability: in percent, over pairs of neighbouring frames that both have landmarks; NaN if there is none.
        pairs: how many these are.
    """

    errors: Float[np.ndarray, " t"]
    stability: float
    pairs: int


class VideosSummary(NamedTuple):
    """Many videos, all numbers but `frames` in percent.

    Attributes:
        nrmse: mean over all frames in which the face is not lost.
        stability: mean over all pairs of neighbouring frames with landmarks.
        nrmse_of_videos: mean over videos of the means of their frames.
        stability_of_videos: mean over videos of the means of their pairs.
        lost: share of the frames in which the face is lost.
        auc: area under the cumulative error curve; a lost face is the worst error.
        failure_rate: share of the frames whose face is lost or whose error is above the limit.
        frames: their number.
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
    numbers: Int[np.ndarray, " t"],
    *,
    markup: Markup = FACE68,
) -> VideoScore:
    """NRMSE of every frame, and the stability of those that follow one another.

    Args:
        predictions: (T, M, 2) in pixels of the video; NaN where the face is lost.
        truth: (T, M, 2), finite.
        numbers: of the frames, ascending; where one is missing, its neighbours are no pair.
        markup: names the eye corners.

    Raises:
        InputError: numbers do not ascend.
    """
    steps = np.diff(numbers)
    if (steps < 1).any():
        raise InputError("metrics.score_video: numbers of frames must ascend")
    # From a corner of the face, so that float32 keeps its digits in large pictures.
    truth = np.asarray(truth, np.float64)
    origin = truth.min(axis=(0, 1), keepdims=True)
    x, p = ((np.asarray(track, np.float64) - origin).astype(np.float32) for track in (predictions, truth))
    gaps = np.flatnonzero(steps > 1) + 1
    apart = [np.insert(track, gaps, np.nan, axis=0) for track in (x, p)]  # no pair goes over a frame without landmarks
    valid = np.isfinite(apart[0]).all(axis=(1, 2))
    pairs = int((valid[1:] & valid[:-1]).sum())
    return VideoScore(np.asarray(nrmse(x, p, markup=markup)), float(stability(*apart, markup=markup)), pairs)


def over_videos(scores: Sequence[VideoScore], *, limit: float = 8.0) -> VideosSummary:
    """Means over all frames, and over videos; NaN where nothing has landmarks."""
    errors = np.concatenate([each.errors for each in scores])
    each_error = [_mean(each.errors[np.isfinite(each.errors)]) for each in scores]
    moving = [each for each in scores if each.pairs]
    pairs = np.array([each.pairs for each in moving])
    steadiness = np.array([each.stability for each in moving])
    return VideosSummary(
        nrmse=_mean(errors[np.isfinite(errors)]),
        stability=float((steadiness * pairs).sum() / pairs.sum()) if moving else float("nan"),
        nrmse_of_videos=_mean([error for error in each_error if np.isfinite(error)]),
        stability_of_videos=_mean(steadiness),
        lost=100 * _mean(np.isnan(errors)),
        auc=float(auc(jnp.asarray(errors), limit=limit)),
        failure_rate=float(failure_rate(jnp.asarray(errors), limit=limit)),
        frames=len(errors),
    )


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
