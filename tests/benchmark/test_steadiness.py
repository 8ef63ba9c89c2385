"""Scores of tracks without a truth: outliers, the zero-phase reference, delay and second difference."""

import numpy as np
import pytest

from fhr_jax.benchmark.steadiness import find_outliers, interpolate, steadiness, zero_phase
from fhr_jax.errors import InputError


def test_the_reference_interpolates_outliers_and_missing_points():
    frames = np.arange(60.0)[:, None, None]
    track = frames * np.ones((1, 5, 2)) + 40 * np.random.default_rng(0).normal(size=(1, 5, 2))
    broken = track.copy()
    broken[20, 3] += 500
    broken[40, 1] = np.nan
    found = find_outliers(broken)
    assert set(zip(*np.nonzero(found), strict=True)) == {(20, 3), (40, 1)}
    np.testing.assert_allclose(interpolate(broken, found), track, atol=1e-9)
    np.testing.assert_allclose(zero_phase(broken), track, atol=1e-6)


def test_delay_and_second_difference():
    rng = np.random.default_rng(0)
    motion = 20 * np.sin(np.arange(200.0)[:, None, None] / 9 + rng.uniform(0, 6, (1, 5, 2)))
    track = motion + 50 * rng.normal(size=(1, 5, 2))
    noisy = track + rng.normal(size=track.shape)
    same = steadiness(noisy, noisy)
    np.testing.assert_allclose((same.second_difference, same.distance, same.delay), (1, 1, 0))
    late = steadiness(np.concatenate([noisy[:2], noisy[:-2]]), noisy)
    assert late.delay == 2
    assert late.distance > 1
    perfect = steadiness(zero_phase(noisy), noisy)
    assert perfect.second_difference < 0.5
    assert perfect.distance == 0


def test_max_deviation_is_in_face_sizes_and_of_valid_frames():
    rng = np.random.default_rng(0)
    track = 20 * np.sin(np.arange(40.0)[:, None, None] / 9) + 50 * rng.normal(size=(1, 5, 2))
    reference = zero_phase(track)
    centred = reference - reference.mean(axis=1, keepdims=True)
    size = np.median(np.sqrt((centred**2).sum(axis=-1).mean(axis=-1)))
    output = reference.copy()
    output[20, 2, 0] += 3 * size
    output[30, 1, 1] -= 7 * size
    np.testing.assert_allclose(steadiness(output, track).max_deviation, 7, rtol=1e-6)
    np.testing.assert_allclose(steadiness(output, track, valid=np.arange(40) != 30).max_deviation, 3, rtol=1e-6)


def test_short_tracks_are_refused():
    track = np.random.default_rng(0).normal(size=(20, 3, 2))
    with pytest.raises(InputError, match="12 frames"):
        steadiness(track[:12], track[:12])
    with pytest.raises(InputError, match="no three valid frames"):
        steadiness(track, track, valid=np.arange(20) % 2 == 0)
