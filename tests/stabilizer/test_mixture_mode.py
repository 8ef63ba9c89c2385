"""The mode of a mixture of Gaussians against brute force, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.mixture_mode import mixture_mode
from tests.oracles import stabilizer as oracle
from tests.tracks import COVARIANCES

mode_of = jax.jit(mixture_mode)


def mixture(seed, size, components, dense):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(components))
    means = rng.normal(size=(components, size)) * 2
    if not dense:
        variances = rng.uniform(0.1, 3, (components, size))
        return weights, means, variances, np.stack([np.diag(v) for v in variances])
    roots = rng.normal(size=(components, size, size))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(size)
    return weights, means, covariances, covariances


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("components", "dense"), [(1, False), (2, False), (2, True), (3, False)])
def test_mode_agrees_with_brute_force(components, dense, seed):
    weights, means, given, covariances = mixture(seed, 2, components, dense)
    expected = oracle.mode(weights, means, covariances)
    with jax.enable_x64(True):
        ours = np.asarray(mode_of(np.log(weights), means, given))
    height = oracle.log_density(np.stack([ours, expected]), weights, means, covariances)
    assert height[0] >= height[1] - 1e-6
    np.testing.assert_allclose(ours, expected, atol=2e-3)


@pytest.mark.parametrize("dense", [False, True])
def test_derivatives_of_the_mode(dense):
    weights, means, given, _ = mixture(1, 3, 2, dense)
    with jax.enable_x64(True):
        symmetric = (lambda c: (c + jnp.matrix_transpose(c)) / 2) if dense else (lambda c: c)
        check_grads(
            jax.jit(lambda w, m, c: mixture_mode(w, m, symmetric(c))),
            (np.log(weights), means, given),
            order=1,
            modes=["fwd", "rev"],
            rtol=1e-3,
            atol=1e-3,
        )


def test_mode_and_mean_agree_when_one_component_has_all_the_weight():
    rng = np.random.default_rng(0)
    z = jnp.asarray(100 + rng.normal(size=(40, 3, 2)), jnp.float32)
    p = stabilizer.init_params(1.0, jnp.eye(6))._replace(alpha=jnp.array([1 - 1e-6, 1e-6]))
    for covariance in COVARIANCES:
        mean, mode = (stabilizer.run(p, z, covariance=covariance, estimate=e) for e in ("mean", "mode"))
        np.testing.assert_allclose(mean, mode, atol=5e-3)


def test_mode_of_many_components_needs_diagonal_covariances():
    with pytest.raises(InputError, match="at most 2"):
        mixture_mode(jnp.zeros(3), jnp.zeros((3, 2)), jnp.ones((3, 2, 2)))
