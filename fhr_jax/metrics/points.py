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
    """Euclidean length along the last axis; its gradient at zero is zero."""
    squared = (vectors**2).sum(axis=-1)
    positive = squared > 0
    # 0 * squared, not 0: NaN must stay NaN.
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), 0 * squared)


def point_errors(predictions: AnyPoints, truth: AnyPoints) -> Float[Array, "*batch m"]:
    """Euclidean distance of every landmark to the truth, in the pixels of the input; NaN for a NaN point."""
    return length(jnp.asarray(predictions) - jnp.asarray(truth))


def interocular(points: AnyPoints, *, markup: Markup = FACE68) -> Float[Array, "*batch"]:
    """Distance between the outer corners of both eyes, in pixels."""
    points = jnp.asarray(points)
    left, right = markup.eye_corners
    return length(points[..., left, :] - points[..., right, :])


@partial(jax.jit, static_argnames="markup")
def nrmse(predictions: AnyPoints, truth: AnyPoints, *, markup: Markup = FACE68) -> Float[Array, "*batch"]:
    """Normalized error of each image in percent: mean point error over the true inter-ocular distance.

    (The literature's name says "root mean square"; it has always been the mean of the distances.)

    Args:
        predictions: (..., M, 2) in pixels, order (x, y).
        truth: the same for the true landmarks.
        markup: names the eye corners; `markup.FACE7` for the 7-point setting.
    """
    return 100 * point_errors(predictions, truth).mean(axis=-1) / interocular(truth, markup=markup)


def select_seven(points: Float[Array | np.ndarray, "*batch 68 2"]) -> Float[Array, "*batch 7 2"]:
    """The seven of the 68 landmarks that the 7-point setting compares, in the order of `markup.FACE7`."""
    return jnp.asarray(points)[..., jnp.array(SEVEN_OF_68), :]
