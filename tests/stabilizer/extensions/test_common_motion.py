"""The motion that all points share: the similarity that fits them best, weighted."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fhr_jax.stabilizer.extensions.common_motion import common_motion

motion = jax.jit(common_motion)
NUMBER = st.floats(-3, 3)


@given(
    shift=st.tuples(NUMBER, NUMBER), growth=NUMBER, turn=NUMBER, seed=st.integers(0, 100), dims=st.sampled_from([2, 3])
)
def test_any_similarity_is_found_whatever_points_of_weight_zero_do(shift, growth, turn, seed, dims):
    rng = np.random.default_rng(seed)
    points = 50 + 10 * rng.normal(size=(7, dims))
    if dims == 2:
        linear = np.array([[growth, -turn], [turn, growth]])
    else:
        linear, shift = growth * np.eye(3), (*shift, turn)
    moved = points @ linear.T + np.array(shift)
    weight = rng.uniform(0.1, 1, 7)
    weight[2] = 0
    wrong = moved.copy()
    wrong[2] = 1e4
    found = motion(*(jnp.asarray(a, jnp.float32) for a in (wrong, points, weight)))
    np.testing.assert_allclose(found, moved, rtol=0, atol=2e-3)


@given(scale=st.floats(0.1, 50), angle=st.floats(-3, 3), seed=st.integers(0, 100))
def test_the_common_motion_rotates_and_scales_with_the_track(scale, angle, seed):
    rng = np.random.default_rng(seed)
    points, moved, weight = 10 * rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), rng.uniform(0, 1, 6)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    one, two = (
        np.asarray(motion(*(jnp.asarray(a, jnp.float32) for a in (moved @ t.T, points @ t.T + b, weight))))
        for t, b in ((np.eye(2), 0.0), (turn, 30.0))
    )
    np.testing.assert_allclose(two, one @ turn.T, rtol=0, atol=1e-4 * scale)


def test_the_common_motion_is_the_least_squares_fit():
    rng = np.random.default_rng(0)
    points, moved, weight = rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), rng.uniform(0, 1, 6)
    columns = [
        np.stack([np.ones(6), np.zeros(6)], 1),
        np.stack([np.zeros(6), np.ones(6)], 1),
        points,
        np.stack([-points[:, 1], points[:, 0]], 1),
    ]
    design = np.stack([c.ravel() for c in columns], axis=1)
    root = np.sqrt(np.repeat(weight, 2))
    best = np.linalg.lstsq(design * root[:, None], moved.ravel() * root, rcond=None)[0]
    found = motion(*(jnp.asarray(a, jnp.float32) for a in (moved, points, weight)))
    np.testing.assert_allclose(np.asarray(found).ravel(), design @ best, atol=1e-5)


def test_without_weight_the_common_motion_is_zero_and_of_one_point_a_shift():
    moved, points = jnp.ones((3, 2)), jnp.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(motion(moved, points, jnp.zeros(3)), jnp.zeros((3, 2)))
    np.testing.assert_allclose(motion(moved, points, jnp.array([0.0, 1.0, 0.0])), moved)
    np.testing.assert_allclose(motion(moved, jnp.zeros((3, 2)), jnp.ones(3)), moved)
