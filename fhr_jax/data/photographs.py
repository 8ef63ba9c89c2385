"""A folder of photographs with .pts files as a random-access source of crops."""

import os
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from fhr_jax import crop, geometry
from fhr_jax.data import pts
from fhr_jax.data.images import Annotated, list_annotated, read_image
from fhr_jax.errors import InputError

MARGIN = 1.5
"""Side of a stored crop over that of the face square: room for the random scale, rotation and shift of training."""


class Photographs:
    """Examples {"image": uint8 (S, S, 3), "points": float32 (M, 2) in pixels of that crop}.

    The crop is the square about the landmarks (1.3 times the longer side of their box), `MARGIN` times as wide.
    """

    def __init__(self, pairs: Sequence[Annotated], *, size: int, landmarks: int = 68):
        self._pairs, self.size, self._landmarks = tuple(pairs), size, landmarks

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        pair = self._pairs[int(index)]
        image, points = read_image(pair.image), pts.read(pair.landmarks, landmarks=self._landmarks)
        centre, side = geometry.landmark_square(jnp.asarray(points, jnp.float32))
        if not side > 0:
            raise InputError(f"{pair.landmarks}: all landmarks lie at one place")
        affine = np.asarray(geometry.square_crop(centre, MARGIN * side, self.size))
        mapped = np.asarray(points) @ affine[:, :2].T + affine[:, 2]
        return {"image": crop.extract(image, affine, self.size), "points": mapped.astype(np.float32)}

    def __repr__(self) -> str:  # Grain compares it when it restores an iterator.
        return f"Photographs({len(self._pairs)}, size={self.size})"


def split(folder: str | os.PathLike[str], *, held_out: int, seed: int) -> tuple[list[Annotated], list[Annotated]]:
    """The annotated photographs of a folder, shuffled: those to train on, and `held_out` others.

    Raises:
        InputError: the folder has too few of them.
    """
    pairs = list_annotated(folder)
    if len(pairs) <= held_out:
        raise InputError(f"{folder}: {len(pairs)} annotated images, but {held_out} are to be held out of training")
    order = np.random.default_rng(seed).permutation(len(pairs))
    chosen = [pairs[i] for i in order]
    return chosen[held_out:], chosen[:held_out]
