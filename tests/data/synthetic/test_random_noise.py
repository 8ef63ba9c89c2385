"""The noise of any detector has the level and the correlations of its settings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.data.faces.random_draws import random_block
from fhr_jax.data.synthetic.quick_motion import REFERENCE
from fhr_jax.data.synthetic.random_noise import RandomNoise, draw_noise, observe_randomly

FRAMES = 2000
STILL = jnp.asarray(np.broadcast_to(128 + 117 * REFERENCE, (FRAMES, 68, 2)), jnp.float32)


@jax.jit
def see(key, truth, noise):
    reference = jnp.asarray(REFERENCE, jnp.float32)
    pose = jnp.zeros((len(truth), 3))
    return random_block(key, lambda draws: observe_randomly(draws, truth, noise, reference=reference, pose=pose))


def error(seed=0, **settings):
    noise = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), RandomNoise(**settings))
    return np.asarray(see(jax.random.key(seed), STILL, noise)) - np.asarray(STILL)


def lagged(e, lag):
    return (e[lag:] * e[:-lag]).mean() / (e**2).mean()


@pytest.mark.parametrize("level", [0.2, 1.0, 3.0])
def test_the_level_is_the_rms_error_whatever_else_is_set(level):
    shares = (0.2, 0.1, 0.2, 0.3)
    np.testing.assert_allclose(error(level=level).std(), level, rtol=0.02)
    mixed = error(level=level, shares=shares, spread=(0.4, 0.3), anisotropy=0.2, slow_share=0.3, smoothing=0.4)
    np.testing.assert_allclose(np.sqrt((mixed**2).mean()), level, rtol=0.12)


def test_correlation_in_time():
    e = error(autocorrelation=(0.0, 0.8))
    np.testing.assert_allclose([lagged(e, 1), lagged(e, 3)], [0.8, 0.8**3], atol=0.03)
    assert abs(lagged(error(), 1)) < 0.01
    assert lagged(error(autocorrelation=(0.0, 0.5), smoothing=0.7), 1) > 0.85
    # Without its slow part it averages out.
    fast = error(autocorrelation=(0.0, 0.5), slow_share=0.0)
    means = [x[: FRAMES // 50 * 50].reshape(-1, 50, 68, 2).mean(axis=1).std() for x in (e, fast)]
    assert means[1] < 0.1 * means[0]


def test_shares_are_what_points_have_in_common():
    e = error(shares=(0.5, 0.0, 0.0, 0.0))
    np.testing.assert_allclose(e.mean(axis=1).var() / e.var(), 0.5, atol=0.05)
    e = error(shares=(0.0, 0.6, 0.0, 0.0))
    centred = REFERENCE - REFERENCE.mean(axis=0)
    scale = np.einsum("tmc,mc->t", e, centred) / (centred**2).sum()
    np.testing.assert_allclose(np.var(scale[:, None, None] * centred[None]) / e.var(), 0.3, atol=0.05)
    near = error(shares=(0.0, 0.0, 0.0, 0.9))
    correlation = np.corrcoef(near[..., 0].T)
    assert np.diagonal(correlation, 1)[:16].mean() > 0.6
    assert abs(correlation[0, 8:24].mean()) < 0.4


def test_faults_come_at_their_rates():
    e = error(outlier_rate=0.02, dropout_rate=0.05)
    missing = np.isnan(e).all(axis=(1, 2))
    assert 0.02 < missing.mean() < 0.09
    far = (np.linalg.norm(e[~missing], axis=-1) > 8).mean()
    assert 0.015 < far < 0.025
    seen = error(step=1.5) + np.asarray(STILL)
    gaps = np.diff(np.unique(seen[:, 0, 0]))
    np.testing.assert_allclose(gaps, 1.5, atol=1e-3)
    assert error(flicker_rate=0.02).std() > error().std() * 1.1


def test_noise_grows_with_speed():
    """A mean speed of 4 pixels a frame adds 4 times the gain to what the points have in common."""
    noise = RandomNoise(level=0.0, motion_gain=0.5, shares=(1.0, 0.0, 0.0, 0.0))
    noise = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), noise)
    moving = STILL + 4.0 * jnp.arange(FRAMES)[:, None, None] * jnp.array([[[1.0, 0.0]]])
    e = np.asarray(see(jax.random.key(0), moving, noise)) - np.asarray(moving)
    np.testing.assert_allclose(e.std(), 2.0, rtol=0.05)
    np.testing.assert_allclose(np.ptp(e, axis=1), 0, atol=0.01)


def test_draws_cover_a_factor_of_ten():
    draw = jax.jit(jax.vmap(lambda key: random_block(key, lambda draws: draw_noise(draws))))
    made = jax.tree.map(np.asarray, draw(jax.random.split(jax.random.key(0), 1000)))
    assert made.level.min() < 0.22
    assert made.level.max() > 2.7
    assert sum(made.shares).max() < 1 + 1e-5
    assert made.autocorrelation[1].min() == 0
    assert made.autocorrelation[1].max() > 0.85
    assert made.slow_share.min() == 0
    assert made.slow_share.max() > 0.95
    assert made.shares[0].max() + made.shares[1].max() > 0.7
    assert 0.05 < (sum(made.shares) == 0).mean() < 0.2
