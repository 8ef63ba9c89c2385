"""Scores of a stabilized track: loss terms, NRMSE, stability, delay."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import metrics
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights, stabilization
from fhr_jax.stabilizer import Videos


class Score(NamedTuple):
    """Numbers of one output over all videos. Lower is better, except for `delay`, where 0 is best.

    Attributes:
        loss: of Eq. 11, px^2.
        euclidean: its first term, px^2.
        delay_term: its delay term, unweighted, in squared steps of the truth.
        smooth: its smooth term, unweighted, px^2.
        nrmse: percent of the inter-ocular distance, the mean over the scored frames of a video, then over videos.
        stability: NRMSE of the motion, percent, the mean over videos.
        delay: frames, the mean over videos; positive is late.
    """

    loss: float
    euclidean: float
    delay_term: float
    smooth: float
    nrmse: float
    stability: float
    delay: float


def score(
    output: Float[Array, "n t m d"],
    videos: Videos,
    *,
    weights: LossWeights = PAPER_WEIGHTS,
) -> Score:
    """Score the outputs of a filter for `videos.observed` against the truth.

    Args:
        output: (N, T, 68, 2), pixels of the 256 crop.
        videos: truth and mask; only frames where the mask is True count.
        weights: lambda_1, lambda_2 and lambda_3 of `loss`.
    """
    terms = stabilization(output, videos.truth, weights=weights, mask=videos.mask)
    errors = jnp.where(videos.mask, metrics.nrmse(output, videos.truth), jnp.nan)
    each = (
        jnp.nanmean(errors, axis=1),
        metrics.stability(output, videos.truth, mask=videos.mask),
        metrics.delay(output, videos.truth, mask=videos.mask),
    )
    return Score(*(float(term) for term in terms), *(float(jnp.nanmean(value)) for value in each))


def over_seeds(scores: Sequence[Score]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over the seeds, by the name of the number."""
    return {
        name: {"mean": float(np.mean(values)), "sd": float(np.std(values))}
        for name, values in zip(Score._fields, zip(*scores, strict=True), strict=True)
    }
