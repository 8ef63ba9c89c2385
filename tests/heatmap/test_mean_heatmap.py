"""The mean of heatmaps about their landmarks, against loops and against exact results for Gaussians."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import heatmap
from fhr_jax.errors import InputError
from tests.oracles import heatmap as oracle

SIGMA = 1.5


def drawn(landmarks=4000, seed=0, *, size=(24, 20), rounded=False):
    """Gaussians all over the map, (4, H, W, M / 4), and their centres."""
    centres = np.random.default_rng(seed).uniform(8, 12, (4, landmarks // 4, 2)).astype(np.float32)
    return heatmap.encode(jnp.asarray(centres), size=size, sigma=SIGMA, rounded=rounded), centres


def places(radius, per_pixel):
    steps = np.arange(-radius * per_pixel, radius * per_pixel + 1) / per_pixel
    return steps[None] ** 2 + steps[:, None] ** 2


def test_mean_heatmap_agrees_with_loops_over_all_pixels():
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(2, 9, 7, 3)).astype(np.float32)
    centres = (rng.uniform(size=(2, 3, 2)) * [9, 11] - 1.5).astype(np.float32)  # some outside
    centres[1, 2] = np.nan
    ours = heatmap.mean_heatmap(jnp.asarray(maps), jnp.asarray(centres), radius=3, per_pixel=2)
    total, number = oracle.mean_heatmap(maps, centres, 3, 2)
    np.testing.assert_allclose(ours.total, total, atol=1e-5)
    np.testing.assert_array_equal(ours.number, number)
    both = ours.merge(ours)
    np.testing.assert_allclose(both.total, 2 * total, atol=1e-5)
    np.testing.assert_array_equal(both.number, 2 * number)


def test_gaussians_at_fractions_of_a_pixel_average_to_the_gaussian():
    maps, centres = drawn()
    found = heatmap.mean_heatmap(maps, jnp.asarray(centres), radius=4, per_pixel=4).mean
    expected = np.exp(-places(4, 4) / (2 * SIGMA**2))
    assert np.isfinite(found).all()
    # A cell is the mean over its width of a quarter of a pixel.
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert abs(np.asarray(found - expected)).mean() < 0.004


def test_rounded_targets_average_to_stairs():
    """What lies at u from the true landmark lies at u rounded to whole pixels from the rounded one."""
    maps, centres = drawn(20_000, rounded=True)
    found = heatmap.mean_heatmap(maps, jnp.asarray(centres), radius=3, per_pixel=4).mean
    steps = np.arange(-12, 13) / 4
    clear = steps % 1 != 0.5  # cells that no edge of a stair goes through
    profile = np.exp(-(np.round(steps) ** 2) / (2 * SIGMA**2))
    expected = profile[:, None] * profile
    np.testing.assert_allclose(np.asarray(found)[clear][:, clear], expected[clear][:, clear], atol=1e-5)


def test_the_mean_of_an_empty_cell_is_nan():
    maps = jnp.ones((1, 9, 9, 1))
    found = heatmap.mean_heatmap(maps, jnp.full((1, 1, 2), 4.0), radius=2, per_pixel=2).mean
    assert np.isfinite(found[::2, ::2]).all()
    assert np.isnan(found[1::2]).all()
    assert np.isnan(found[:, 1::2]).all()


@pytest.mark.parametrize(("radius", "per_pixel", "number"), [(0, 4, 1), (3, 0, 1), (3, 4, 2)])
def test_wrong_arguments(radius, per_pixel, number):
    with pytest.raises(InputError, match=r"heatmap\.mean_heatmap"):
        heatmap.mean_heatmap(jnp.ones((1, 9, 9, 2)), jnp.zeros((number, 2, 2)), radius=radius, per_pixel=per_pixel)
