"""Small scenes to train the face detector on: what it sees of a picture at one scale."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from fhr_jax.data.prefetch import Prefetcher, on_device
from fhr_jax.data.scenes.backgrounds import Picture, background, part_of
from fhr_jax.data.scenes.compose import ComposedScene, Pool, SceneOptions, compose
from fhr_jax.detector.letterbox import GREY

MAX_FACES = 12
"""Number of boxes of a tile in a batch, ignored ones included."""
TILES_OF_ONE = 8
"""Number of tiles that share a background, of which they show different parts."""
BEHIND = 2
"""Side of a shared background over that of a tile."""
EDGE_CHANCE = 0.3
"""Share of tiles that show an edge of the picture."""


def tile(rng: np.random.Generator, pool: Pool, behind: Picture, *, size: int, options: SceneOptions) -> ComposedScene:
    """A scene of (size, size) pixels; beyond an edge of the picture it is grey.

    Args:
        rng: the source of randomness.
        pool: cut-out heads.
        behind: a larger background (H, W, 3), RGB bytes, of which a random part is taken.
        size: side in pixels.
        options: what the scene holds.
    """
    height, width = size, size
    if rng.random() < EDGE_CHANCE:
        height, width = (int(length) for length in rng.integers(size // 4, size + 1, 2))
    part = part_of(rng, behind, height, width)
    scene = compose(rng, pool, height=height, width=width, options=options, behind=part)
    left, top = (int(rng.integers(0, room + 1)) for room in (size - width, size - height))
    image = np.full((size, size, 3), GREY, np.uint8)
    image[top : top + height, left : left + width] = scene.image
    return ComposedScene(image, scene.boxes + np.array([left, top, 0, 0], np.float32), scene.ignored)


def tile_batches(pool: Pool, *, batch: int, size: int, seed: int, options: SceneOptions) -> Prefetcher:
    """Endless batches {"image": (B, S, S, 3), "boxes": (B, K, 4), "ignored": (B, K)}, K = `MAX_FACES`, on the device.

    Boxes are NaN where there are fewer. Batch number n is the same whenever it is made, so a run resumes exactly.

    Args:
        pool: cut-out heads.
        batch: number B of tiles.
        size: their side S in pixels.
        seed: of all batches.
        options: what the tiles hold.
    """

    def start(number: int) -> Iterator[dict[str, Any]]:
        while True:
            rng = np.random.default_rng([seed, number])
            tiles = []
            for k in range(batch):
                if k % TILES_OF_ONE == 0:
                    behind = background(rng, BEHIND * size, BEHIND * size)
                tiles.append(tile(rng, pool, behind, size=size, options=options))
            yield stacked(tiles)
            number += 1

    identity = f"tiles {batch} {size} {seed} {len(pool.faces.pixels)} {tuple(options)}"
    return Prefetcher(start, data=identity, place=on_device)


def stacked(scenes: list[ComposedScene]) -> dict[str, UInt8[np.ndarray, "..."] | Float32[np.ndarray, "..."]]:
    """Scenes of one size as a batch; of more than `MAX_FACES` boxes, the smallest are left out."""
    boxes = np.full((len(scenes), MAX_FACES, 4), np.nan, np.float32)
    ignored = np.zeros((len(scenes), MAX_FACES), bool)
    for k, scene in enumerate(scenes):
        kept = np.argsort(-scene.boxes[:, 2:].max(axis=1, initial=0), kind="stable")[:MAX_FACES]
        boxes[k, : len(kept)], ignored[k, : len(kept)] = scene.boxes[kept], scene.ignored[kept]
    return {"image": np.stack([scene.image for scene in scenes]), "boxes": boxes, "ignored": ignored}
