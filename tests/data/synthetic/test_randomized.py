"""Randomized tracks: shapes, one motion for all rates, and how much of everything is drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.data.synthetic import randomized

FRAMES = 120


@pytest.fixture(scope="module")
def draw():
    return jax.jit(lambda key, fps: randomized.batch(key, 3, FRAMES, fps=fps))


def test_all_rates_see_one_motion(draw):
    key = jax.random.key(5)
    slow, double, fast = (np.asarray(draw(key, fps).truth) for fps in (30.0, 60.0, 120.0))
    # A crop that follows the face divides small differences of sines; a hundredth of a pixel is far below any noise.
    np.testing.assert_allclose(double[:, ::2], slow[:, : FRAMES // 2], atol=0.01)
    np.testing.assert_allclose(fast[:, ::4], slow[:, : FRAMES // 4], atol=0.01)


def test_batches_are_seeded(draw):
    made, again, other = (jax.tree.map(np.asarray, draw(jax.random.key(seed), 30.0)) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, made, again)
    assert (made.truth != other.truth).any(axis=(1, 2, 3)).all()


def test_batches_are_finite_and_show_rest_and_quick_motion():
    many = jax.jit(lambda key: randomized.batch(key, 200, 60))
    made = jax.tree.map(np.asarray, many(jax.random.key(0)))
    assert made.truth.shape == made.observed.shape == (200, 60, 68, 2)
    assert set(made.fps) <= set(randomized.RATES)
    assert len(set(made.fps)) > 5
    assert np.isfinite(made.truth).all()
    missing = np.isnan(made.observed)
    np.testing.assert_array_equal(missing.any(axis=(2, 3)), missing.all(axis=(2, 3)))
    assert 0 < missing.mean() < 0.03

    # The median error of a noise that comes in bursts lies below its rms.
    level = np.sqrt(np.nanmedian((made.observed - made.truth) ** 2, axis=(1, 2, 3))) / 0.67
    assert np.percentile(level, 90) > 6 * np.percentile(level, 10)
    assert level.min() > 0.03
    assert level.max() < 6
    # From a face at rest to one that moves by its own size in a frame.
    speed = np.linalg.norm(np.diff(made.truth, axis=1), axis=-1) * made.fps[:, None, None] / 30
    assert 0.01 < (speed.max(axis=(1, 2)) < 0.01).mean() < 0.1
    assert np.percentile(speed.mean(axis=(1, 2)), 20) < 0.35
    assert speed.max() > 30


def test_any_markup_and_no_faults():
    """Points between two landmarks of the 68 lie there in the truth, and have noise of their own."""
    markup = np.zeros((5, 68), np.float32)
    markup[np.arange(5), [0, 36, 30, 48, 57]] = markup[np.arange(5), [1, 37, 33, 49, 66]] = 0.5

    @jax.jit
    def both(key):
        def make(markup):
            return randomized.batch(key, 20, 60, fps=30.0, faults=False, markup=markup)

        return make(jnp.asarray(markup)), make(jnp.eye(68))

    few, all_points = jax.tree.map(np.asarray, both(jax.random.key(2)))
    assert few.observed.shape == (20, 60, 5, 2)
    apart = np.linalg.norm(few.truth - np.einsum("mn,btnc->btmc", markup, all_points.truth), axis=-1)
    assert apart.max() < 6  # only the fine motion differs
    error = np.abs(few.observed - few.truth)
    assert np.isfinite(error).all()
    assert error.max() < 60  # a flickering point of a noisy detector, six deviations
    assert error.max(axis=(1, 2, 3)).min() > 0.05


def test_one_frame():
    made = randomized.sample(jax.random.key(0), 1, faults=False)
    assert made.observed.shape == (1, 68, 2)
    assert np.isfinite(made.observed).all()
