"""Batch normalization with ReLU, and pooling: against NumPy, Flax, and numerical derivatives."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fhr_jax import batch_norm, hourglass


def _oracle(x, scale, bias):
    """float64, channel by channel."""
    y = np.empty(x.shape)
    for c in range(x.shape[-1]):
        values = x[..., c].astype(np.float64)
        normal = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
        y[..., c] = np.maximum(scale[c] * normal + bias[c], 0)
    return y


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(3, 4, 5, 6)) * rng.uniform(0.1, 4, 6) + rng.normal(size=6)).astype(np.float32)
    scale, bias = rng.uniform(0.5, 2, 6).astype(np.float32), rng.normal(size=6).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(scale), jnp.asarray(bias)


def test_it_is_the_equation(case):
    y, mean, variance = batch_norm.normalized(*case)
    np.testing.assert_allclose(y, _oracle(*map(np.asarray, case)), atol=2e-5)
    np.testing.assert_allclose(mean, np.asarray(case[0], np.float64).mean(axis=(0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(variance, np.asarray(case[0], np.float64).var(axis=(0, 1, 2)), rtol=1e-5)


def test_its_gradient_is_that_of_the_equation(case):
    weights = jax.random.normal(jax.random.key(1), case[0].shape)

    def plain(x, scale, bias):
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        normal = (x - mean.reshape(1, 1, 1, -1)) * jax.lax.rsqrt(variance + 1e-5).reshape(1, 1, 1, -1)
        return (nn.relu(normal * scale.reshape(1, 1, 1, -1) + bias.reshape(1, 1, 1, -1)) * weights).sum()

    ours = jax.grad(lambda *args: (batch_norm.normalized(*args)[0] * weights).sum(), argnums=(0, 1, 2))(*case)
    expected = jax.grad(plain, argnums=(0, 1, 2))(*case)
    for found, wanted in zip(ours, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_numerical_derivatives_agree(case):
    # Away from the kink of ReLU: where all is let through.
    x, scale, _ = case

    def function(*args):
        return batch_norm.normalized(*map(jnp.asarray, args))[0]

    check_grads(function, (x, scale, jnp.full(6, 20.0)), 1, ["rev"], atol=0.05)


def test_it_keeps_running_means_as_flax_does(case):
    x, scale, bias = case
    variables = {"params": {"scale": scale, "bias": bias}, "batch_stats": {"mean": bias, "var": scale}}
    flax = nn.BatchNorm(use_running_average=False, momentum=0.9)
    expected, kept = flax.apply(variables, x, mutable=["batch_stats"])
    found, changed = batch_norm.BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(found, nn.relu(expected), atol=1e-5)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # noqa: E731
    jax.tree.map(close, dict(changed["batch_stats"]), dict(kept["batch_stats"]))
    steady = nn.BatchNorm(use_running_average=True).apply(variables, x)
    np.testing.assert_allclose(batch_norm.BatchNorm().apply(variables, x, train=False), nn.relu(steady), atol=1e-5)


def test_constant_channels_and_single_pixels_are_finite():
    for x in (jnp.full((2, 3, 3, 2), 7.0), jnp.full((2, 3, 3, 2), 1000.1), jnp.zeros((1, 1, 1, 2))):
        value, pull = jax.vjp(lambda x: batch_norm.normalized(x, jnp.ones(2), jnp.ones(2))[0], x)
        assert np.isfinite(value).all()
        assert np.isfinite(pull(jnp.ones_like(value))[0]).all()


def test_in_bfloat16_sums_are_float32(case):
    x, scale, bias = case
    y, mean, variance = batch_norm.normalized(x.astype(jnp.bfloat16), scale, bias)
    assert (y.dtype, mean.dtype, variance.dtype) == (jnp.bfloat16, jnp.float32, jnp.float32)
    np.testing.assert_allclose(y, _oracle(*map(np.asarray, case)), atol=0.05, rtol=0.02)
    rounded = x.astype(jnp.bfloat16).astype(jnp.float32)
    np.testing.assert_allclose(mean, rounded.mean(axis=(0, 1, 2)), atol=1e-5)
    gradient = jax.grad(lambda x: batch_norm.normalized(x, scale, bias)[0].astype(jnp.float32).sum())(
        x.astype(jnp.bfloat16)
    )
    assert gradient.dtype == jnp.bfloat16


def test_pooling_takes_maxima_and_hands_gradients_to_them():
    x = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))
    expected = nn.max_pool(x, (2, 2), (2, 2))
    np.testing.assert_array_equal(hourglass._max_pool(x), expected)
    weights = jax.random.normal(jax.random.key(1), expected.shape)
    found = jax.grad(lambda x: (hourglass._max_pool(x) * weights).sum())(x)
    np.testing.assert_array_equal(found, jax.grad(lambda x: (nn.max_pool(x, (2, 2), (2, 2)) * weights).sum())(x))


def test_of_equal_pixels_the_first_gets_the_gradient():
    gradient = jax.grad(lambda x: hourglass._max_pool(x).sum())(jnp.zeros((1, 2, 4, 1)))
    np.testing.assert_array_equal(gradient[0, :, :, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])
