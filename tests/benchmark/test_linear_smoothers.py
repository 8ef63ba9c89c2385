"""Linear smoothers as matrices: those of the package and of SciPy, and only as far ahead as they may look."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import savgol_filter

from fhr_jax import stabilizer
from fhr_jax.benchmark import linear_smoothers
from fhr_jax.filters import smoothers
from fhr_jax.losses import stabilization

T = 40
LAGS = (0, 1, 3, None)


def noisy(videos=2):
    rng = np.random.default_rng(0)
    truth = 200 + 20 * np.sin(np.arange(T)[:, None, None] / 5 + rng.uniform(0, 6, (videos, 1, 4, 2)))
    observed = truth + rng.normal(size=truth.shape)
    return stabilizer.as_videos(observed.astype(np.float32), truth.astype(np.float32))


def settings(smoother, lag):
    scale = {} if smoother.scale is None else {smoother.scale[0]: 0.8}
    return [{**choice, **scale} for choice in smoother.choices(lag)[:: 1 if smoother.scale else 17]]


@pytest.mark.parametrize("lag", LAGS)
def test_no_smoother_looks_further_ahead_or_moves_a_face_at_rest(lag):
    further = np.subtract.outer(-np.arange(T), -np.arange(T)) > (T if lag is None else lag)
    for smoother in linear_smoothers.SMOOTHERS:
        for chosen in settings(smoother, lag):
            matrix = smoother.matrix(T, lag, **chosen)
            assert not matrix[further].any(), (smoother.name, chosen)
            np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-9)


def test_rts_is_that_of_the_package_and_a_lag_ends_the_track_early():
    track = np.asarray(noisy(1).observed[0], np.float64)
    expected = smoothers.rts(jnp.asarray(track - 200, jnp.float32), q=0.3, r=1.0, velocity_variance=10.0)
    whole = linear_smoothers.rts(T, None, order=2, q=0.3)
    np.testing.assert_allclose(np.einsum("ts,smd->tmd", whole, track - 200), expected, atol=1e-3)
    for order in (1, 2, 3):
        late = linear_smoothers.rts(T, 4, order=order, q=0.3)
        for frames in (5, 12, 20):
            part = linear_smoothers.rts(frames, None, order=order, q=0.3)
            np.testing.assert_allclose(late[frames - 5, :frames], part[-5], atol=1e-9)
        np.testing.assert_allclose(late[-1], linear_smoothers.rts(T, None, order=order, q=0.3)[-1], atol=1e-9)


def test_savitzky_golay_is_that_of_scipy():
    track = np.random.default_rng(1).normal(size=(T, 3))
    matrix = linear_smoothers.savitzky_golay(T, None, window=9, ahead=4, order=2)
    np.testing.assert_allclose((matrix @ track)[4:-4], savgol_filter(track, 9, 2, axis=0)[4:-4], atol=1e-9)
    line = np.arange(T) * 2.0 - 7
    for window, ahead in ((9, 4), (6, 1), (4, 0)):
        matrix = linear_smoothers.savitzky_golay(T, ahead, window=window, ahead=ahead, order=1)
        np.testing.assert_allclose((matrix @ line)[window:], line[window:], atol=1e-9)  # also at the end


def test_more_look_ahead_tunes_to_a_lower_loss():
    videos = noisy()
    for smoother in linear_smoothers.SMOOTHERS:
        small = smoother._replace(choices=lambda lag, s=smoother: s.choices(lag)[:40])
        found = {lag: linear_smoothers.tune(small, videos, lag=lag, points=5) for lag in (0, 2)}
        assert found[2].loss < found[0].loss
        for lag, tuned in found.items():
            output = linear_smoothers.smooth(smoother, tuned.settings, videos.observed, lag=lag)
            loss = jax.jit(lambda x: stabilization(x, videos.truth, mask=videos.mask).total)(output)
            np.testing.assert_allclose(loss, tuned.loss, rtol=1e-4)


def test_gaps_are_interpolated():
    videos = noisy()
    observed = np.array(videos.observed)
    observed[0, 10:12, 1] = np.nan
    filled = linear_smoothers.complete(stabilizer.as_videos(observed, videos.truth)).observed
    expected = observed[0, 9, 1] + (observed[0, 12, 1] - observed[0, 9, 1]) / 3
    np.testing.assert_allclose(filled[0, 10, 1], expected, rtol=1e-5)
    np.testing.assert_array_equal(filled[1], observed[1])
