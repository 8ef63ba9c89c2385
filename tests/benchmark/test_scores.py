"""Scores of an output, against a loop over videos and frames."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.benchmark.scores import Score, over_seeds, score
from fhr_jax.losses import LossWeights


@pytest.fixture(scope="module")
def videos():
    rng = np.random.default_rng(0)
    truth = 100 + rng.normal(size=(2, 30, 68, 2)).cumsum(axis=1)
    mask = np.ones((2, 30), bool)
    mask[1, 25:] = False
    return stabilizer.as_videos(
        (truth + rng.normal(size=truth.shape)).astype(np.float32), truth.astype(np.float32), mask=mask
    )


def test_errors_are_means_of_videos_over_their_scored_frames(videos):
    found = score(videos.observed, videos)
    z, p = (np.asarray(part, np.float64) for part in videos[:2])
    expected = []
    for i, frames in enumerate((30, 25)):
        each = []
        for t in range(frames):
            distance = np.mean([np.linalg.norm(z[i, t, m] - p[i, t, m]) for m in range(68)])
            each.append(100 * distance / np.linalg.norm(p[i, t, 36] - p[i, t, 45]))
        expected.append(np.mean(each))
    np.testing.assert_allclose(found.nrmse, np.mean(expected), rtol=1e-5)
    assert abs(found.delay) < 0.5
    np.testing.assert_allclose(found.loss, found.euclidean + 10 * found.delay_term + found.smooth, rtol=1e-5)
    other = score(videos.observed, videos, weights=LossWeights(smooth=3.0, delay=0.0))
    np.testing.assert_allclose(other.loss, found.euclidean + 3 * found.smooth, rtol=1e-5)


def test_what_is_not_scored_changes_nothing(videos):
    hidden_changed = jnp.asarray(np.where(np.asarray(videos.mask)[..., None, None], videos.observed, 1e6))
    assert score(hidden_changed, videos) == score(videos.observed, videos)


def test_the_truth_is_without_fault(videos):
    found = score(videos.truth, videos)
    np.testing.assert_allclose([found.euclidean, found.delay_term, found.nrmse, found.stability], 0, atol=1e-6)
    assert found.delay == 0


def test_runs_every_track_by_itself(videos):
    params = stabilizer.paper_init(videos)
    each = jnp.stack([stabilizer.run(params, track) for track in videos.observed])
    np.testing.assert_allclose(stabilizer.run(params, videos.observed), each, atol=1e-4)


def test_mean_and_spread_over_seeds():
    table = over_seeds([Score(1, 2, 3, 4, 5, 6, 7), Score(3, 2, 3, 4, 5, 6, 9)])
    assert table["loss"] == {"mean": 2.0, "sd": 1.0}
    assert table["delay"] == {"mean": 8.0, "sd": 1.0}
    assert table["nrmse"] == {"mean": 5.0, "sd": 0.0}
