"""Tables over many videos, against loops over their frames."""

import numpy as np
import pytest

from fhr_jax import metrics
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7
from tests.oracles import metrics as oracle


def video(seed, frames=14, *, lost=(), numbers=None, shift=0.0):
    """Predictions and truth of a face of seven points on a random walk, and the frame numbers."""
    rng = np.random.default_rng(seed)
    truth = shift + 40 * rng.normal(size=(1, 7, 2)) + rng.normal(size=(frames, 7, 2)).cumsum(axis=0)
    found = truth + rng.normal(size=truth.shape)
    found[list(lost)] = np.nan
    return found, truth, np.arange(1, frames + 1) if numbers is None else np.asarray(numbers)


VIDEOS = [
    video(0),
    video(1, lost=(0, 5, 6)),
    video(2, 6, numbers=[3, 4, 7, 8, 9, 20]),
    video(3, 5, numbers=[1, 2, 4, 5, 6], lost=(1, 3)),  # no pair
    video(4, 3, lost=(0, 1, 2)),
]


def test_summaries_agree_with_loops_over_frames():
    scores = [metrics.score_video(*each, markup=FACE7) for each in VIDEOS]
    assert [score.pairs for score in scores] == [13, 9, 3, 0, 0]
    ours, limit = metrics.summarize_videos(scores, limit=4.0)._asdict(), 4.0
    theirs = oracle.videos(VIDEOS, (0, 3), limit)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-4), name


def test_frames_without_neighbours_or_faces_leave_nan():
    score = metrics.score_video(*video(0, 3, numbers=[1, 3, 5]), markup=FACE7)
    assert np.isfinite(score.errors).all()
    assert np.isnan(score.stability)
    lost = metrics.score_video(*video(0, 3, lost=(0, 1, 2)), markup=FACE7)
    summary = metrics.summarize_videos([lost])
    assert summary.lost == summary.failure_rate == 100
    assert np.isnan([summary.nrmse, summary.stability, summary.nrmse_of_videos, summary.stability_of_videos]).all()


def test_scores_do_not_lose_precision_in_large_images():
    near, far = (metrics.score_video(*video(0, shift=shift), markup=FACE7) for shift in (0.0, 30_000.0))
    np.testing.assert_allclose(near.errors, far.errors, rtol=1e-4)
    assert near.stability == pytest.approx(far.stability, rel=1e-4)


def test_frames_out_of_order_are_an_error():
    with pytest.raises(InputError, match="ascend"):
        metrics.score_video(*video(0, 3, numbers=[1, 3, 2]), markup=FACE7)
