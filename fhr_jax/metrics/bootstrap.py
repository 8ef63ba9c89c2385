"""Confidence intervals of a mean, such as that of the differences of two methods on the same images."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fhr_jax.errors import InputError

_BATCH = 64
"""Resamples that SciPy draws at a time, so that memory does not grow with their number."""


class Interval(NamedTuple):
    """A mean and the bounds of its confidence interval, in the unit of the values."""

    mean: float
    low: float
    high: float


def bootstrap(
    key: PRNGKeyArray, values: Float[Array | np.ndarray, " n"], *, samples: int = 2000, level: float = 0.95
) -> Interval:
    """Percentile bootstrap of the mean, by `scipy.stats.bootstrap`.

    To compare two methods, give the differences of their errors image by image. Then it does not matter that some
    images are more difficult than others. If the interval does not contain 0, the gain does not depend on the choice of
    images.

    Args:
        key: of the random resamples.
        values: (N,), one per independent draw: an image or a video, but not a frame of a video.
        samples: number of resamples.
        level: confidence level of the interval.

    Raises:
        InputError: there are no values, one is not finite, `samples` is below 1, or `level` is outside (0, 1).
    """
    import scipy.stats

    values = np.asarray(values, np.float64)
    if not len(values) or samples < 1 or not 0 < level < 1:
        raise InputError(
            f"metrics.bootstrap: got {len(values)} values, samples={samples} and level={level}, "
            "expected at least one value, one sample and a level between 0 and 1"
        )
    if not np.isfinite(values).all():
        raise InputError("metrics.bootstrap: a value is not finite")
    mean = float(values.mean())
    if len(values) == 1:  # SciPy expects two; every resample of one value is that value
        return Interval(mean, mean, mean)
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    found = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=samples,
        confidence_level=level,
        method="percentile",
        batch=_BATCH,
        rng=generator,
    )
    low, high = found.confidence_interval
    return Interval(mean, float(low), float(high))
