"""Errors of the landmarks of single images."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.markup import FACE68, SEVEN_OF_68, Markup

AnyPoints = Float[Array | np.ndarray, "*batch m 2"]
"""Landmarks (x, y) in pixels, from JAX or NumPy."""


def length(vectors: Float[Array, "*batch d"]) -> Float[Array, "*batch"]:
    """Euclidean length along the last axis, (..., D) to (...), in the same unit; its gradient at zero is zero."""
    squared = (vectors**2).sum(axis=-1)
    positive = squared > 0
    # 0 * squared, because NaN must stay NaN.
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), 0 * squared)


def point_errors(predictions: AnyPoints, truth: AnyPoints) -> Float[Array, "*batch m"]:
    """Euclidean distance (..., M) of every landmark (..., M, 2) to the truth, in pixels; NaN for a NaN point."""
    return length(jnp.asarray(predictions) - jnp.asarray(truth))


def interocular(points: AnyPoints, *, markup: Markup = FACE68) -> Float[Array, "*batch"]:
    """Distance (...) between the outer corners of both eyes of landmarks (..., M, 2), in pixels."""
    points = jnp.asarray(points)
    left, right = markup.eye_corners
    return length(points[..., left, :] - points[..., right, :])


@partial(jax.jit, static_argnames="markup")
def nrmse(predictions: AnyPoints, truth: AnyPoints, *, markup: Markup = FACE68) -> Float[Array, "*batch"]:
    """Normalized error of each image in percent: mean point error over the true inter-ocular distance.

    The name in the literature says "root mean square", but the papers compute the mean of the distances.

    Args:
        predictions: (..., M, 2) in pixels, order (x, y).
        truth: true landmarks (..., M, 2).
        markup: names the eye corners; `markup.FACE7` for the 7-point setting.

    Returns:
        The errors (...).
    """
    return 100 * point_errors(predictions, truth).mean(axis=-1) / interocular(truth, markup=markup)


def select_seven(points: Float[Array | np.ndarray, "*batch 68 2"]) -> Float[Array, "*batch 7 2"]:
    """The 7-point setting, (..., 68, 2) to (..., 7, 2) in the same unit, in the order of `markup.FACE7`."""
    return jnp.asarray(points)[..., jnp.array(SEVEN_OF_68), :]
