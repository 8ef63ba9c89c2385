"""The decoder of maximum likelihood: at the bound of Cramer and Rao, and the most likely Gaussian by another way."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import heatmap
from tests.oracles import heatmap as oracle

SIZE, MAPS = (48, 48), 1500


@partial(jax.jit, static_argnames="sigma")
def decode(maps, *, sigma):
    return heatmap.decode(maps, sigma=sigma, decoder="maximum_likelihood")


def noisy(sigma, noise, *, seed=0, maps=MAPS):
    """Maps (48, 48, maps) whose centres lie around the middle, and the centres (maps, 2)."""
    rng = np.random.default_rng(seed)
    points = (23.5 + rng.uniform(-0.5, 0.5, size=(maps, 2))).astype(np.float32)
    clean = np.asarray(heatmap.encode(jnp.asarray(points), size=SIZE, sigma=sigma))
    return points, (clean + noise * rng.normal(size=clean.shape)).astype(np.float32)


@pytest.mark.parametrize("noise", [0.02, 0.1])
@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_the_error_is_at_the_bound(sigma, noise):
    points, maps = noisy(sigma, noise)
    errors = np.asarray(decode(jnp.asarray(maps), sigma=sigma)) - points
    bound = heatmap.cramer_rao(jnp.asarray(points), size=SIZE, sigma=sigma, noise=noise)
    ratio = np.sqrt((errors**2).mean() / (np.trace(np.asarray(bound), axis1=-2, axis2=-1).mean() / 2))
    # 3,000 coordinates: one standard error is 1.3 %.
    assert 0.95 < ratio < 1.05
    assert np.abs(errors.mean(axis=0)).max() < 4 * np.sqrt(2 / MAPS) * noise


def test_noise_lifts_pixels_far_from_the_centre_and_the_point_stays():
    sigma, noise = 3.0, 0.1
    points, maps = noisy(sigma, noise)
    highest = np.asarray(heatmap.decode(jnp.asarray(maps), sigma=sigma, decoder="argmax"))
    far = np.hypot(*(highest - points).T) > 2
    assert far.sum() > 20
    found, fitted = (
        np.asarray(heatmap.decode(jnp.asarray(maps), sigma=sigma, decoder=decoder))[far] - points[far]
        for decoder in ("maximum_likelihood", "least_squares")
    )
    assert np.hypot(*found.T).max() < 0.5
    assert np.hypot(*fitted.T).min() > 0.5


@pytest.mark.parametrize("sigma", [0.8, 1.5])
def test_it_is_the_most_likely_gaussian_also_near_the_border(sigma):
    rng = np.random.default_rng(3)
    points = rng.uniform(-0.5, 9.5, size=(24, 2)).astype(np.float32)
    maps = np.asarray(heatmap.encode(jnp.asarray(points), size=(10, 10), sigma=sigma))
    maps = (maps + 0.05 * rng.normal(size=maps.shape)).astype(np.float32)
    ours = np.asarray(decode(jnp.asarray(maps), sigma=sigma))
    theirs = [oracle.maximum_likelihood(maps[..., m].astype(np.float64), sigma) for m in range(24)]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_below_its_smallest_sigma_it_is_least_squares():
    _, maps = noisy(0.6, 0.02, maps=16)
    ours, theirs = (
        heatmap.decode(jnp.asarray(maps), sigma=0.6, decoder=decoder)
        for decoder in ("maximum_likelihood", "least_squares")
    )
    np.testing.assert_array_equal(ours, theirs)
