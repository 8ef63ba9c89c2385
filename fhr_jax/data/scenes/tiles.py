"""Small scenes to train the face detector on: what it sees of a picture at one scale."""

import itertools
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32, UInt8

from fhr_jax.data.prefetch import Prefetcher, on_device
from fhr_jax.data.scenes.backgrounds import Picture, background, part_of
from fhr_jax.data.scenes.compose import ComposedScene, Pool, SceneOptions, compose
from fhr_jax.data.worker_processes import worker_processes
from fhr_jax.detector.letterbox import GREY

MAX_FACES = 24
"""Number of boxes of a tile in a batch, ignored ones included."""
_Tile = UInt8[np.ndarray, "size size 3"]
TILES_OF_ONE = 8
"""Number of tiles that share a background, of which they show different parts."""
BEHIND = 2
"""Side of a shared background over that of a tile."""
CLOSE_CHANCE = 0.2
"""Share of tiles that hold four small pictures, most of each a face: pictures of large faces at coarse scales."""
FACE_CHANCE = 0.6
"""Share of these four that are taken for the face; every second of them has one."""
EDGE_CHANCE = 0.25
"""Share of tiles that show an edge of the picture."""
AHEAD = 2
"""Number of batches that each worker makes before they are asked for."""


def tile(rng: np.random.Generator, pool: Pool, behind: Picture, *, size: int, options: SceneOptions) -> ComposedScene:
    """A scene of (size, size) pixels; beyond an edge of the picture it is grey.

    Args:
        rng: the source of randomness.
        pool: cut-out heads.
        behind: a larger background (H, W, 3), RGB bytes, of which a random part is taken.
        size: side in pixels.
        options: what the scene holds.
    """
    image, kind = np.full((size, size, 3), GREY, np.uint8), rng.random()
    if kind < CLOSE_CHANCE:
        half = size // 2
        corners = [np.array([x, y]) for x in (0, half) for y in (0, half)]
        return _joined(image, [_close_up(rng, pool, behind, image, corner, half, options) for corner in corners])
    sides = rng.integers(size // 4, size + 1, 2) if kind < CLOSE_CHANCE + EDGE_CHANCE else np.array([size, size])
    corner = rng.integers(0, size - sides + 1)
    return _joined(image, [_placed(rng, pool, behind, image, corner, sides, options)])


def _close_up(
    rng: np.random.Generator,
    pool: Pool,
    behind: Picture,
    image: _Tile,
    corner: np.ndarray,
    side: int,
    options: SceneOptions,
) -> ComposedScene:
    """A small picture in a part of the tile of `side` pixels: of a face, or of all that a large picture may show."""
    options = options._replace(large_chance=0.0, lookalikes=1)
    if rng.random() < FACE_CHANCE:
        face = float(np.exp(rng.uniform(*np.log(options.sizes))))
        sides = np.clip(face * rng.uniform(1.0, 2.2, 2), 12, side - 4).astype(int)
        options = options._replace(sizes=(0.9 * face, face), faces=1, whole=0.9)
    else:
        sides = rng.integers(side // 4, side - 4, 2)
    return _placed(rng, pool, behind, image, corner + rng.integers(0, side - sides + 1), sides, options)


def _placed(
    rng: np.random.Generator,
    pool: Pool,
    behind: Picture,
    image: _Tile,
    corner: np.ndarray,
    sides: np.ndarray,
    options: SceneOptions,
) -> ComposedScene:
    """Paint a scene of `sides` (width, height) into the tile, with its upper left pixel at `corner`."""
    (left, top), (width, height) = corner.tolist(), sides.tolist()
    part = part_of(rng, behind, height, width)
    scene = compose(rng, pool, height=height, width=width, options=options, behind=part)
    image[top : top + height, left : left + width] = scene.image
    return scene._replace(boxes=scene.boxes + np.array([left, top, 0, 0], np.float32))


def _joined(image: _Tile, scenes: list[ComposedScene]) -> ComposedScene:
    boxes, ignored = (np.concatenate(arrays) for arrays in zip(*[scene[1:] for scene in scenes], strict=True))
    return ComposedScene(image, boxes, ignored)


def tile_batches(
    pool: Pool, *, batch: int, size: int, seed: int, options: SceneOptions, workers: int = 0
) -> Prefetcher:
    """Endless batches {"image": (B, S, S, 3), "boxes": (B, K, 4), "ignored": (B, K)}, K = `MAX_FACES`, on the device.

    Boxes are NaN where there are fewer. Batch number n is the same whenever and wherever it is made, so a run resumes
    exactly, also with another number of workers.

    Args:
        pool: cut-out heads.
        batch: number B of tiles.
        size: their side S in pixels.
        seed: of all batches.
        options: what the tiles hold.
        workers: processes that make batches; with 0 a thread of this process does. Arrays of the pool that are mapped
            from files (`np.load(..., mmap_mode="r")`) are not copied to them.
    """
    make = partial(_batch, batch=batch, size=size, seed=seed, options=options)

    def start(number: int) -> Iterator[dict[str, Any]]:
        if not workers:
            yield from (make(n, pool) for n in itertools.count(number))
        ahead: deque[Future[dict[str, Any]]] = deque()
        with worker_processes(workers, initializer=_open_pool, arguments=(jax.tree.map(_source, pool),)) as processes:
            for n in itertools.count(number):
                ahead.append(processes.submit(_batch_of_worker, make, n))
                if len(ahead) > AHEAD * workers:
                    yield ahead.popleft().result()

    identity = f"tiles {batch} {size} {seed} {len(pool.faces.pixels)} {tuple(options)}"
    return Prefetcher(start, data=identity, place=on_device)


def _batch(number: int, pool: Pool, *, batch: int, size: int, seed: int, options: SceneOptions) -> dict[str, Any]:
    rng = np.random.default_rng([seed, number])
    tiles = []
    for k in range(batch):
        if k % TILES_OF_ONE == 0:
            behind = background(rng, BEHIND * size, BEHIND * size)
        tiles.append(tile(rng, pool, behind, size=size, options=options))
    return stacked(tiles)


_POOL: list[Pool] = []
"""In a worker: its pool."""


def _open_pool(sources: Pool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the process that trains
    _POOL.append(
        jax.tree.map(lambda source: np.load(source, mmap_mode="r") if isinstance(source, str) else source, sources)
    )


def _batch_of_worker(make: Callable[[int, Pool], dict[str, Any]], number: int) -> dict[str, Any]:
    return make(number, _POOL[0])


def _source(array: np.ndarray) -> np.ndarray | str:
    """The file of a mapped array, or the array itself: pickling would copy what is mapped."""
    return str(array.filename) if isinstance(array, np.memmap) else array


def stacked(scenes: list[ComposedScene]) -> dict[str, UInt8[np.ndarray, "..."] | Float32[np.ndarray, "..."]]:
    """Scenes of one size as a batch; of more than `MAX_FACES` boxes, the smallest are left out."""
    boxes = np.full((len(scenes), MAX_FACES, 4), np.nan, np.float32)
    ignored = np.zeros((len(scenes), MAX_FACES), bool)
    for k, scene in enumerate(scenes):
        kept = np.argsort(-scene.boxes[:, 2:].max(axis=1, initial=0), kind="stable")[:MAX_FACES]
        boxes[k, : len(kept)], ignored[k, : len(kept)] = scene.boxes[kept], scene.ignored[kept]
    return {"image": np.stack([scene.image for scene in scenes]), "boxes": boxes, "ignored": ignored}
