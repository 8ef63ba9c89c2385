"""What a filter keeps of a movement, for outputs that are made with a known slope and delay."""

import numpy as np
import pytest

from fhr_jax.benchmark.kept_openings import kept_opening
from fhr_jax.errors import InputError
from fhr_jax.metrics.eyelid_lip_opening import movement_response

FRAMES = 200


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(size=(3, FRAMES)).cumsum(axis=1)


def late(opening, frames):
    time = np.arange(FRAMES)
    return np.stack([np.interp(time - frames, time, row) for row in opening])


def test_a_filter_is_not_blamed_for_its_detector(truth):
    raw, output = 0.5 * late(truth, 0.5) + 7, 0.4 * late(truth, 1.5) - 2
    found = kept_opening(output, raw, truth)
    np.testing.assert_allclose((found.slope, found.kept, found.delay, found.later), (0.4, 0.8, 1.5, 1.0), atol=0.02)
    assert found.error < 0.01  # the same in each clip
    same = kept_opening(raw, raw, truth)
    assert (same.kept, same.error, same.later) == (1, 0, 0)


def test_the_error_is_that_of_the_jackknife(truth):
    output = truth * np.array([[0.6], [0.8], [1.0]])
    found = kept_opening(output, truth, truth)
    without = [movement_response(np.delete(output, i, 0), np.delete(truth, i, 0)).gain for i in range(3)]
    expected = np.sqrt(2 / 3 * np.sum((without - np.mean(without)) ** 2))
    assert expected > 0.05
    np.testing.assert_allclose(found.error, expected, rtol=1e-9)
    assert kept_opening(output[:1], truth[:1], truth[:1]).error == 0


def test_only_frames_of_the_mask_count(truth):
    output, mask = truth.copy(), np.zeros(truth.shape, bool)
    output[:, 100:] *= 0.5
    mask[:, :80] = True
    np.testing.assert_allclose(kept_opening(output, truth, truth, mask=mask).kept, 1, atol=0.02)


def test_without_clips_or_movement_there_is_no_answer(truth):
    with pytest.raises(InputError, match="no clips"):
        kept_opening(truth[:0], truth[:0], truth[:0])
    with pytest.raises(InputError, match="no movement"):
        kept_opening(truth, truth, truth, mask=np.zeros(truth.shape, bool))
