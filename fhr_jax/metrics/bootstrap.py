"""How sure the mean of some values is, such as the differences of two methods on the same images."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fhr_jax.errors import InputError

AT_ONCE = 64
"""Samples that are drawn at a time, so that memory does not grow with their number."""


class Interval(NamedTuple):
    """A mean, and between which values it lies with some confidence, in the unit of the values."""

    mean: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]


def bootstrap(
    key: PRNGKeyArray, values: Float[Array | np.ndarray, " n"], *, samples: int = 2000, level: float = 0.95
) -> Interval:
    """Percentile bootstrap of the mean: over sets of n values, drawn with repetition from the n that there are.

    For two methods give the differences of their errors, image by image: that the images are of different difficulty
    then does not matter, and a gain is real, as far as the choice of images goes, where the interval leaves out 0.

    Args:
        key: random.
        values: one an image, video or whatever was drawn independently; frames of one video were not.
        samples: how many sets are drawn.
        level: share of the sets whose mean lies in the interval.

    Raises:
        InputError: no values, one that is not finite, or a level outside (0, 1).
    """
    values = jnp.asarray(values)
    if not len(values) or samples < 1 or not 0 < level < 1:
        raise InputError(f"metrics.bootstrap: {len(values)} values, {samples} samples, level {level}")
    if not jnp.isfinite(values).all():
        raise InputError("metrics.bootstrap: a value is not finite")
    means = _means(key, values, samples)
    low, high = jnp.quantile(means, jnp.array([(1 - level) / 2, (1 + level) / 2]))
    return Interval(mean=values.mean(), low=low, high=high)


@partial(jax.jit, static_argnames="samples")
def _means(key: PRNGKeyArray, values: Float[Array, " n"], samples: int) -> Float[Array, " samples"]:
    def one(key: PRNGKeyArray) -> Array:
        return values[jax.random.randint(key, values.shape, 0, len(values))].mean()

    return jax.lax.map(one, jax.random.split(key, samples), batch_size=AT_ONCE)
