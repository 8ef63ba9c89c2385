"""Errors of the landmarks of single images."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.markup import FACE68, SEVEN_OF_68, Group, Markup

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
    """Distance (...) between the outer corners of both eyes of landmarks (..., M, 2), in pixels.

    For other markups, the distance between the points or groups that they name; if they name none, the size of the box
    of the landmarks, the square root of width times height.
    """
    points = jnp.asarray(points)
    if not markup.eye_corners:
        width, height = jnp.moveaxis(points.max(axis=-2) - points.min(axis=-2), -1, 0)
        return jnp.sqrt(width * height)
    left, right = (_mean_point(points, group) for group in markup.eye_corners)
    return length(left - right)


def _mean_point(points: Float[Array, "*batch m 2"], group: Group) -> Float[Array, "*batch 2"]:
    return points[..., group, :] if isinstance(group, int) else points[..., jnp.array(group), :].mean(axis=-2)


@partial(jax.jit, static_argnames="markup")
def nrmse(predictions: AnyPoints, truth: AnyPoints, *, markup: Markup = FACE68) -> Float[Array, "*batch"]:
    """Normalized error of each image in percent: mean point error over the true inter-ocular distance.

    Of other markups `interocular` says what stands for that distance. The name in the literature says "root mean
    square", but the papers compute the mean of the distances.

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
