"""The Cramer-Rao bound against numerical differentiation and against a maximum-likelihood fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fhr_jax import heatmap
from fhr_jax.errors import InputError

cramer_rao = jax.jit(heatmap.cramer_rao, static_argnames=("size", "sigma", "noise", "logits"))

CASES = [((24, 20), 1.5, (9.3, 12.8)), ((24, 20), 3.0, (1.2, 22.6)), ((9, 9), 0.7, (4.5, 4.1))]


def model(theta, size, sigma):
    """Maps (..., H, W) of centre and logarithm of the height (..., 3), in float64."""
    y, x = np.mgrid[: size[0], : size[1]]
    u, v, log_height = np.moveaxis(np.asarray(theta)[..., None, None], -3, 0)
    return np.exp(log_height - ((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2))


def slopes(function, theta, step=1e-5):
    """Derivatives of flat maps (..., pixels) by central differences: (..., pixels, parameters)."""
    sides = [function(theta + step * e) - function(theta - step * e) for e in np.eye(theta.shape[-1])]
    return np.stack(sides, axis=-1) / (2 * step)


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize(("size", "sigma", "point"), CASES)
def test_the_bound_is_the_inverse_of_the_information(size, sigma, point, logits):
    def function(theta):
        flat = model(theta, size, sigma).ravel()
        return np.log(flat) if logits else flat

    jacobian = slopes(function, np.array([*point, 0.0]))
    expected = np.linalg.inv(jacobian.T @ jacobian / 0.03**2)[:2, :2]
    ours = cramer_rao(jnp.asarray(np.array([point], np.float32)), size=size, sigma=sigma, noise=0.03, logits=logits)
    np.testing.assert_allclose(ours[0], expected, rtol=2e-3, atol=1e-4 * np.trace(expected))


@pytest.mark.parametrize("sigma", [1.0, 1.5, 4.0])
def test_far_from_the_border_it_does_not_depend_on_sigma(sigma):
    bound = cramer_rao(jnp.array([[30.3, 31.8]]), size=(64, 64), sigma=sigma, noise=0.05)
    np.testing.assert_allclose(bound[0], 0.05**2 * 2 / np.pi * np.eye(2), rtol=0.01, atol=1e-5)


@pytest.mark.parametrize(("size", "sigma", "point"), CASES[:2])
def test_a_maximum_likelihood_fit_reaches_it(size, sigma, point):
    rng, noise, theta = np.random.default_rng(0), 0.01, np.array([*point, 0.0])
    seen = model(theta, size, sigma) + noise * rng.normal(size=(1500, *size))
    guess = np.tile(theta, (1500, 1))
    for _ in range(3):  # Gauss-Newton: noise is small, so the likelihood is a parabola
        jacobian = slopes(lambda t: model(t, size, sigma).reshape(1500, -1), guess)
        off = seen.reshape(1500, -1) - model(guess, size, sigma).reshape(1500, -1)
        transposed = jacobian.swapaxes(1, 2)
        guess += np.linalg.solve(transposed @ jacobian, transposed @ off[..., None])[..., 0]
    measured = np.cov((guess - theta)[:, :2].T)
    bound = np.asarray(cramer_rao(jnp.asarray(np.array([point], np.float32)), size=size, sigma=sigma, noise=noise))[0]
    np.testing.assert_allclose(measured, bound, rtol=0.15, atol=0.08 * np.trace(bound))


def test_the_bound_is_higher_at_the_border():
    points = jnp.array([[12.0, 12.0], [0.0, 12.0], [-0.4, -0.4]])
    bound = np.asarray(cramer_rao(points, size=(24, 24), sigma=2.0, noise=0.1))
    inside, side, corner = np.trace(bound, axis1=-2, axis2=-1)
    assert inside < side < corner
    assert bound[1, 0, 0] > 2 * bound[1, 1, 1]  # across the border


def test_leading_axes_and_gradient_are_right():
    points = jnp.asarray(np.random.default_rng(0).uniform(2, 12, (2, 3, 4, 2)), jnp.float32)
    whole = cramer_rao(points, size=(14, 15), sigma=1.5, noise=0.1)
    assert whole.shape == (2, 3, 4, 2, 2)
    mapped = jax.vmap(lambda p: cramer_rao(p, size=(14, 15), sigma=1.5, noise=0.1))(points)
    np.testing.assert_allclose(whole, mapped, rtol=1e-4, atol=1e-7)
    with jax.enable_x64(True):
        one = jnp.asarray([[0.3, 4.1]], jnp.float64)
        check_grads(lambda p: cramer_rao(jnp.asarray(p), size=(9, 9), sigma=1.5, noise=0.1), (one,), order=1, rtol=1e-3)


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"noise": -1.0}, {"size": (0, 4)}, {"sigma": float("nan")}])
def test_bad_arguments_are_named(wrong):
    options = {"size": (9, 9), "sigma": 1.0, "noise": 0.1} | wrong
    with pytest.raises(InputError, match=next(iter(wrong))):
        heatmap.cramer_rao(jnp.zeros((1, 2)), **options)
