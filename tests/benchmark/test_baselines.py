"""Tuned baselines: known optima, dense grids that must not be better, one compilation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import filters
from fhr_jax.benchmark import baselines
from fhr_jax.benchmark.baselines import BaselineFilter, coarser, smooth, tune, tune_for_all
from fhr_jax.errors import InputError
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights, stabilization
from fhr_jax.stabilizer.fit.tracks import Videos, pad_videos


def loss_of(baseline, settings, videos, weights=PAPER_WEIGHTS):
    return float(
        stabilization(
            smooth(baseline, settings, videos.observed), videos.truth, mask=videos.mask, weights=weights
        ).total
    )


@pytest.fixture(scope="module")
def videos():
    rng = np.random.default_rng(0)
    pairs = []
    for frames in (50, 60, 70):
        truth = 100 + 15 * np.sin(np.arange(frames)[:, None, None] / 7 + rng.uniform(0, 6, (1, 3, 2)))
        pairs.append((truth + rng.normal(size=truth.shape), truth))
    return pad_videos(pairs)


def test_the_gain_of_a_random_walk_is_that_of_its_kalman_filter():
    """Walk of variance q, noise of variance r: a = p / (p + r), p = (q + sqrt(q^2 + 4 q r)) / 2."""
    rng = np.random.default_rng(1)
    q, r = 0.5, 2.0
    truth = np.sqrt(q) * rng.normal(size=(1, 1500, 40, 2)).cumsum(axis=1)
    noisy = truth + np.sqrt(r) * rng.normal(size=truth.shape)
    made = Videos(jnp.asarray(noisy, jnp.float32), jnp.asarray(truth, jnp.float32), jnp.arange(1500)[None] > 50)
    p = (q + np.sqrt(q**2 + 4 * q * r)) / 2
    tuned = tune(baselines.FIRST_ORDER, made, weights=LossWeights(smooth=0.0, delay=0.0))
    np.testing.assert_allclose(tuned.settings["a"], p / (p + r), rtol=0.02)
    # The mean squared error is then the variance of the Kalman filter, for each of 80 coordinates.
    np.testing.assert_allclose(tuned.loss, 80 * p * r / (p + r), rtol=0.02)


@pytest.mark.parametrize("weights", [PAPER_WEIGHTS, LossWeights(0.3, 1.0, float("inf"))])
def test_beats_a_dense_grid(weights, videos):
    tuned = tune(baselines.SECOND_ORDER, videos, weights=weights)

    @jax.jit
    def loss(a, c):
        output = smooth(baselines.SECOND_ORDER, {"a": a, "c": c}, videos.observed)
        return stabilization(output, videos.truth, mask=videos.mask, weights=weights).total

    grid = [loss(a, c) for a in np.linspace(0.05, 1, 12) for c in np.linspace(0.05, 1, 12)]
    assert tuned.loss <= 1.0005 * float(min(grid))
    np.testing.assert_allclose(
        loss_of(baselines.SECOND_ORDER, tuned.settings, videos, weights=weights), tuned.loss, rtol=1e-4
    )
    assert tuned.evaluations > 144


def test_equal_families_reach_the_same_loss(videos):
    holt, gains = tune(baselines.SECOND_ORDER, videos), tune(baselines.ALPHA_BETA, videos)
    np.testing.assert_allclose(holt.loss, gains.loss, rtol=2e-3)
    np.testing.assert_allclose(holt.settings["a"] * holt.settings["c"], gains.settings["b"], rtol=0.1)


def test_one_setting_for_all_minimizes_the_geometric_mean(videos):
    loud = videos._replace(observed=videos.truth + 3 * (videos.observed - videos.truth))
    one = coarser(baselines.FIRST_ORDER)
    assert one.ranges == {"a": (0.02, 1.0, 5)}
    both = tune_for_all(one, [videos, loud], evaluations=30)

    @jax.jit
    def mean(a):
        losses = [
            stabilization(smooth(one, {"a": a}, some.observed), some.truth, mask=some.mask).total
            for some in (videos, loud)
        ]
        return jnp.sqrt(losses[0] * losses[1])

    np.testing.assert_allclose(both.loss, mean(both.settings["a"]), rtol=1e-4)
    assert both.loss <= 1.001 * min(float(mean(a)) for a in np.geomspace(0.1, 1, 8))
    apart = [tune(one, some, evaluations=30).settings["a"] for some in (videos, loud)]
    assert apart[1] < both.settings["a"] < apart[0]
    with pytest.raises(InputError, match="expected videos"):
        tune_for_all(one, [])


def test_windows_are_tried_one_by_one(videos):
    few = baselines.MOVING_AVERAGE._replace(choices=baselines.MOVING_AVERAGE.choices[:6])
    tuned = tune(few, videos)
    losses = {n: loss_of(baselines.MOVING_AVERAGE, {"n": n}, videos) for n in (1, 2, 3, 4, 5, 6)}
    assert tuned.settings == {"n": min(losses, key=losses.__getitem__)}
    assert tuned.evaluations == 6


def test_compiles_once_for_all_settings(videos):
    builds = []

    def build(a):
        builds.append(a)
        return lambda track: filters.run(filters.first_order(a), track)

    tuned = tune(BaselineFilter("counted", build, {"a": (0.1, 1.0, 5)}), videos)
    assert len(builds) == 1
    assert tuned.evaluations > 10


def test_masked_frames_change_nothing(videos):
    first = tune(baselines.FIRST_ORDER, videos)
    mask = np.asarray(videos.mask)
    garbage = jnp.where(jnp.asarray(mask)[:, :, None, None], videos.truth, 1e3)
    assert tune(baselines.FIRST_ORDER, videos._replace(truth=garbage)) == first


def test_settings_that_diverge_lose(videos):
    too_wide = baselines.ALPHA_BETA._replace(ranges={"a": (0.5, 300.0, 4), "b": (0.1, 100.0, 3)})
    tuned = tune(too_wide, videos)
    assert tuned.settings["a"] < 2
    assert np.isfinite(tuned.loss)
    nothing = BaselineFilter("nothing", lambda a: lambda track: track * jnp.nan, {"a": (0.1, 1.0, 3)})
    with pytest.raises(InputError, match="nothing: no setting"):
        tune(nothing, videos)


def test_every_baseline_smooths_tracks_with_gaps(videos):
    observed = videos.observed.at[:, 20:24].set(jnp.nan).at[:, 30, 1].set(jnp.nan)
    for baseline in (baselines.RAW, *baselines.BASELINES, *baselines.REFERENCES):
        few = baseline._replace(
            ranges={name: (low, high, 2) for name, (low, high, _) in baseline.ranges.items()},
            choices=baseline.choices[:3],
        )
        tuned = tune(few, videos._replace(observed=observed), starts=1, evaluations=5)
        assert np.isfinite(np.asarray(smooth(baseline, tuned.settings, observed))).all(), baseline.name
        assert 0 < tuned.loss < 1e4, baseline.name
    assert [baseline.causal for baseline in baselines.REFERENCES] == [False, False]
