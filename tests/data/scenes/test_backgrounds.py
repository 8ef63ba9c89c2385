"""Procedural backgrounds: repeatable, varied, of any size."""

import numpy as np
import pytest

from fhr_jax.data.scenes import backgrounds

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


@pytest.mark.parametrize("size", [(40, 64), (128, 128), (17, 5)])
def test_every_seed_has_its_own(size):
    pictures = [backgrounds.background(np.random.default_rng(seed), *size) for seed in range(30)]
    assert all(picture.shape == (*size, 3) and picture.dtype == np.uint8 for picture in pictures)
    np.testing.assert_array_equal(pictures[3], backgrounds.background(np.random.default_rng(3), *size))
    means = np.array([picture.mean() for picture in pictures])
    assert means.std() > 15
    assert np.mean([picture.std() > 5 for picture in pictures]) > 0.8


def test_each_layer_changes_the_picture():
    for layer in backgrounds._LAYERS:
        rng = np.random.default_rng(1)
        pictures = np.full((8, 96, 96, 3), 128, np.uint8)
        for picture in pictures:
            layer(rng, picture, backgrounds.palette(rng))
        assert (pictures != 128).any(axis=(1, 2, 3)).mean() > 0.6, layer


@pytest.mark.parametrize("seed", range(5))
def test_a_part_shows_what_the_whole_shows(seed):
    rng = np.random.default_rng(seed)
    whole = np.zeros((100, 120, 3), np.uint8)
    whole[..., 0] = np.arange(120)
    part = backgrounds.part_of(rng, whole, 40, 50)
    assert part.shape == (40, 50, 3)
    steps = np.diff(part[..., 0].astype(int), axis=1)
    assert (steps >= 0).all() or (steps <= 0).all()  # mirrored or not
    assert np.ptp(part[..., 0]) >= 20


def test_skin_and_palette_are_colours():
    rng = np.random.default_rng(0)
    skins = np.array([backgrounds.skin_colour(rng) for _ in range(50)])
    assert (skins[:, 0] > skins[:, 2]).mean() > 0.9  # redder than blue
    assert backgrounds.palette(rng).dtype == np.uint8
