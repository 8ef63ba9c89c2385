"""The network: shapes, the order of blocks of pixels, and that maps move with the picture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.detector import net
from tests.detector.nets import CONFIG


@pytest.fixture(scope="module")
def variables():
    return net.init(jax.random.key(0), CONFIG)


@pytest.fixture(scope="module")
def apply(variables):
    return jax.jit(lambda images: net.CentreNet(CONFIG).apply(variables, images))


def test_a_map_has_a_cell_for_eight_pixels(apply):
    images = np.random.default_rng(0).uniform(size=(2, 48, 80, 3)).astype(np.float32)
    maps = np.asarray(apply(images))
    assert maps.shape == (2, 6, 10, 3)
    assert maps.dtype == np.float32
    # Before training every cell says that it is probably no face.
    assert np.median(maps[..., 0]) < 0


def test_maps_move_with_the_picture(apply):
    """By multiples of 16 pixels, away from the border."""
    images = np.random.default_rng(1).uniform(size=(1, 256, 256, 3)).astype(np.float32)
    moved = np.roll(images, (16, -32), axis=(1, 2))
    inner = slice(12, -12)
    expected = np.roll(np.asarray(apply(images)), (2, -4), axis=(1, 2))
    np.testing.assert_allclose(np.asarray(apply(moved))[:, inner, inner], expected[:, inner, inner], atol=1e-4)


def test_blocks_become_channels():
    x = np.arange(2 * 8 * 12 * 3).reshape(2, 8, 12, 3).astype(np.float32)
    found = np.asarray(net.blocks(jnp.asarray(x), 4))
    assert found.shape == (2, 2, 3, 48)
    for b, i, j in np.ndindex(2, 2, 3):
        np.testing.assert_array_equal(found[b, i, j], x[b, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4].ravel())


def test_the_unit_of_sizes_is_the_geometric_mean():
    assert net.size_unit(CONFIG) == pytest.approx(24)


def test_the_default_detector_takes_less_than_a_megabyte():
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), net.DetectorConfig()))
    assert sum(2 * leaf.size for leaf in jax.tree.leaves(shapes)) < 1_000_000
