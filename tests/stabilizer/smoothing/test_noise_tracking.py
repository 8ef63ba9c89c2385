"""The noise of a track, against plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax.stabilizer.smoothing import bands, noise_tracking


def test_the_noise_follows_its_frames_and_not_an_outlier():
    state, expected, count = (
        noise_tracking.init_noise(jnp.zeros(())),
        noise_tracking.FIRST_NOISE**2,
        noise_tracking.FIRST_FRAMES,
    )
    tail, follow = noise_tracking.FIRST_TAIL, jax.jit(noise_tracking.update_noise)
    for value, observed, dt in ((2e-4, 1.0, 1.0), (5.0, 1.0, 1.0), (1e-4, 0.5, 2.0), (1.0, 0.0, 1.0)):
        state = follow(
            state, jnp.full(3, value), jnp.full(2, value), observed=jnp.full((), observed), dt=jnp.full((), dt)
        )
        count = (noise_tracking.NOISE_DECAY**dt if observed else 1) * count + observed
        expected += observed / count * (min(value, noise_tracking.MAX_SQUARE * expected) - expected)
        tail += observed / count * (value - tail)
        np.testing.assert_allclose(state.variance, expected, rtol=1e-5)
        np.testing.assert_allclose(state.tail, tail, rtol=1e-5)


def test_the_tail_of_normal_noise_is_known_and_grows_with_few_large_errors():
    rng = np.random.default_rng(2)
    points, regions = rng.normal(size=(1, 2000, 2)), rng.normal(size=(1, 2000, 2))
    regions[0, :20] *= 8
    parts = bands.MotionParts(*(jnp.asarray(value, jnp.float32) for value in (points, regions, points)))
    tail = jax.jit(noise_tracking.tail_of_frame)(parts, jnp.ones(2000))
    length = np.linalg.norm(regions[0], axis=1)
    expected = np.log((length**4).mean() / (4 / np.pi * length.mean() ** 2) ** 2)
    np.testing.assert_allclose(tail, [expected, noise_tracking.FIRST_TAIL], atol=0.1)
    assert tail[0] > 2
    still = jax.tree.map(jnp.zeros_like, parts)
    assert np.isfinite(jax.jit(noise_tracking.tail_of_frame)(still, jnp.ones(2000))).all()
    gradients = jax.jit(jax.jacrev(noise_tracking.tail_of_frame))(still, jnp.ones(2000))
    assert all(np.isfinite(value).all() for value in gradients)


def test_the_noise_that_all_share_is_at_most_four_times_the_rest_from_eight_points_on():
    rng = np.random.default_rng(5)
    variance = rng.uniform(0, 1, size=(20, 3)) * [20, 1, 1]
    found = np.asarray(noise_tracking.without_shaking(jnp.asarray(variance, jnp.float32), points=8))
    bounded = [[min(face, 4 * (regions + points)), regions, points] for face, regions, points in variance]
    np.testing.assert_allclose(found, bounded, rtol=1e-6)
    assert (found[:, 0] < variance[:, 0] - 1e-3).any()
    few = noise_tracking.without_shaking(jnp.asarray(variance, jnp.float32), points=7)
    np.testing.assert_allclose(few, variance, rtol=1e-6)
