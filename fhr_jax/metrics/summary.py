"""What a table says of the errors of many images. Errors are in percent, one an image, as `nrmse` gives them.

An image whose error is NaN has no prediction: it counts as the worst, never as absent.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68, Markup
from fhr_jax.metrics.points import interocular, point_errors

Errors = Float[Array | np.ndarray, " n"]


def auc(errors: Errors, *, limit: float = 8.0) -> Float[Array, ""]:
    """Area under the cumulative error curve up to `limit`, divided by `limit`, in percent.

    The curve is a step function, so its area is exact: an image of error e adds max(0, limit - e).
    """
    return 100 * jnp.clip(1 - _worst_if_missing(errors) / limit, 0, 1).mean()


def failure_rate(errors: Errors, *, limit: float = 8.0) -> Float[Array, ""]:
    """Share of the images whose error is above `limit`, in percent."""
    return 100 * (_worst_if_missing(errors) > limit).mean()


class Ced(NamedTuple):
    """Cumulative error distribution: a step function that rises to `share[i]` at `error[i]`.

    Attributes:
        error: errors in ascending order (n,); images without a prediction come last, as infinity.
        share: percent of the images whose error is at most `error[i]` (n,).
    """

    error: Float[Array, " n"]
    share: Float[Array, " n"]


def ced(errors: Errors) -> Ced:
    """The cumulative error curve of the errors, exact at every image."""
    ordered = jnp.sort(_worst_if_missing(errors))
    rank = jnp.searchsorted(ordered, ordered, side="right")
    return Ced(error=ordered, share=100 * rank / max(ordered.shape[0], 1))


class ScaleTable(NamedTuple):
    """Mean point distance by size of the face (Table 2), groups from small to large.

    Attributes:
        edges: inter-ocular distances in pixels that bound the groups (groups + 1,).
        error: mean distance of a point to the truth in pixels, a group (groups,).
        images: number of images in each group (groups,).
        size: mean inter-ocular distance in pixels, a group (groups,).
    """

    edges: Float[Array, " edges"]
    error: Float[Array, " groups"]
    images: Int[Array, " groups"]
    size: Float[Array, " groups"]


def scale_groups(
    truth: Float[Array | np.ndarray, "n m 2"], *, groups: int = 5, markup: Markup = FACE68
) -> Int[Array, " n"]:
    """The group of every image, 0 for the smallest faces: equal groups by inter-ocular distance of the truth.

    Of n images in order of size, group g holds those from g n / groups to (g + 1) n / groups, rounded down, so that
    sizes of groups differ by at most one.

    Raises:
        InputError: fewer images than groups.
    """
    images = len(truth)
    if not 1 <= groups <= images:
        raise InputError(f"metrics.scale_groups: {groups} groups need at least as many images, found {images}")
    rank = jnp.argsort(jnp.argsort(interocular(truth, markup=markup)))
    starts = jnp.array([g * images // groups for g in range(groups)])
    return jnp.searchsorted(starts, rank, side="right") - 1


def scale_table(
    predictions: Float[Array | np.ndarray, "n m 2"],
    truth: Float[Array | np.ndarray, "n m 2"],
    *,
    groups: int = 5,
    markup: Markup = FACE68,
) -> ScaleTable:
    """Sort the images by inter-ocular distance of the truth, cut them into equal groups, average each.

    An inner edge lies half way between the images on its two sides; see `scale_groups`.

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
