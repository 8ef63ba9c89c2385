"""The model against the sums of Eq. 9: three covariances, limits, extreme parameters, distant coordinates."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from fhr_jax import filters, stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import covariance as covariances
from tests.oracles import stabilizer as oracle
from tests.tracks import COVARIANCES, as_dict, extended, params, walk

SUMS = [(c, k) for c in COVARIANCES for k in (2, 3)]


@pytest.mark.parametrize(("covariance", "components"), [*SUMS, ("full", 1)])
def test_agrees_with_the_sums_of_equation_9(covariance, components):
    z = walk()
    with jax.enable_x64(True):  # in float32 the basis itself is only orthonormal to 1e-7
        p = params(components=components, dtype=np.float64)
        ours = stabilizer.run(p, jnp.asarray(z, jnp.float64), covariance=covariance, window=6)
    theirs = oracle.run(z.reshape(60, -1), as_dict(p), covariance, window=6)
    np.testing.assert_allclose(ours.reshape(60, -1), theirs, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("covariance", "points"),
    [
        *((covariance, 7) for covariance in COVARIANCES),
        ("diagonal", 68),
        *(pytest.param(covariance, 68, marks=pytest.mark.slow) for covariance in ("full", "windowed")),
    ],
)
def test_agrees_over_500_frames_in_float32(covariance, points):
    z, p = walk(500, points), params(points)
    ours = np.asarray(stabilizer.run(p, jnp.asarray(z), covariance=covariance, window=16))
    slow = oracle.run_extended if covariance == "diagonal" else partial(oracle.run, covariance=covariance, window=16)
    theirs = slow(z.reshape(500, -1), as_dict(p)).reshape(z.shape)
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()
    # Relative to the correction too, not only to the large coordinates.
    assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs - z).max()


def test_windowed_equals_full_only_for_a_long_window():
    z, p = jnp.asarray(walk(200, 7)), params(7)
    full = stabilizer.run(p, z, covariance="full")
    difference = [
        float(jnp.abs(stabilizer.run(p, z, covariance="windowed", window=r) - full).max()) for r in (2, 12, 40)
    ]
    assert difference[0] > 0.1
    assert difference[0] > 2 * difference[1] > 100 * difference[2]
    assert difference[2] < 1e-3  # 0.7^40 = 6e-7


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_float32_agrees_with_float64_at_4000_px(covariance):
    z, p = walk(200, 7) + 4000, params(7)
    ours = stabilizer.run(p, jnp.asarray(z), covariance=covariance)
    with jax.enable_x64(True):
        theirs = stabilizer.run(params(7, dtype=np.float64), jnp.asarray(z, jnp.float64), covariance=covariance)
        theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.01)


def test_default_params_in_float32_agree_with_float64_at_4000_px():
    z, p = walk(100, 68) + 4000, stabilizer.default_params()
    z[50, 3] += 900
    z[60:63] = np.nan
    ours = np.asarray(stabilizer.run(p, jnp.asarray(z)))
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), p)
        theirs = np.asarray(stabilizer.run(wide, jnp.asarray(z, jnp.float64)))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.01)


# Limits


def test_without_prior_variance_the_output_is_the_mean_of_the_past_and_without_noise_the_observation():
    z = jnp.asarray(walk())
    still = params(components=1)._replace(prior=jnp.zeros((1, 6)), beta=jnp.ones(1))
    np.testing.assert_allclose(stabilizer.run(still, z), jnp.broadcast_to(z[:1], z.shape), atol=1e-3)
    exact = params()._replace(noise=jnp.full(6, 1e-9))
    np.testing.assert_allclose(stabilizer.run(exact, z), z, atol=1e-3)


def test_one_component_with_gamma_zero_is_the_first_order_filter():
    z = jnp.asarray(walk())
    p = params(components=1)._replace(
        gamma=jnp.float32(1e-9), beta=jnp.ones(1), noise=jnp.full(6, 1.0), prior=jnp.full((1, 6), 3.0)
    )
    np.testing.assert_allclose(stabilizer.run(p, z), filters.run(filters.first_order(0.75), z), rtol=0, atol=2e-3)


def test_the_covariances_agree_in_one_dimension():
    z, p = jnp.asarray(walk(points=1, dims=1)), params(points=1, dims=1)
    diagonal, windowed, full = (stabilizer.run(p, z, covariance=c) for c in COVARIANCES)
    np.testing.assert_allclose(diagonal, full, rtol=0, atol=1e-3)
    np.testing.assert_allclose(windowed, full, rtol=0, atol=1e-3)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_rotating_the_axes_rotates_the_output(covariance):
    z, p = walk(), params()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0].astype(np.float32)
    turned = jnp.asarray((z.reshape(60, 6) @ turn.T).reshape(60, 3, 2))
    expected = np.asarray(stabilizer.run(p, jnp.asarray(z), covariance=covariance)).reshape(60, 6) @ turn.T
    ours = stabilizer.run(p._replace(basis=jnp.asarray(turn) @ p.basis), turned, covariance=covariance)
    np.testing.assert_allclose(ours.reshape(60, 6), expected, rtol=0, atol=5e-3)


# Extreme parameters

NUMBERS = 4 + 3 * 6
EXTREME = st.lists(st.sampled_from([-30.0, -10.0, -2.0, 0.0, 3.0, 30.0]), min_size=NUMBERS, max_size=NUMBERS)


@partial(jax.jit, static_argnames="covariance")
def _run_and_factors(p, z, covariance):
    """Outputs, and of every frame the smallest eigenvalue of A_k and whether its Cholesky factor is finite."""

    def frame(state, z):
        total = jnp.broadcast_to(p.noise[None], p.prior.shape) + p.beta[:, None] * p.prior
        share = 1 - p.beta
        lifted = (
            total if covariance == "diagonal" else covariances.floor_diagonal(state.filter.covariance, total, share)
        )
        a = share[:, None, None] * covariances.dense(state.filter.covariance)[None] + jax.vmap(jnp.diag)(lifted)
        state, x = stabilizer.step(p, state, z)
        return state, (x, a, jnp.isfinite(jnp.linalg.cholesky(a)).all())

    return jax.lax.scan(frame, stabilizer.init_state(p, covariance=covariance, window=12), z)[1]


@pytest.mark.parametrize("covariance", COVARIANCES)
@settings(max_examples=40)
@given(values=EXTREME, step=st.sampled_from([0.0, 1.0, 100.0]))
def test_positive_definite_and_finite_whatever_the_parameters(covariance, values, step):
    start = params()
    _, unravel = ravel_pytree(stabilizer.unconstrain(start))
    p = stabilizer.constrain(unravel(jnp.asarray(values, jnp.float32)), start)
    z = 100 + step * (walk(25) - 100)
    x, a, factored = _run_and_factors(p, jnp.asarray(z), covariance)
    assert np.isfinite(x).all()
    assert factored.all()
    # The float32 matrix of the filter is positive definite, as judged in float64.
    smallest, largest = np.linalg.eigvalsh(np.asarray(a, np.float64))[..., [0, -1]].T
    assert (smallest > 0).all(), (smallest.min(), largest.max())
    # A weighted mean and a gain of at most one keep the output near the observations.
    assert np.abs(x - z.mean()).max() <= 3 * np.abs(z - z.mean()).max() + 1e-3


@pytest.mark.parametrize("covariance", ["windowed", "full"])
def test_a_fast_move_and_hardly_any_noise_at_68_points(covariance):
    p = params(68)._replace(noise=jnp.full(136, 1e-9), prior=jnp.full((2, 136), 1e-9), gamma=jnp.float32(0.999))
    z = walk(120, 68) + 50 * np.arange(120, dtype=np.float32)[:, None, None]
    assert jnp.isfinite(stabilizer.run(p, jnp.asarray(z), covariance=covariance)).all()


# The mode


@pytest.mark.parametrize(("covariance", "components"), [*((c, 2) for c in COVARIANCES), ("full", 1)])
def test_the_mode_of_a_frame_is_the_highest_point_of_the_mixture(covariance, components):
    """Two frames in one or two dimensions: the second's posterior by the oracle, its mode by brute force."""
    dims = 2 if components == 2 else 1
    with jax.enable_x64(True):
        p = params(1, dims, components, dtype=np.float64)
        # Far enough apart to have two peaks.
        p = p._replace(prior=p.prior.at[0].set(0.01))
        z = np.random.default_rng(4).normal(size=(6, 1, dims)) * 3
        x = np.asarray(stabilizer.run(p, jnp.asarray(z), covariance=covariance, estimate="mode"))
    past, v = list(x[:5].reshape(5, dims)), np.asarray(p.basis)
    mean, c = oracle.history(past, 0.7)
    if covariance == "diagonal":
        c = (v * np.diag(v.T @ c @ v)) @ v.T
    mixture = oracle.posterior(z[5].reshape(-1), mean, c, as_dict(p))
    if dims == 1:
        np.testing.assert_allclose(x[5].reshape(-1), mixture[1][0], atol=1e-8)
        return
    expected = oracle.mode(*mixture)
    np.testing.assert_allclose(x[5].reshape(-1), expected, atol=2e-3)
    assert oracle.log_density(x[5].reshape(-1), *mixture) >= oracle.log_density(expected, *mixture) - 1e-6


