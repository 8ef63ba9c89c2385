"""What the tables of the stabilizer say of an output: the loss and its terms, NRMSE, stability, delay."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import metrics
from fhr_jax.losses import stabilization
from fhr_jax.stabilizer import Params, Videos, run


class Score(NamedTuple):
    """Numbers of one output over all videos; lower is better in all but `delay`, whose best is 0.

    Attributes:
        loss: of Eq. 11, px^2.
        euclidean: its first term, px^2.
        late: its delay term, unweighted.
        smooth: its smooth term, unweighted, px^2.
        nrmse: percent of the inter-ocular distance, the mean over the scored frames of a video, then over videos.
        stability: NRMSE of the motion, percent, the mean over videos.
        delay: frames, the mean over videos; positive is late.
    """

    loss: float
    euclidean: float
    late: float
    smooth: float
    nrmse: float
    stability: float
    delay: float


def score(
    output: Float[Array, "n t m d"],
    videos: Videos,
    *,
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
) -> Score:
    """Score the outputs for `videos.observed`, 68 points in pixels of the 256 crop, against the truth.

    Args:
        output: same shape as the truth.
        videos: truth and mask; only masked frames count.
        lambda1: weight of the smooth term in `loss`.
        lambda2: weight of the delay in `loss`.
        lambda3: see `stabilization`.
    """
    terms = stabilization(output, videos.truth, lambda1=lambda1, lambda2=lambda2, lambda3=lambda3, mask=videos.mask)
    errors = jnp.where(videos.mask, metrics.nrmse(output, videos.truth), jnp.nan)
    each = (
        jnp.nanmean(errors, axis=1),
        metrics.stability(output, videos.truth, mask=videos.mask),
        metrics.delay(output, videos.truth, mask=videos.mask),
    )
    return Score(*(float(term) for term in terms), *(float(jnp.nanmean(value)) for value in each))


def run_all(params: Params, observed: Float[Array, "n t m d"]) -> Float[Array, "n t m d"]:
    """`run` of every track."""
    return jax.vmap(lambda track: run(params, track))(observed)


def over_seeds(scores: Sequence[Score]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of every number over the seeds."""
    return {
        name: {"mean": float(np.mean(values)), "sd": float(np.std(values))}
        for name, values in zip(Score._fields, zip(*scores, strict=True), strict=True)
    }
