"""Losses between heatmaps against their oracles, their limits and their gradients."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fhr_jax import losses
from tests.oracles import maps as oracle

cross_entropy = jax.jit(losses.cross_entropy)
CASES = [(losses.squared_error, oracle.squared_error), (losses.cross_entropy, oracle.cross_entropy)]


@cache
def _maps():
    key = jax.random.key(0)
    return 3 * jax.random.normal(key, (2, 2, 4, 5, 3)), jax.random.uniform(key, (2, 4, 5, 3))


@pytest.mark.parametrize(("loss", "slow"), CASES)
def test_agrees_with_the_oracle_eager_and_jitted(loss, slow):
    predictions, target = _maps()
    expected = slow(np.asarray(predictions), np.asarray(target))
    np.testing.assert_allclose(loss(predictions, target), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(loss)(predictions, target), expected, rtol=1e-5)


@pytest.mark.parametrize(("loss", "slow"), CASES)
def test_gradient(loss, slow):
    predictions, target = _maps()
    check_grads(jax.jit(lambda p: loss(p, target)), (predictions,), order=2, modes=["rev"], atol=0.05, rtol=0.05)


@pytest.mark.parametrize(("loss", "slow"), CASES)
def test_finite_where_the_landmark_lies_outside_the_map(loss, slow):
    predictions, target = _maps()
    target = np.array(target)
    target[0, :, :, 1] = 0.0
    value, gradient = jax.jit(jax.value_and_grad(loss))(predictions, target)
    np.testing.assert_allclose(value, slow(np.asarray(predictions), np.asarray(target)), rtol=1e-5)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("mass", [1e-3, 0.4, 30.0])
def test_a_landmark_of_which_little_lies_on_the_map_counts_as_much(mass):
    predictions, target = _maps()
    target = target / np.asarray(target).sum(axis=(1, 2), keepdims=True)
    whole = cross_entropy(predictions, target)
    np.testing.assert_allclose(cross_entropy(predictions, mass * target), whole, rtol=1e-5)


def test_squared_error_is_zero_at_the_target():
    _, target = _maps()
    assert losses.squared_error(jnp.stack([target, target]), target) == 0


def test_cross_entropy_is_least_at_the_logarithm_of_the_target():
    _, target = _maps()
    best = np.log(target)[None]
    gradient = jax.jit(jax.grad(losses.cross_entropy))(best, target)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    shifted = cross_entropy(best + np.float32(7.0), target)
    np.testing.assert_allclose(shifted, cross_entropy(best, target), rtol=1e-5)
