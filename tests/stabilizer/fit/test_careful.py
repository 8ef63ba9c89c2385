"""The careful fit: it helps where the tracks agree, and returns the initial parameters where they do not."""

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit import careful
from fhr_jax.stabilizer.fit.careful import checkpoints, choose, fit_carefully
from tests.stabilizer.fit.pairs import pairs

TRACKS = 4
OPTIONS = {"steps": 8, "learning_rate": 0.2, "prior": 0.0}


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs((40,) * TRACKS))


@pytest.fixture(scope="module")
def start(videos):
    return stabilizer.paper_init(videos)._replace(outliers=stabilizer.default_params().outliers)


def _videos_of(videos, calls=None):
    """Always two videos, of the chosen tracks in turn."""

    def of(chosen, seed):
        if calls is not None:
            calls.append((list(chosen), seed))
        places = np.resize(np.asarray(chosen), 2)
        return jax.tree.map(lambda a: a[places], videos)

    return of


def _losses(*gains, videos=3):
    """Losses of folds of 100 before, and times exp(gain) after one checkpoint."""
    after = 100 * np.exp(np.array(gains))
    return np.broadcast_to(np.stack([np.full(len(after), 100.0), after], 1)[..., None], (len(after), 2, videos))


def test_a_gain_that_all_folds_share_is_taken_and_a_doubtful_one_is_not():
    assert choose(_losses(-0.10, -0.12, -0.11, -0.09))[0] == 1
    assert choose(_losses(-0.3, 0.2, -0.3, 0.1))[0] == 0
    assert choose(_losses(0.1, 0.1, 0.1))[0] == 0
    assert choose(_losses(0.0, 0.0, 0.0))[0] == 0
    before, after = choose(_losses(-0.1, -0.1))[1]
    assert (before, after) == pytest.approx((100, 100 * np.exp(-0.1)))


def test_videos_without_a_scored_frame_and_points_that_were_not_reached_do_not_count():
    losses = np.array(_losses(-0.10, -0.12, -0.11))
    losses[:, :, 1] = np.nan
    assert choose(losses)[0] == 1
    losses[0, 1] = np.inf
    assert choose(losses)[0] == 0
    one = np.array([[[100.0, 200.0, 300.0], [90.0, 181.0, 269.0]]])  # a single fold: its videos agree
    assert choose(one)[0] == 1
    assert choose(one * [[[1.0, 1.0, 1.0], [1.3, 1.0, 1.0]]])[0] == 0


def test_checkpoints_end_with_the_last_step():
    assert checkpoints(20) == (5, 10, 20)
    assert checkpoints(1) == (1,)


def test_a_fit_that_helps_is_the_mean_over_the_folds_and_outliers_are_not_fitted(videos, start):
    calls, kept, reports = [], [], []
    fit = fit_carefully(
        _videos_of(videos, calls), TRACKS, init_params=start, keep=kept.append, progress=reports.append, **OPTIONS
    )
    assert fit.steps > 0
    assert fit.held_out[1] < fit.held_out[0]
    assert fit.history.loss[-1] < fit.history.loss[0]
    assert len(fit.history.loss) == 2
    assert (np.asarray(fit.params.noise) != np.asarray(start.noise)).all()
    assert fit.params.outliers == start.outliers
    np.testing.assert_array_equal(fit.params.basis, start.basis)
    everything, folds = calls[0], calls[1:]
    assert everything == ([0, 1, 2, 3], 0)
    for i in range(TRACKS):
        left_out, rest = folds[2 * i + 1], folds[2 * i]
        assert left_out == ([i], i + 1)
        assert sorted(rest[0] + left_out[0]) == [0, 1, 2, 3]
    assert fit.folds == len(kept) - 1 == TRACKS  # the first is of the start
    assert reports[-1].info["evaluations"] == OPTIONS["steps"] + 1

    place = (0, *checkpoints(OPTIONS["steps"])).index(fit.steps)
    vector = ravel_pytree(stabilizer.unconstrain(fit.params._replace(outliers=None)))[0]
    np.testing.assert_allclose(vector, kept[-1].points[:, place].mean(axis=0), rtol=1e-3, atol=1e-4)

    again = fit_carefully(_videos_of(videos), TRACKS, init_params=start, resume=kept[1], **OPTIONS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), again.params, fit.params)
    assert again.held_out == pytest.approx(fit.held_out)
    with pytest.raises(InputError, match="resume: holds another fit"):
        fit_carefully(_videos_of(videos), TRACKS, init_params=start, resume=kept[1], left_out=[[0]], **OPTIONS)


def test_tracks_that_disagree_keep_the_initial_parameters(videos, start):
    """Those to fit are noise at rest and those left out move without noise: what smooths the ones delays the others."""
    still, exact = (_videos_of(some) for some in (
        videos._replace(observed=videos.observed - videos.truth, truth=0 * videos.truth),
        videos._replace(observed=videos.truth),
    ))  # fmt: skip
    fit = fit_carefully(
        lambda chosen, seed: (exact if len(chosen) == 1 else still)(chosen, seed), TRACKS, init_params=start, **OPTIONS
    )
    assert fit.steps == 0
    assert fit.params is start
    assert len(fit.history.loss) == 1


def test_the_prior_holds_the_parameters(videos, start):
    free, held = (
        fit_carefully(_videos_of(videos), TRACKS, init_params=start, left_out=[[3]], **OPTIONS | {"prior": prior})
        for prior in (0.0, 1000.0)
    )
    moved = [np.abs(np.log(fit.params.noise / start.noise)).max() for fit in (free, held)]
    assert moved[1] < 0.5 * moved[0]


def test_without_time_or_other_tracks_the_initial_parameters_stay(videos, start):
    ticks = iter(range(10_000))
    slow = {"clock": lambda: float(next(ticks)), **OPTIONS}
    fit = fit_carefully(_videos_of(videos), TRACKS, init_params=start, seconds=9.0, **slow)
    assert (fit.steps, fit.folds) == (0, 0)
    assert np.isnan(fit.held_out).all()
    alone = fit_carefully(_videos_of(videos), 1, init_params=start, **OPTIONS)
    assert (alone.steps, alone.params) == (0, start)
    with pytest.raises(InputError, match="steps: 0, expected at least 1"):
        fit_carefully(_videos_of(videos), TRACKS, init_params=start, **OPTIONS | {"steps": 0})


def test_tracks_are_left_out_in_folds_of_about_one_size():
    assert [sorted(fold) for fold in careful._folds(3)] == [[0], [1], [2]]
    folds = careful._folds(11)
    assert len(folds) == careful.FOLDS
    assert sorted(i for fold in folds for i in fold) == list(range(11))
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
