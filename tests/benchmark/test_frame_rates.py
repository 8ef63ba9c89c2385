"""One motion at several rates, and scores of filters whose error and delay are known."""

import jax
import numpy as np
import pytest

from fhr_jax.benchmark import baselines, frame_rates
from fhr_jax.errors import InputError

KEY = jax.random.key(2)


@pytest.fixture(scope="module")
def videos():
    return {rate: frame_rates.videos_at(KEY, rate, number=2, seconds=3.0) for rate in (15.0, 30.0)}


def test_all_rates_see_one_motion_with_the_same_noise(videos):
    slow, fast = (np.asarray(videos[rate].truth) for rate in (15.0, 30.0))
    assert fast.shape == (2, 90, 68, 2)
    np.testing.assert_allclose(fast[:, ::2], slow, atol=0.02)
    assert np.ptp(fast, axis=1).max() > 3
    for some in videos.values():
        noise = np.asarray(some.observed) - np.asarray(some.truth)
        np.testing.assert_allclose(noise.std(), 1, rtol=0.03)
    with pytest.raises(InputError, match="expected at least 1 and 3"):
        frame_rates.videos_at(KEY, 10.0, seconds=0.2)


def test_scores_of_known_filters(videos):
    def late(observed, rate):
        truth = np.asarray(videos[rate].truth)
        return np.concatenate([truth[:, :1], truth[:, :-1]], axis=1)

    filters = {"raw": lambda observed, rate: observed, "late": late}
    found = frame_rates.compare(filters, videos)
    for rate in videos:
        np.testing.assert_allclose(found["raw"][rate].rms, 1, rtol=0.03)
        assert abs(found["raw"][rate].delay) < 3
        np.testing.assert_allclose(found["late"][rate].delay, 1000 / rate, rtol=0.02)
    assert found["late"][15.0].rms > 1.7 * found["late"][30.0].rms


def test_one_euro_knows_the_rate(videos):
    """The same cut-off smooths more, frame by frame, the faster the camera is."""
    settings = {"min_cutoff": 1.0, "beta": 0.0, "d_cutoff": 1.0}

    noise = videos[30.0].observed - videos[30.0].truth

    def left(rate):
        return np.asarray(baselines.smooth(frame_rates.one_euro_at(rate), settings, noise))[:, 30:].std()

    # First order with a gain g leaves g / (2 - g) of the variance of white noise; g = 1 / (1 + rate / 2 pi).
    for rate in (30.0, 60.0):
        gain = 1 / (1 + rate / (2 * np.pi))
        np.testing.assert_allclose(left(rate), np.sqrt(gain / (2 - gain)), rtol=0.05)
    assert frame_rates.falls([3.0, 2.0, 1.0])
    assert not frame_rates.falls([3.0, 1.0, 1.0])