def test_the_mode_by_direction_is_the_mode_of_each_direction():
    with jax.enable_x64(True):
        p = params(2, 1, 3, dtype=np.float64)._replace(
            basis=jnp.eye(2), responsibilities=stabilizer.Responsibilities(jnp.asarray(1.0))
        )
        z = np.random.default_rng(2).normal(size=(8, 2, 1)) * 4
        x = np.asarray(stabilizer.run(p, jnp.asarray(z), estimate="mode"))[..., 0]
    for j in range(2):
        mean, c = oracle.history([v[j : j + 1] for v in x[:7]], 0.7)
        every = as_dict(p)
        one = {"noise": every["noise"][j : j + 1], "prior": every["prior"][:, j : j + 1], "basis": np.eye(1)}
        mixture = oracle.posterior(z[7, j], mean, c, every | one)
        np.testing.assert_allclose(x[7, j], oracle.mode(*mixture)[0], atol=2e-3)


def test_the_mode_is_refused_where_it_is_not_defined():
    z = jnp.asarray(walk(5))
    run = partial(stabilizer.run, track=z, estimate="mode")
    with pytest.raises(InputError, match="'mode' with groups of directions"):
        run(extended("groups"))
    with pytest.raises(InputError, match="'mode' with responsibilities by direction, expected covariance 'diagonal'"):
        run(extended("responsibilities"), covariance="full")
    with pytest.raises(InputError, match="3 components with covariance 'full', expected at most 2"):
        run(params(components=3), covariance="full")


# Bad input


def test_bad_input():
    p, z = params(), jnp.zeros((5, 3, 2))
    with pytest.raises(InputError, match="track: empty"):
        stabilizer.run(p, jnp.zeros((0, 3, 2)))
    with pytest.raises(InputError, match="2 points of 68 coordinates, expected at most 3: order the axes"):
        stabilizer.run(stabilizer.default_params(), jnp.zeros((5, 2, 68)))
    with pytest.raises(InputError, match="4 points of 2 dimensions, expected 6 coordinates"):
        stabilizer.run(p, jnp.zeros((5, 4, 2)))
    with pytest.raises(InputError, match="6 directions, expected a multiple of the 4"):
        stabilizer.init_state(p, dims=4)
    with pytest.raises(InputError, match="window: 0"):
        stabilizer.run(p, z, covariance="windowed", window=0)
    with pytest.raises(InputError, match="recurrent without velocity"):
        stabilizer.run(extended("recurrent")._replace(velocity=None), z)
    with pytest.raises(InputError, match="chunk: 0"):
        stabilizer.run(p, z, chunk=0)
