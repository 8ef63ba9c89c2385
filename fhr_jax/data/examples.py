"""From a batch of the loader to training examples on the device: augmented crops and their landmarks."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, UInt32

from fhr_jax import augment, geometry
from fhr_jax.data import faces
from fhr_jax.data.crops import MARGIN, Crops
from fhr_jax.data.faces import paint
from fhr_jax.data.records import Records
from fhr_jax.markup import FACE68, Markup
from fhr_jax.types import Affine


class Examples(NamedTuple):
    """Crops (B, S, S, 3) in [0, 1] and their landmarks (B, M, 2) in crop pixels."""

    images: Float[Array, "b s s 3"]
    points: Float[Array, "b m 2"]


Prepare = Callable[[PRNGKeyArray, Any], Examples]
"""prepare(key of the update, batch of the loader) -> examples."""

SYNTHETIC = augment.Photometric(border_chance=0.12)
"""How synthetic faces are degraded: photographs with a face at their edge get their border when they are cropped."""

BATCH = 16
"""Number of faces rendered at a time, so that one compiled program serves all sets."""


@partial(jax.jit, static_argnames="size")
def render(face: faces.SyntheticFace, *, size: int) -> faces.Rendering:
    """Render faces with a leading axis (B,). Compiling takes long, so call it with one shape only."""
    return jax.vmap(partial(faces.render, size=size))(face)


def render_in_batches(face: faces.SyntheticFace, *, size: int) -> faces.Rendering:
    """`render` for any number of faces, `BATCH` at a time."""
    number = jax.tree.leaves(face)[0].shape[0]
    order = np.arange(-(-number // BATCH) * BATCH) % number
    batches = [render(_rows(face, rows), size=size) for rows in order.reshape(-1, BATCH)]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:number], *batches)


@jax.jit
def _rows(face: faces.SyntheticFace, rows: Int[Array, " b"]) -> faces.SyntheticFace:
    return jax.tree.map(lambda leaf: leaf[rows], face)


def synthetic_examples(
    key: PRNGKeyArray,
    size: int,
    *,
    change: Callable[[faces.SyntheticFace], faces.SyntheticFace] | None = None,
    options: augment.Photometric = SYNTHETIC,
    **moves: float,
) -> Prepare:
    """A function that makes examples of synthetic faces from batches {"index": (B,)}.

    Face number i is the same at each visit; its crop and degradation differ.

    Args:
        key: random key of the faces, () or (2,).
        size: side S of the crops in pixels.
        change: applied to each face before it is cropped, such as one of `faces.ABLATIONS`.
        options: of `augment.photometric`.
        **moves: options of `augment.similarity`, except `flip_chance`: half of the faces are mirrored anyway.
    """

    @jax.jit
    @jax.vmap
    def degrade(photometric_key: PRNGKeyArray, picture: faces.Rendering) -> Float[Array, "s s 3"]:
        return augment.photometric(photometric_key, picture.image, options=options, points=picture.points)

    def prepare(step_key: PRNGKeyArray, batch: Any) -> Examples:
        index = jnp.asarray(batch["index"])
        jitter_key, photometric_key = jax.random.split(step_key)
        batch_faces = _jittered(
            key, jax.random.split(jitter_key, index.shape[0]), index, size, change, tuple(moves.items())
        )
        # The barriers keep XLA from repeating each stage in every pixel of the next one, where one program holds them
        # all: on a GPU that did not compile within minutes.
        picture = paint.barrier(render(paint.barrier(batch_faces), size=size))
        return Examples(degrade(jax.random.split(photometric_key, index.shape[0]), picture), picture.points)

    return prepare


def photograph_examples(
    size: int, *, markup: Markup = FACE68, options: augment.Photometric | None = None, **moves: float
) -> Prepare:
    """A function that makes augmented examples from batches of `Crops`.

    The batches are {"image": (B, S', S', 3), "points": (B, M, 2)}, crops with the margin `crops.MARGIN`.

    Args:
        size: side S of the examples in pixels.
        markup: of the landmarks.
        options: of `augment.photometric`.
        **moves: options of `augment.similarity`.
    """

    def one(image: Array, points: Array, key: PRNGKeyArray) -> Examples:
        similarity_key, photometric_key = jax.random.split(key)
        affine, flip = augment.similarity(similarity_key, size=size, **moves)
        affine = geometry.compose(affine, _without_margin(image.shape[0], size))
        crop, moved = augment.geometric(image / 255, points, affine=affine, flip=flip, markup=markup, size=size)
        return Examples(augment.photometric(photometric_key, crop, options=options), moved)

    def prepare(step_key: PRNGKeyArray, batch: Any) -> Examples:
        images, points = jnp.asarray(batch["image"], jnp.float32), jnp.asarray(batch["points"])
        return jax.vmap(one)(images, points, jax.random.split(step_key, images.shape[0]))

    return prepare


def synthetic_batch(key: PRNGKeyArray, indices: Iterable[int], size: int) -> Examples:
    """Synthetic faces, cropped by their landmarks' boxes, without augmentation.

    Args:
        key: random key of the faces, () or (2,).
        indices: numbers of the N faces, as in `synthetic_examples`.
        size: side S of the crops in pixels.

    Returns:
        Images (N, S, S, 3) and landmarks (N, 68, 2).
    """
    picture = render_in_batches(_cropped(key, jnp.asarray(list(indices), jnp.uint32)), size=size)
    return Examples(picture.image, picture.points)


def photograph_batch(records: Records, size: int, *, landmarks: int = 68) -> Examples:
    """N records cropped by their boxes, without augmentation: images (N, S, S, 3) and landmarks (N, M, 2)."""
    source = Crops(records, size=size, landmarks=landmarks, margin=1.0)
    crops = [source[i] for i in range(len(source))]
    images, points = (np.stack([example[name] for example in crops]) for name in ("image", "points"))
    return Examples(jnp.asarray(images, jnp.float32) / 255, jnp.asarray(points))


def _without_margin(stored: int, size: int) -> Affine:
    """The map from a stored crop, which has a margin, to the crop of the face square."""
    return geometry.square_crop(jnp.full(2, geometry.grid_centre(stored)), stored / MARGIN, size)


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
        affine, _ = augment.similarity(step_key, size=size, **dict(moves))  # `faces.sample` mirrors half of the faces
        face = faces.sample(jax.random.fold_in(key, i))
        return faces.fill(face if change is None else change(face), jitter=_jitter(affine, size))

    return jax.vmap(one)(keys, index)


@jax.jit
def _cropped(key: PRNGKeyArray, index: UInt32[Array, " n"]) -> faces.SyntheticFace:
    return jax.vmap(lambda i: faces.fill(faces.sample(jax.random.fold_in(key, i))))(index)


def _jitter(affine: Affine, size: int) -> faces.CameraJitter:
    """The similarity of crop pixels as a movement of the camera, so that nothing is resampled."""
    centre = jnp.full((1, 2), geometry.grid_centre(size))
    shift = (geometry.apply(affine, centre) - centre)[0] / size
    zoom = jnp.hypot(affine[0, 0], affine[1, 0])
    return faces.CameraJitter(zoom=zoom, turn=jnp.arctan2(affine[1, 0], affine[0, 0]), shift=shift)
