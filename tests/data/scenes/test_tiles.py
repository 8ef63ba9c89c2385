"""Batches of tiles: shapes, edges of the picture, and resuming."""

from contextlib import closing

import numpy as np
import pytest

from fhr_jax.data.scenes import tiles
from fhr_jax.data.scenes.compose import ComposedScene, SceneOptions
from fhr_jax.detector.letterbox import GREY
from tests.data.scenes.heads import pool

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')

OPTIONS = SceneOptions(sizes=(8.0, 20.0), faces=3, lookalikes=1)


def batches(seed=0):
    return tiles.tile_batches(pool(), batch=10, size=40, seed=seed, options=OPTIONS)


def test_batches_hold_pictures_and_boxes():
    with closing(batches()) as source:
        batch = next(source)
    assert batch["image"].shape == (10, 40, 40, 3)
    assert batch["image"].dtype == np.uint8
    assert batch["boxes"].shape == (10, tiles.MAX_FACES, 4)
    there = np.isfinite(np.asarray(batch["boxes"])).all(axis=-1)
    assert 0 < there.sum() < 10 * 5
    assert not np.asarray(batch["ignored"])[~there].any()


def test_a_run_goes_on_with_the_next_batch():
    with closing(batches()) as source:
        first = [next(source) for _ in range(3)]
        state = source.get_state()
        fourth = next(source)
    with closing(batches()) as again:
        again.set_state(state)
        resumed = next(again)
    np.testing.assert_array_equal(fourth["image"], resumed["image"])
    np.testing.assert_array_equal(fourth["boxes"], resumed["boxes"])
    assert (np.asarray(first[0]["image"]) != np.asarray(first[1]["image"])).any()


def test_workers_make_the_same_batches(tmp_path):
    """Also of heads that are mapped from a file."""
    heads = pool()
    np.save(tmp_path / "pixels.npy", heads.faces.pixels)
    mapped = heads._replace(faces=heads.faces._replace(pixels=np.load(tmp_path / "pixels.npy", mmap_mode="r")))
    with closing(tiles.tile_batches(mapped, batch=10, size=40, seed=0, options=OPTIONS, workers=2)) as made:
        found = [next(made) for _ in range(3)]
        state = made.get_state()
    with closing(batches()) as alone:
        expected = [next(alone) for _ in range(4)]
    for one, other in zip(found, expected, strict=False):
        np.testing.assert_array_equal(one["image"], other["image"])
    with closing(tiles.tile_batches(heads, batch=10, size=40, seed=0, options=OPTIONS, workers=1)) as again:
        again.set_state(state)
        np.testing.assert_array_equal(next(again)["boxes"], expected[3]["boxes"])


def test_beyond_an_edge_of_the_picture_it_is_grey(monkeypatch):
    monkeypatch.setattr(tiles, "EDGE_CHANCE", 1.0)
    monkeypatch.setattr(tiles, "CLOSE_CHANCE", 0.0)
    behind = np.zeros((80, 80, 3), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = tiles.tile(rng, pool(), behind, size=40, options=OPTIONS._replace(faces=1, lookalikes=0))
        inside = np.argwhere((found.image != GREY).any(axis=-1))
        (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0)
        outside = np.ones((40, 40), bool)
        outside[top : bottom + 1, left : right + 1] = False
        assert (found.image[outside] == GREY).all()
        for x, y, width, height in found.boxes[~found.ignored]:
            assert left - 1 <= x + width / 2 <= right + 1
            assert top - 1 <= y + height / 2 <= bottom + 1


def test_a_tile_of_close_ups_has_a_picture_in_each_quarter(monkeypatch):
    monkeypatch.setattr(tiles, "CLOSE_CHANCE", 1.0)
    rng, behind = np.random.default_rng(0), np.zeros((160, 160, 3), np.uint8)
    for _ in range(10):
        found = tiles.tile(rng, pool(), behind, size=80, options=OPTIONS._replace(large_chance=1.0))
        quarters = found.image.reshape(2, 40, 2, 40, 3).swapaxes(1, 2).reshape(4, -1, 3)
        shares = (quarters != GREY).any(axis=-1).mean(axis=1)
        assert (shares > 0).all()
        assert shares.max() <= (36 / 40) ** 2 + 1e-6
        assert len(found.boxes) == len(found.ignored)


def test_of_too_many_boxes_the_largest_stay():
    boxes = np.array([[0, 0, size, 1] for size in range(1, 31)], np.float32)
    batch = tiles.stacked([ComposedScene(np.zeros((8, 8, 3), np.uint8), boxes, np.zeros(30, bool))])
    assert batch["boxes"][0, :, 2].tolist() == list(range(30, 30 - tiles.MAX_FACES, -1))
