"""What the tables say of an output, against a loop over videos and frames."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.stabilizer.judge import Score, judge, over_seeds, run_all


@pytest.fixture(scope="module")
def videos():
    rng = np.random.default_rng(0)
    truth = 100 + rng.normal(size=(2, 30, 68, 2)).cumsum(axis=1)
    mask = np.ones((2, 30), bool)
    mask[1, 25:] = False
    return stabilizer.as_videos(
        (truth + rng.normal(size=truth.shape)).astype(np.float32), truth.astype(np.float32), mask
    )


def test_errors_are_means_of_videos_over_their_scored_frames(videos):
    score = judge(videos.observed, videos)
    z, p = (np.asarray(part, np.float64) for part in videos[:2])
    expected = []
    for i, frames in enumerate((30, 25)):
        each = []
        for t in range(frames):
            distance = np.mean([np.linalg.norm(z[i, t, m] - p[i, t, m]) for m in range(68)])
            each.append(100 * distance / np.linalg.norm(p[i, t, 36] - p[i, t, 45]))
        expected.append(np.mean(each))
    np.testing.assert_allclose(score.nrmse, np.mean(expected), rtol=1e-5)
    assert abs(score.delay) < 0.5
    np.testing.assert_allclose(score.loss, score.euclidean + 10 * score.late + score.smooth, rtol=1e-5)
    other = judge(videos.observed, videos, lambda1=3.0, lambda2=0.0)
    np.testing.assert_allclose(other.loss, score.euclidean + 3 * score.smooth, rtol=1e-5)


def test_what_is_not_scored_changes_nothing(videos):
    spoilt = jnp.asarray(np.where(np.asarray(videos.mask)[..., None, None], videos.observed, 1e6))
    assert judge(spoilt, videos) == judge(videos.observed, videos)


def test_the_truth_is_without_fault(videos):
    score = judge(videos.truth, videos)
    np.testing.assert_allclose([score.euclidean, score.late, score.nrmse, score.stability], 0, atol=1e-6)
    assert score.delay == 0


def test_runs_every_track_by_itself(videos):
    params = stabilizer.paper_start(videos)
    each = jnp.stack([stabilizer.run(params, track) for track in videos.observed])
    np.testing.assert_allclose(run_all(params, videos.observed), each, atol=1e-4)


def test_mean_and_spread_over_seeds():
    table = over_seeds([Score(1, 2, 3, 4, 5, 6, 7), Score(3, 2, 3, 4, 5, 6, 9)])
    assert table["loss"] == {"mean": 2.0, "sd": 1.0}
    assert table["delay"] == {"mean": 8.0, "sd": 1.0}
    assert table["nrmse"] == {"mean": 5.0, "sd": 0.0}
