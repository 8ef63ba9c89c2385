"""The most likely Gaussian with its height, its noise, and the covariance of its centre."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import heatmap
from fhr_jax.errors import InputError
from tests.heatmap.test_maximum_likelihood import MAPS, SIZE, noisy
from tests.oracles import heatmap as oracle


def test_the_covariance_is_that_of_the_errors():
    sigma, noise = 3.0, 0.1
    points, maps = noisy(sigma, noise, seed=5)
    fit = heatmap.fit_gaussians(jnp.asarray(maps), sigma=sigma)
    assert fit.covariance.shape == (MAPS, 2, 2)
    errors = np.asarray(fit.points) - points
    actual = errors.T @ errors / MAPS
    implied = np.asarray(fit.covariance).mean(axis=0)
    np.testing.assert_allclose(implied, actual, rtol=0.12, atol=0.04 * implied[0, 0])
    peak = maps.max(axis=(0, 1))
    np.testing.assert_allclose(np.asarray(fit.noise) * peak, noise, rtol=0.2)
    np.testing.assert_allclose((np.asarray(fit.height) * peak).mean(), 1, atol=0.01)


def test_height_and_noise_are_those_of_the_definition():
    _, maps = noisy(1.5, 0.05, maps=8)
    fit = heatmap.fit_gaussians(jnp.asarray(maps), sigma=1.5)
    for m in range(8):
        point, height, square = oracle.fitted_gaussian(maps[..., m].astype(np.float64), 1.5)
        peak = maps[..., m].max()
        np.testing.assert_allclose(fit.points[m], point, atol=1e-3)
        np.testing.assert_allclose(fit.height[m] * peak, height, rtol=1e-3)
        np.testing.assert_allclose(fit.noise[m] * peak, np.sqrt(square), rtol=1e-3)


def test_leading_axes_and_logits_give_the_points_of_decode():
    _, maps = noisy(1.5, 0.02, maps=6)
    logits = np.log(np.maximum(maps, 1e-3))
    stack = jnp.asarray(np.stack([logits, logits + 3])[None])
    fit = heatmap.fit_gaussians(stack, sigma=1.5, logits=True)
    points = heatmap.decode(stack, sigma=1.5, decoder="maximum_likelihood", logits=True)
    np.testing.assert_array_equal(fit.points, points)
    assert fit.height.shape == fit.noise.shape == (1, 2, 6)
    np.testing.assert_allclose(fit.covariance[0, 0], fit.covariance[0, 1], rtol=1e-2)


def test_without_a_peak_or_along_one_pixel_nothing_is_known():
    flat = heatmap.fit_gaussians(jnp.zeros((9, 9, 1)), sigma=2.0)
    assert np.isinf(np.asarray(flat.covariance)[0, [0, 1], [0, 1]]).all()
    assert np.asarray(flat.height)[0] == 0
    line = heatmap.encode(jnp.array([[4.3, 0.0]]), size=(1, 9), sigma=2.0)
    rng = np.random.default_rng(0)
    fit = heatmap.fit_gaussians(line + jnp.asarray(0.01 * rng.normal(size=line.shape), jnp.float32), sigma=2.0)
    covariance = np.asarray(fit.covariance)[0]
    assert np.isfinite(covariance[0, 0])
    assert np.isinf(covariance[1, 1])
    assert covariance[0, 1] == covariance[1, 0] == 0


def test_a_narrow_gaussian_is_refused():
    with pytest.raises(InputError, match=r"sigma is 0.5, expected at least 0.75"):
        heatmap.fit_gaussians(jnp.ones((*SIZE, 1)), sigma=0.5)
