"""The fit of a calibration, its check on other faces, and nets with one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fhr_jax import calibrate, heatmap, pipeline, weights
from fhr_jax.data.examples import Examples, photograph_batch
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.errors import InputError
from tests import photographs
from tests.calibration_samples import LANDMARKS, make_calibration, sample_errors
from tests.nets import random_net


@pytest.fixture(scope="module")
def fitted():
    return calibrate.fit(sample_errors(make_calibration(), 3000))


def test_fit_recovers_the_numbers_of_the_model(fitted):
    truth = make_calibration()
    np.testing.assert_allclose(fitted.log_scale, truth.log_scale, atol=0.1)
    for name, tolerance in (("exponent", 0.3), ("saturation", 0.2), ("anisotropy", 0.2), ("dof", 1.5)):
        assert getattr(fitted, name) == pytest.approx(float(getattr(truth, name)), abs=tolerance), name


def test_reliability_on_other_faces_is_good_in_every_group(fitted):
    data, others = sample_errors(make_calibration(), 3000), sample_errors(make_calibration(), 3000, seed=7)
    found = calibrate.reliability(fitted, others)
    np.testing.assert_allclose(found.coverage, np.broadcast_to(found.levels, (5, 4)), atol=0.025)
    np.testing.assert_allclose(found.predicted, found.actual, rtol=0.1)
    assert (np.diff(found.predicted) > 0).all()
    assert found.log_likelihood > calibrate.constant_log_likelihood(data, others) + 0.1
    # Errors twice as large as predicted lower the coverage.
    worse = calibrate.reliability(fitted, others._replace(errors=2 * others.errors))
    assert (worse.coverage[:, 2] < 0.75).all()


def test_constant_log_likelihood_is_that_of_a_gaussian_of_the_measured_covariance():
    data, others = sample_errors(make_calibration(), 200), sample_errors(make_calibration(), 50, seed=7)
    expected = []
    for m in range(LANDMARKS):
        matrix = (data.errors[:, m].astype(np.float64).T @ data.errors[:, m]) / 200
        expected.append(stats.multivariate_normal.logpdf(others.errors[:, m], cov=matrix))
    assert calibrate.constant_log_likelihood(data, others) == pytest.approx(np.mean(expected), rel=1e-4)


def test_with_few_faces_the_prior_keeps_landmarks_alike():
    data = sample_errors(make_calibration(), calibrate.MIN_FACES)
    outlier = data._replace(errors=data.errors[:8].copy(), peak_covariance=data.peak_covariance[:8])
    outlier.errors[:, 0] *= 3
    few = calibrate.fit(outlier)
    assert all(np.isfinite(leaf).all() for leaf in few)
    assert few.dof > 2
    assert np.asarray(few.log_scale)[0] - np.asarray(few.log_scale)[1:].mean() < 2 * np.log(3)


@pytest.fixture(scope="module")
def net():
    return random_net(loss="cross_entropy")


def faces(number, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=(number, 32, 32, 3)).astype(np.float32)
    return Examples(jnp.asarray(images), jnp.asarray(rng.uniform(8, 24, (number, 68, 2)), jnp.float32))


def test_collect_does_not_depend_on_the_old_calibration(net):
    part = faces(calibrate.MIN_FACES)
    halves = zip(*(np.split(np.asarray(leaf), 2) for leaf in part), strict=True)
    data = calibrate.collect(net, [Examples(*(jnp.asarray(a) for a in p)) for p in halves])
    found = pipeline.predict_all(net, part.images)
    np.testing.assert_allclose(data.errors, found.points - part.points, atol=1e-4)
    unit = (net.config.sigma * net.config.crop / net.config.heatmap) ** 2
    np.testing.assert_allclose(data.peak_covariance, np.asarray(found.covariance) / unit, rtol=1e-3, atol=1e-4)
    old = calibrate.fit(data)
    again = calibrate.collect(net._replace(calibration=old), [part])
    np.testing.assert_allclose(again.peak_covariance, data.peak_covariance, rtol=1e-3, atol=1e-4)


def test_collecting_records_is_collecting_their_crops(net, tmp_path):
    photographs.write(tmp_path / "faces", [f"face{letter}" for letter in "abcdefghijklmnopqr"])
    records, reports = open_dataset(tmp_path / "faces"), []
    data, identities = calibrate.collect_records(net, records, progress=reports.append)
    expected = calibrate.collect(net, [photograph_batch(records, net.config.crop)])
    np.testing.assert_allclose(data.errors, expected.errors, atol=1e-3)
    np.testing.assert_allclose(data.peak_covariance, expected.peak_covariance, rtol=1e-2, atol=1e-3)
    assert [identity.file for identity in identities] == [f"face{letter}.png" for letter in "abcdefghijklmnopqr"]
    assert [(report.done, report.total) for report in reports] == [(16, 18), (18, 18)]
    chosen = calibrate.select(data, [3, 1])
    np.testing.assert_array_equal(chosen.errors, data.errors[[3, 1]])
    with pytest.raises(InputError, match="68 landmarks, but the net has 29"):
        calibrate.collect_records(net._replace(config=net.config._replace(landmarks=29)), records)


def test_an_uncalibrated_net_predicts_the_covariance_of_its_peaks(net):
    part = faces(16)
    prediction = pipeline.predict_all(net._replace(calibration=None), part.images)
    data = calibrate.collect(net, [part])
    plain = calibrate.uncalibrated(net)
    covariance = jax.jit(heatmap.error_covariance)(plain, jnp.asarray(data.peak_covariance))
    np.testing.assert_allclose(covariance, prediction.covariance, rtol=1e-3, atol=1e-3)
    found = calibrate.reliability(plain, data, levels=(0.9,))
    within = stats.chi2(2).ppf(0.9)
    squared = np.einsum("nmi,nmij,nmj->nm", data.errors, np.linalg.inv(prediction.covariance), data.errors)
    assert found.coverage.mean() == pytest.approx((squared <= within).mean(), abs=0.01)


def test_with_fewer_landmarks_than_groups_each_is_a_group(fitted):
    few = sample_errors(make_calibration(), 1)
    found = calibrate.reliability(fitted, few)
    assert found.predicted.shape == (LANDMARKS,)
    assert np.isfinite(found.coverage).all()


def test_too_few_faces_leave_a_net_without_calibration(net):
    assert calibrate.with_calibration(net, [faces(calibrate.MIN_FACES - 1)]).calibration is None
    assert calibrate.with_calibration(net, [faces(calibrate.MIN_FACES)]).calibration is not None


@pytest.mark.slow
def test_synthetic_faces_are_new_for_every_key():
    first, second = (list(calibrate.synthetic_faces(jax.random.key(k), 32, faces=20)) for k in (0, 1))
    assert [len(part.images) for part in first] == [16, 16]
    assert not np.allclose(first[0].points, first[1].points)
    assert not np.allclose(first[0].points, second[0].points)


@pytest.mark.slow
def test_the_default_net_is_calibrated():
    net = weights.load()
    data = calibrate.collect(net, calibrate.synthetic_faces(jax.random.key(123), net.config.crop, faces=256))
    # It ships with larger variances, for photographs.
    found = calibrate.reliability(calibrate.widened(net.calibration, 1 / 2.5), data)
    np.testing.assert_allclose(found.coverage[:, 2], 0.9, atol=0.04)  # 0.03 with 512 faces and more
    np.testing.assert_allclose(found.predicted, found.actual, rtol=0.2)
    assert found.log_likelihood > calibrate.constant_log_likelihood(data, data) + 0.2
