"""The 1x1 convolution: against NumPy, Flax, and numerical derivatives."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fhr_jax import dense


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(12, 5)), jnp.float32), jnp.asarray(rng.normal(size=(5, 7)), jnp.float32)


def test_it_is_the_product(case):
    expected = [[sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*case[1].tolist(), strict=True)]
                for row in case[0].tolist()]  # fmt: skip
    np.testing.assert_allclose(dense.product(*case), expected, atol=1e-5)


def test_numerical_derivatives_agree(case):
    check_grads(lambda *args: jnp.sin(dense.product(*map(jnp.asarray, args))), case, 1, ["rev"], atol=0.02)


def test_its_gradient_is_that_of_the_plain_product(case):
    weights = jax.random.normal(jax.random.key(1), (12, 7))
    ours = jax.grad(lambda *args: (dense.product(*args) * weights).sum(), argnums=(0, 1))(*case)
    np.testing.assert_allclose(ours[0], np.asarray(weights) @ np.asarray(case[1]).T, atol=1e-5)
    np.testing.assert_allclose(ours[1], np.asarray(case[0]).T @ np.asarray(weights), atol=1e-5)


def test_its_gradient_under_vmap_is_that_of_each(case):
    batch = jnp.stack([case[0], 2 * case[0]])
    gradient = jax.grad(lambda kernel, rows: jnp.sin(dense.product(rows, kernel)).sum())
    together = jax.vmap(gradient, (None, 0))(case[1], batch)
    np.testing.assert_allclose(together, [gradient(case[1], rows) for rows in batch], atol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("dtype", "atol"), [(jnp.float32, 1e-5), (jnp.bfloat16, 0.1)])
def test_parameters_outputs_and_gradients_are_those_of_flax(use_bias, dtype, atol):
    x = jax.random.normal(jax.random.key(0), (2, 3, 4, 5))
    ours, flax = (kind(6, use_bias=use_bias, dtype=dtype) for kind in (dense.Dense, nn.Dense))
    variables = flax.init(jax.random.key(1), x)
    jax.tree.map(np.testing.assert_array_equal, ours.init(jax.random.key(1), x), variables)
    found, expected = (layer.apply(variables, x) for layer in (ours, flax))
    assert found.dtype == expected.dtype == dtype
    np.testing.assert_allclose(found.astype(jnp.float32), expected.astype(jnp.float32), atol=atol)
    gradients = [
        jax.grad(lambda v, layer=layer: (layer.apply(v, x).astype(jnp.float32) ** 2).sum())(variables)
        for layer in (ours, flax)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0.05, atol=40 * atol), *gradients)


def test_no_rows_give_no_features(case):
    assert dense.product(case[0][:0], case[1]).shape == (0, 7)
    assert not jax.grad(lambda k: dense.product(case[0][:0], k).sum())(case[1]).any()
