"""Synthetic tracks: smooth motion, blinks, and noise with the statistics of its settings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kurtosis

from fhr_jax import geometry
from fhr_jax.benchmark import protocol
from fhr_jax.data.faces import anatomy
from fhr_jax.data.synthetic import tracks
from fhr_jax.data.synthetic.detector_noise import DetectorNoise, observe


# Settings are traced, so that one compiled function serves all tests; those of the mixing are not.
@jax.jit
def see(key, truth, settings):
    return observe(key, truth, DetectorNoise(**settings))


@pytest.fixture(scope="module")
def clip():
    return jax.jit(tracks.sample, static_argnums=1)(jax.random.key(3), 400)


@jax.jit
def fine_motion(key, truth, level):
    return tracks.fine_motion(key, truth, DetectorNoise(level=level))


PLAIN = {
    name: value for name, value in DetectorNoise()._asdict().items() if name not in ("common_share", "neighbour_share")
}


def face_at_rest(frames):
    """The same landmarks in every frame, (T, 68, 2)."""
    return jnp.asarray(np.broadcast_to(128 + 40 * anatomy.MEAN[:68, :2], (frames, 68, 2)), jnp.float32)


def error(frames=3000, **settings):
    """Of a face at rest, (T, 68, 2); no level modulation by default."""
    truth = face_at_rest(frames)
    return np.asarray(see(jax.random.key(1), truth, PLAIN | {"level_modulation": 0.0} | settings)) - np.asarray(truth)


def lagged(e, lag):
    return (e[lag:] * e[:-lag]).mean() / (e**2).mean()


def test_tracks_are_seeded_smooth_and_inside_the_crop():
    draw = jax.jit(lambda key: tracks.batch(key, 3, 200))
    made = draw(jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, made, draw(jax.random.key(0)))
    truth, observed = np.asarray(made.truth), np.asarray(made.observed)
    assert np.isfinite(truth).all()
    missing = np.isnan(observed)
    np.testing.assert_array_equal(missing.any(axis=(2, 3)), missing.all(axis=(2, 3)))
    assert np.median(np.abs(truth - 127.5)) < 128
    speed = np.linalg.norm(np.diff(truth, axis=1), axis=-1)
    assert 0.05 < speed.mean() < 5
    assert np.linalg.norm(np.diff(truth, 2, axis=1), axis=-1).mean() < speed.mean()


def test_following_crop_keeps_the_box_of_every_frame():
    truth = tracks.crop(30 * jax.random.normal(jax.random.key(1), (50, 68, 2)), follow=1.0)
    side = (truth.max(axis=1) - truth.min(axis=1)).max(axis=-1)
    np.testing.assert_allclose(side, tracks.CROP / geometry.CROP_SCALE, rtol=1e-4)


def test_noise_has_the_level_and_the_correlations_over_points_that_it_names():
    e = error(level=2.0)
    np.testing.assert_allclose(e.std(), 2.0, rtol=0.05)
    for i, shared in enumerate(DetectorNoise().common_share):
        c = np.corrcoef(e[..., i].T)
        assert 0.85 < np.diagonal(c, 1)[:16].mean() < 0.98
        np.testing.assert_allclose(c[0, 16], shared, atol=0.06)


def test_noise_is_correlated_over_frames():
    np.testing.assert_allclose(lagged(error(autocorrelation=0.6, slow_share=1.0), 1), 0.6, atol=0.03)
    np.testing.assert_allclose(lagged(error(autocorrelation=0.6, slow_share=1.0), 3), 0.6**3, atol=0.03)
    assert abs(lagged(error(autocorrelation=0.0, slow_share=1.0), 1)) < 0.03


def test_noise_without_its_slow_part_averages_out():
    e = error(autocorrelation=0.45, slow_share=0.0)
    np.testing.assert_allclose(e.std(), 1.0, rtol=0.05)
    slow, plain = (
        np.abs(np.fft.rfft(error(autocorrelation=0.45, slow_share=s), axis=0)[1:100]) ** 2 for s in (0.0, 1.0)
    )
    assert slow.mean() < 0.02 * plain.mean()  # up to 1 Hz
    # What is left is its own residual, nearly: the smoothing takes little more off.
    motion, _ = protocol.smooth_motion(100 + e.astype(np.float64), np.ones(len(e), bool))
    assert (motion - 100).std() < 0.35 * e.std()


def test_level_modulation_makes_some_frames_noisier_in_a_row():
    constant, modulated = (np.log((error(level_modulation=s) ** 2).mean(axis=(1, 2))) / 2 for s in (0.0, 0.5))
    assert modulated.std() > constant.std() + 0.15
    assert np.corrcoef(modulated[2:], modulated[:-2])[0, 1] > np.corrcoef(constant[2:], constant[:-2])[0, 1] + 0.2
    np.testing.assert_allclose(error(frames=6000, level_modulation=0.3).std(), 1.0, rtol=0.1)


def test_flicker_gives_heavy_tails_at_the_share_that_it_names():
    assert abs(kurtosis(error().ravel())) < 0.3
    e = error(flicker_rate=0.01, autocorrelation=0.0, slow_share=1.0)
    assert kurtosis(e.ravel()) > 3
    # Of 1 % of the points at 6 times the noise, half a Gaussian's 2 in 3 lie beyond 4 sigma of the others.
    beyond = (np.abs(e) > 4).mean()
    assert 0.003 < beyond < 0.007


def test_bias_follows_the_pose_and_nothing_else(clip):
    truth, silent = np.asarray(clip.truth), PLAIN | {"level": 0.0, "pose_bias": 0.3}
    e = np.asarray(see(jax.random.key(1), clip.truth, silent), np.float64) - truth
    eyes = truth[:, 45] - truth[:, 36]
    nose = (truth[:, 30] - (truth[:, 45] + truth[:, 36]) / 2) / np.linalg.norm(eyes, axis=-1, keepdims=True)
    pose = np.c_[np.ones(400), nose, np.arctan2(eyes[:, 1], eyes[:, 0])]
    left = e.reshape(400, -1) - pose @ np.linalg.lstsq(pose, e.reshape(400, -1))[0]
    assert e.std() > 0.01
    assert np.abs(left).max() < 1e-3
    np.testing.assert_allclose(e.mean(axis=0), 0, atol=1e-4)
    assert e[:, :17].std() > 1.5 * e[:, 17:].std()
    np.testing.assert_array_equal(see(jax.random.key(1), clip.truth, silent | {"pose_bias": 0.0}), truth)


def test_outliers_and_dropouts_come_in_runs_at_their_rates():
    e = error(outlier_rate=0.01, dropout_rate=0.1)
    missing = np.isnan(e).all(axis=(1, 2))
    assert 0.05 < missing.mean() < 0.15
    assert 4 < missing.sum() / begins(missing) < 8
    assert np.isfinite(e[~missing]).all()
    e = error(outlier_rate=0.01)
    far = np.linalg.norm(e, axis=-1) > 8
    np.testing.assert_allclose(far.mean(), 0.01, rtol=0.15)
    assert 30 < np.linalg.norm(e, axis=-1)[far].mean() < 60
    assert 1.8 < far.sum() / begins(far) < 2.6  # some throws of a run are short


def begins(on):
    """Number of runs of True along the first axis."""
    return (on[1:] & ~on[:-1]).sum() + on[0].sum()


@pytest.mark.parametrize("frames", [1, 2])
def test_short_tracks(frames):
    noise = DetectorNoise(pose_bias=0.2, flicker_rate=0.01, dropout_rate=0.0)
    made = jax.jit(lambda key: tracks.sample(key, frames, noise=noise))(jax.random.key(0))
    assert made.observed.shape == (frames, 68, 2)
    assert np.isfinite(made.observed).all()


def test_videos_differ_as_drawn():
    draw = jax.jit(DetectorNoise.draw)
    drawn = jax.jit(jax.vmap(DetectorNoise.draw))(jax.random.split(jax.random.key(0), 2000))
    drawn = jax.tree.map(np.asarray, drawn)
    assert 0.25 < (drawn.dropout_rate > 0).mean() < 0.42
    low, middle, high = np.percentile(drawn.level, [10, 50, 90])
    assert 1.3 < middle / low < 2
    assert 1.2 < high / middle < 1.7
    louder = draw(jax.random.key(1), liveliness=2.0).level / draw(jax.random.key(1), liveliness=1.0).level
    assert 1.4 < louder < 1.8
    assert (drawn.flicker_rate < 0.03).all()
    assert DetectorNoise().outlier_rate == draw(jax.random.key(1), liveliness=1.0).outlier_rate == 0


def test_without_faults_there_are_no_outliers_or_dropouts():
    noise = DetectorNoise(outlier_rate=0.05, dropout_rate=0.2, pose_bias=0.5)

    @jax.jit
    def draw(key):
        return [tracks.sample(key, 300, noise=noise, faults=faults) for faults in (True, False)]

    faulty, made = jax.tree.map(np.asarray, draw(jax.random.key(2)))
    assert np.isnan(faulty.observed).any()
    assert np.nanmax(np.abs(faulty.observed - faulty.truth)) > 60
    assert np.abs(made.observed - made.truth).max() < 10


def test_fine_motion_is_slow_and_follows_the_level():
    truth = face_at_rest(2000)
    fine = np.asarray(fine_motion(jax.random.key(1), truth, 1.5))[10:-10]
    assert 0.3 * tracks.FINE * 1.5 < fine.std() < tracks.FINE * 1.5
    steps = np.diff(fine, axis=0)
    assert 0.6 < np.corrcoef(steps[1:].ravel(), steps[:-1].ravel())[0, 1] < 0.95
    still = fine_motion(jax.random.key(1), truth, 0.0)
    np.testing.assert_allclose(still, 0, atol=1e-4)
