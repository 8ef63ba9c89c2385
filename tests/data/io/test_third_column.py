"""A third column is a score only where it cannot be depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhr_jax.data.io.third_column import guess

seeds = st.integers(0, 100)


def face(seed=0, size=150.0):
    rng = np.random.default_rng(seed)
    points = size * rng.uniform(-0.5, 0.5, (1, 20, 2)) + size * 2
    return rng, points + 0.01 * size * rng.normal(size=(15, 20, 2))


def with_third(points, third):
    return np.concatenate([points, np.broadcast_to(third, points.shape[:2])[..., None]], axis=-1)


@given(seed=seeds, percent=st.booleans(), size=st.floats(40, 800), low=st.floats(0, 0.95))
def test_scores(seed, percent, size, low):
    rng, points = face(seed, size)
    scores = np.where(rng.uniform(size=points.shape[:2]) < 0.05, low / 10, rng.uniform(low, 1, points.shape[:2]))
    if percent:
        scores = 98 - 10 * rng.uniform(size=points.shape[:2])
    assert guess(with_third(points, (100 if percent and scores.max() <= 1 else 1) * scores)) == "score"


@given(seed=seeds, size=st.floats(40, 800), offset=st.sampled_from([0.0, 0.25, 3.0]))
def test_depth(seed, size, offset):
    rng, points = face(seed, size)
    depth = size * (rng.uniform(-0.25, 0.25, (1, 20)) + offset) + 0.01 * size * rng.normal(size=points.shape[:2])
    assert guess(with_third(points, depth)) == "z"


@given(seed=seeds)
def test_normalized_points_keep_a_depth_in_0_to_1(seed):
    rng, points = face(seed, 0.3)
    assert guess(with_third(points, rng.uniform(0.4, 0.6, (1, 20)))) == "z"


@pytest.mark.parametrize("third", [0.0, np.nan, -0.5, 600.0])
def test_flat_and_unknown_columns_are_coordinates(third):
    assert guess(with_third(face()[1], third)) == "z"


def test_missing_points_do_not_count():
    points = with_third(face()[1], 0.9)
    points[3], points[5, 2] = np.nan, (1e9, 1e9, np.nan)
    assert guess(points) == "score"
