"""From a batch of the loader to training examples, on the device: crops and landmarks in crop pixels."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray, UInt32

from fhr_jax import augment, geometry
from fhr_jax.data import faces
from fhr_jax.data.crops import MARGIN, Crops
from fhr_jax.data.records import Records
from fhr_jax.markup import FACE68, Markup
from fhr_jax.types import Affine


class Examples(NamedTuple):
    """Crops (B, S, S, 3) in [0, 1] and their landmarks (B, M, 2) in crop pixels."""

    images: Float[Array, "b s s 3"]
    points: Float[Array, "b m 2"]


Prepare = Callable[[PRNGKeyArray, Any], Examples]
"""prepare(key of the step, batch of the loader) -> examples."""

BATCH = 16
"""Faces are rendered so many at a time, so that one compiled program serves every set."""


@partial(jax.jit, static_argnames="size")
def render(face: faces.SyntheticFace, *, size: int) -> faces.Rendering:
    """Render faces with a leading axis. Compiling this takes longest of all; call it with one shape."""
    return jax.vmap(partial(faces.render, size=size))(face)


def render_in_batches(face: faces.SyntheticFace, *, size: int) -> faces.Rendering:
    """`render` for any number of faces, `BATCH` at a time."""
    number = jax.tree.leaves(face)[0].shape[0]
    order = np.arange(-(-number // BATCH) * BATCH) % number
    parts = [render(jax.tree.map(lambda leaf, i=i: leaf[i], face), size=size) for i in order.reshape(-1, BATCH)]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:number], *parts)


def rendered(
    key: PRNGKeyArray,
    size: int,
    *,
    change: Callable[[faces.SyntheticFace], faces.SyntheticFace] | None = None,
    options: augment.Photometric | None = None,
    **moves: float,
) -> Prepare:
    """Batches {"index": (B,)} to synthetic faces: face number i is the same at every visit, its jitter is not.

    Args:
        key: of the faces.
        size: side of the crops, in pixels.
        change: applied to every face before it is framed, such as one of `faces.WITHOUT`.
        options: of `augment.photometric`.
        **moves: options of `augment.similarity`, but `flip_chance`: half of the faces are mirrored when sampled.
    """
    degrade = jax.jit(jax.vmap(partial(augment.photometric, options=options)))

    def prepare(step_key: PRNGKeyArray, batch: Any) -> Examples:
        index = jnp.asarray(batch["index"])
        jitter_key, photometric_key = jax.random.split(step_key)
        people = _jittered(key, jax.random.split(jitter_key, index.shape[0]), index, size, change, tuple(moves.items()))
        picture = render(people, size=size)
        return Examples(degrade(jax.random.split(photometric_key, index.shape[0]), picture.image), picture.points)

    return prepare


def photographed(
    size: int, *, markup: Markup = FACE68, options: augment.Photometric | None = None, **moves: float
) -> Prepare:
    """Batches of `Crops`, {"image": (B, S', S', 3), "points": (B, M, 2)}, to augmented crops.

    Args:
        size: side of the crops that come out, in pixels.
        markup: of the landmarks.
        options: of `augment.photometric`.
        **moves: options of `augment.similarity`.
    """

    def one(image: Array, points: Array, key: PRNGKeyArray) -> Examples:
        similarity_key, photometric_key = jax.random.split(key)
        affine, flip = augment.similarity(similarity_key, size=size, **moves)
        affine = geometry.compose(affine, _inner(image.shape[0], size))
        crop, moved = augment.geometric(image / 255, points, affine=affine, flip=flip, markup=markup, size=size)
        return Examples(augment.photometric(photometric_key, crop, options=options), moved)

    def prepare(step_key: PRNGKeyArray, batch: Any) -> Examples:
        images, points = jnp.asarray(batch["image"], jnp.float32), jnp.asarray(batch["points"])
        return jax.vmap(one)(images, points, jax.random.split(step_key, images.shape[0]))

    return prepare


def rendered_set(key: PRNGKeyArray, indices: Iterable[int], size: int) -> Examples:
    """Synthetic faces as a detector would crop them: not jittered, not degraded."""
    picture = render_in_batches(_square(key, jnp.asarray(list(indices), jnp.uint32)), size=size)
    return Examples(picture.image, picture.points)


def photographed_set(records: Records, size: int, *, landmarks: int = 68) -> Examples:
    """Records cropped by their boxes: not jittered, not degraded."""
    source = Crops(records, size=size, landmarks=landmarks, margin=1.0)
    seen = [source[i] for i in range(len(source))]
    images, points = (np.stack([example[name] for example in seen]) for name in ("image", "points"))
    return Examples(jnp.asarray(images, jnp.float32) / 255, jnp.asarray(points))


def _inner(stored: int, size: int) -> Affine:
    """From a stored crop, which has a margin, to the crop proper."""
    return geometry.square_crop(jnp.full(2, (stored - 1) / 2), stored / MARGIN, size)


@partial(jax.jit, static_argnames=("size", "change", "moves"))
def _jittered(
    key: PRNGKeyArray,
    keys: Key[Array, " b"],
    index: UInt32[Array, " b"],
    size: int,
    change: Callable[[faces.SyntheticFace], faces.SyntheticFace] | None,
    moves: tuple[tuple[str, float], ...],
) -> faces.SyntheticFace:
    def one(step_key: PRNGKeyArray, i: UInt32[Array, ""]) -> faces.SyntheticFace:
        affine, _ = augment.similarity(step_key, size=size, **dict(moves))  # `sample` mirrors half of the faces itself
        face = faces.sample(jax.random.fold_in(key, i))
        return faces.fill(face if change is None else change(face), jitter=_jitter(affine, size))

    return jax.vmap(one)(keys, index)


@jax.jit
def _square(key: PRNGKeyArray, index: UInt32[Array, " n"]) -> faces.SyntheticFace:
    return jax.vmap(lambda i: faces.fill(faces.sample(jax.random.fold_in(key, i))))(index)


def _jitter(affine: Affine, size: int) -> faces.CameraJitter:
    """The similarity of a crop's pixels as a movement of the camera, so that nothing is resampled."""
    centre = jnp.full((1, 2), (size - 1) / 2)
    shift = (geometry.apply(affine, centre) - centre)[0] / size
    zoom = jnp.hypot(affine[0, 0], affine[1, 0])
    return faces.CameraJitter(zoom=zoom, turn=jnp.arctan2(affine[1, 0], affine[0, 0]), shift=shift)
