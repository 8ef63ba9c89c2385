"""Derivatives with respect to every parameter: against finite differences, and finite in degenerate cases."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jax.test_util import check_grads

from fhr_jax import stabilizer
from tests.derivatives import check_gradient
from tests.tracks import COVARIANCES, extended, walk

CASES = [
    ("windowed", "none"),
    ("diagonal", "all"),
    ("full", "all"),
    pytest.param("diagonal", "none", marks=pytest.mark.slow),
    pytest.param("diagonal", "groups", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("covariance", "extension"), CASES)
def test_gradients(covariance, extension):
    z = walk(6, points=2)
    z[2, 1] = z[4] = np.nan
    with jax.enable_x64(True):
        p = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), extended(extension, points=2))
        free, track = stabilizer.unconstrain(p), jnp.asarray(z, jnp.float64)

        def total(free):
            x = stabilizer.run(stabilizer.constrain(free, p), track, covariance=covariance, window=3)
            return jnp.sum(jnp.sin(x / 5))

        check_gradient(total, (free,), atol=1e-5, rtol=1e-5)
        if (covariance, extension) == ("diagonal", "groups"):
            check_grads(jax.jit(total), (free,), order=1, modes=["fwd"], atol=1e-5, rtol=1e-5)


def test_the_fast_path_has_the_gradient_of_the_general_one():
    p, z = extended("velocity"), jnp.asarray(walk(12))

    @partial(jax.jit, static_argnums=0)
    @partial(jax.grad, argnums=1)
    def gradient(complete, unconstrained):
        x = stabilizer.run(stabilizer.constrain(unconstrained, p), z, complete=complete)
        return jnp.sum(jnp.sin(x / 5))

    one, other = (gradient(complete, stabilizer.unconstrain(p)) for complete in (False, True))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3), one, other)


@partial(jax.jit, static_argnums=3)
@jax.grad
def _gradient(free, fixed, z, covariance):
    x = stabilizer.run(stabilizer.constrain(free, fixed), z, covariance=covariance, window=4)
    return jnp.sum(jnp.where(jnp.isfinite(x), x, 0))


def finite(gradient):
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


DEGENERATE = {
    "rest": np.ones((6, 5, 2), np.float32),
    "one frame": np.concatenate([walk(1, 5), np.full((5, 5, 2), np.nan, np.float32)]),
    "all missing": np.full((6, 5, 2), np.nan, np.float32),
    "one point": np.where(np.arange(5)[None, :, None] == 2, walk(6, 5), np.nan),
    "outliers": np.concatenate([walk(3, 5), 1e6 * walk(3, 5)]),
    "wide": walk(6, 5) * np.linspace(1, 1000, 6, dtype=np.float32)[:, None, None],
    "gaps": np.where(np.arange(6)[:, None, None] % 2 == 1, walk(6, 5), np.nan),
}


@pytest.mark.parametrize(("covariance", "extension"), [("diagonal", "none"), ("full", "all")])
def test_finite_in_degenerate_cases(covariance, extension):
    p = extended(extension, 5)
    free = stabilizer.unconstrain(p)
    for case, z in DEGENERATE.items():
        assert finite(_gradient(free, p, jnp.asarray(z, jnp.float32), covariance)), case


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_finite_at_extreme_parameters(covariance):
    p = extended("none", 5)
    flat, unravel = ravel_pytree(stabilizer.unconstrain(p))
    rng = np.random.default_rng(0)
    z = jnp.asarray(walk(6, 5))
    for value in (-30.0, 30.0, *(30 * np.sign(rng.normal(size=(6, flat.size))))):
        free = unravel(jnp.broadcast_to(jnp.asarray(value, jnp.float32), flat.shape))
        assert finite(_gradient(free, p, z, covariance)), value


def test_under_jit_vmap_and_grad_missing_frames_of_one_track_do_not_affect_another():
    p = extended("velocity")
    tracks = np.stack([walk(12), walk(12, seed=1)])
    tracks[0, 5] = np.nan

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0))
    @jax.grad
    def gradient(p, z):
        x = stabilizer.run(p, z)
        return jnp.where(jnp.isfinite(x), x, 0).sum()

    both = gradient(p, jnp.asarray(tracks))
    assert finite(both)
    for n in range(2):
        same = gradient(p, jnp.asarray(tracks[[n, n]]))
        jax.tree.map(lambda a, b, n=n: np.testing.assert_allclose(a[n], b[n], rtol=1e-3, atol=1e-3), both, same)


def test_missing_points_and_the_future_have_no_gradient():
    p = extended("velocity")
    z = walk(8)
    z[3] = np.nan
    z[5, 1] = np.nan
    slopes = np.asarray(jax.jit(jax.grad(lambda z: stabilizer.run(p, z)[4].sum()))(z))
    assert np.isfinite(slopes).all()
    assert (slopes[3] == 0).all()
    assert (slopes[5:] == 0).all()
    assert (np.abs(slopes[[0, 1, 2, 4]]) > 0).all()
