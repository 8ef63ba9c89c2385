"""Tables over many images. Errors are in percent, one per image, as `nrmse` gives them.

An image with the error NaN has no prediction. It is not left out: it counts as an infinite error.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68, Markup
from fhr_jax.metrics.points import interocular, point_errors

Errors = Float[Array | np.ndarray, " n"]


def auc(errors: Errors, *, limit: float = 8.0) -> Float[Array, ""]:
    """Area under the cumulative error curve of errors (N,) up to `limit`, divided by `limit`, in percent.

    The curve is a step function, so its area is exact: an image of error e adds max(0, limit - e).
    """
    return 100 * jnp.clip(1 - _worst_if_missing(errors) / limit, 0, 1).mean()


def failure_rate(errors: Errors, *, limit: float = 8.0) -> Float[Array, ""]:
    """Percentage of the images with an error above `limit`, from errors (N,) in percent."""
    return 100 * (_worst_if_missing(errors) > limit).mean()


class Ced(NamedTuple):
    """Cumulative error distribution: a step function that rises to `share[i]` at `error[i]`.

    Attributes:
        error: errors in ascending order (N,); images without a prediction come last, as infinity.
        share: percentage of the images whose error is at most `error[i]` (N,).
    """

    error: Float[Array, " n"]
    share: Float[Array, " n"]


def ced(errors: Errors) -> Ced:
    """The cumulative error curve of errors (N,), in percent, exact at every image."""
    ordered = jnp.sort(_worst_if_missing(errors))
    rank = jnp.searchsorted(ordered, ordered, side="right")
    return Ced(error=ordered, share=100 * rank / max(ordered.shape[0], 1))


class ScaleTable(NamedTuple):
    """Mean point distance by size of the face (Table 2), in G groups from small to large.

    Attributes:
        edges: inter-ocular distances in pixels between the groups (G + 1,).
        error: mean distance of a point to the truth in pixels, per group (G,).
        images: number of images per group (G,).
        size: mean inter-ocular distance in pixels, per group (G,).
    """

    edges: Float[Array, " edges"]
    error: Float[Array, " groups"]
    images: Int[Array, " groups"]
    size: Float[Array, " groups"]


def scale_groups(
    truth: Float[Array | np.ndarray, "n m 2"], *, groups: int = 5, markup: Markup = FACE68
) -> Int[Array, " n"]:
    """The group (N,) of every image, 0 for the smallest faces, from true landmarks (N, M, 2).

    Groups are equal in number, by the true inter-ocular distance. Of n images in order of size, group g holds those
    from g n / groups to (g + 1) n / groups, rounded down, so the numbers differ by at most one.

    Raises:
        InputError: fewer images than groups.
    """
    images = len(truth)
    if not 1 <= groups <= images:
        raise InputError(f"metrics.scale_groups: {groups} groups need at least as many images, got {images}")
    return _groups(jnp.asarray(truth), jnp.asarray(groups), markup)


@partial(jax.jit, static_argnames="markup")
def _groups(truth: Float[Array, "n m 2"], groups: Int[Array, ""], markup: Markup) -> Int[Array, " n"]:
    rank = jnp.argsort(jnp.argsort(interocular(truth, markup=markup)))
    # The largest g with g n / groups < rank + 1.
    return ((rank + 1) * groups - 1) // len(truth)


def scale_table(
    predictions: Float[Array | np.ndarray, "n m 2"],
    truth: Float[Array | np.ndarray, "n m 2"],
    *,
    groups: int = 5,
    markup: Markup = FACE68,
) -> ScaleTable:
    """Sort the images by true inter-ocular distance, divide them into equal groups and average each.

    An edge between two groups lies half way between the images on its two sides; see `scale_groups`.

    Args:
        predictions: (N, M, 2) in pixels.
        truth: true landmarks (N, M, 2).
        groups: number of groups G.
        markup: names the eye corners.

    Raises:
        InputError: fewer images than groups.
    """
    group = scale_groups(truth, groups=groups, markup=markup)
    sizes = interocular(truth, markup=markup)
    errors = point_errors(predictions, truth).mean(axis=-1)
    members = group[None] == jnp.arange(groups).reshape(-1, 1)
    images = members.sum(axis=1)

    def means(values: Array) -> Array:
        return jnp.where(members, values[None], 0).sum(axis=1) / images

    smallest = jnp.where(members, sizes[None], jnp.inf).min(axis=1)
    largest = jnp.where(members, sizes[None], -jnp.inf).max(axis=1)
    inner = (largest[:-1] + smallest[1:]) / 2
    edges = jnp.concatenate([smallest[:1], inner, largest[-1:]])
    return ScaleTable(edges=edges, error=means(errors), images=images, size=means(sizes))


def _worst_if_missing(errors: Errors) -> Float[Array, " n"]:
    errors = jnp.asarray(errors)
    return jnp.where(jnp.isnan(errors), jnp.inf, errors)
