"""The covariance of an error from the covariance of a peak: the model, its fit, and nets with a calibration."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy import stats

from fhr_jax import calibrate, heatmap, weights
from fhr_jax.data.examples import Examples
from fhr_jax.heatmap import Calibration, calibration
from tests.nets import random_net
from tests.oracles import calibration as oracle

LANDMARKS = 4

scale_matrix = jax.jit(calibration.scale_matrix)
error_covariance = jax.jit(heatmap.error_covariance)
confidence_weights = jax.jit(heatmap.confidence_weights)
log_likelihood = jax.jit(calibration.log_likelihood)


@jax.jit
def gradient_of_sum(given, peaks):
    return jax.grad(lambda c: heatmap.error_covariance(given, c).sum())(peaks)


def make_calibration(**changes):
    values = {"exponent": 4.0, "saturation": 0.7, "anisotropy": 2.0, "dof": 8.0, "typical": 1.5} | changes
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    return Calibration(log_scale=jnp.asarray(np.linspace(-0.5, 0.7, LANDMARKS), jnp.float32), **arrays)


def peak_covariances(count, seed=0):
    """Like those of real peaks, (N, M, 2, 2): a little above the identity, some of them turned."""
    rng = np.random.default_rng(seed)
    smear = 0.4 * rng.normal(size=(count, LANDMARKS, 2, 2)) ** 2 * rng.uniform(size=(count, LANDMARKS, 1, 1))
    return (0.95 * np.eye(2) + smear @ smear.swapaxes(-1, -2)).astype(np.float32)


def sample_errors(truth, count, seed=0):
    """Errors drawn from the model: t = normal / sqrt(chi^2 / dof)."""
    rng = np.random.default_rng(seed + 1)
    peaks = peak_covariances(count, seed)
    root = np.linalg.cholesky(np.asarray(scale_matrix(truth, jnp.asarray(peaks)), np.float64))
    normal = rng.normal(size=(count, LANDMARKS, 2, 1)) / np.sqrt(
        rng.chisquare(float(truth.dof), size=(count, LANDMARKS, 1, 1)) / float(truth.dof)
    )
    return calibrate.CalibrationData(peaks, (root @ normal)[..., 0].astype(np.float32))


# The model


@pytest.mark.parametrize("saturation", [0.0, 1e-4, 0.7, -0.4])
def test_scale_matrix_agrees_with_the_definition(saturation):
    given, peaks = make_calibration(saturation=saturation), peak_covariances(20)
    ours = np.asarray(scale_matrix(given, jnp.asarray(peaks)))
    for n in range(len(peaks)):
        for m in range(LANDMARKS):
            limit = 0.0 if abs(saturation) < 1e-3 else saturation
            args = (float(given.log_scale[m]), float(given.exponent), limit, float(given.anisotropy))
            np.testing.assert_allclose(ours[n, m], oracle.scale_matrix(*args, peaks[n, m]), rtol=2e-3, atol=1e-5)


def test_scale_matrix_of_a_round_peak_depends_on_its_size_only():
    given = make_calibration()
    ours = scale_matrix(given, jnp.asarray(np.broadcast_to(1.7 * np.eye(2), (20, LANDMARKS, 2, 2)), jnp.float32))
    expected = np.exp(np.asarray(given.log_scale) + 4 * (1 - 1.7**-0.7) / 0.7)[:, None, None] * np.eye(2)
    np.testing.assert_allclose(ours, np.broadcast_to(expected, ours.shape), rtol=1e-4, atol=1e-6)


def test_error_covariance_is_that_of_errors_drawn_from_the_model():
    truth = make_calibration(dof=9.0)
    one = peak_covariances(1)
    many = sample_errors(truth, 1)._replace(peak_covariance=np.repeat(one, 40_000, axis=0))
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(np.asarray(scale_matrix(truth, jnp.asarray(one)), np.float64))[0]
    shape = (40_000, LANDMARKS, 2, 1)
    errors = (root @ (rng.normal(size=shape) / np.sqrt(rng.chisquare(9, size=(*shape[:2], 1, 1)) / 9)))[..., 0]
    measured = np.einsum("nmi,nmj->mij", errors, errors) / len(errors)
    ours = np.asarray(error_covariance(truth, jnp.asarray(many.peak_covariance[:1])))[0]
    np.testing.assert_allclose(ours, measured, atol=0.04 * np.trace(measured, axis1=-2, axis2=-1).max())


def test_log_likelihood_is_that_of_a_student_t_distribution():
    given, data = make_calibration(), sample_errors(make_calibration(), 6)
    ours = np.asarray(log_likelihood(given, jnp.asarray(data.peak_covariance), jnp.asarray(data.errors)))
    for n in range(6):
        for m in range(LANDMARKS):
            args = [float(v) for v in (given.log_scale[m], given.exponent, given.saturation, given.anisotropy)]
            matrix = oracle.scale_matrix(*args, data.peak_covariance[n, m])
            theirs = stats.multivariate_t.logpdf(data.errors[n, m], shape=matrix, df=float(given.dof))
            np.testing.assert_allclose(ours[n, m], theirs, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_mahalanobis_quantile_agrees_with_scipy(level):
    theirs = 2 * stats.f.ppf(level, 2, 8) * (8 - 2) / 8  # e^T S^-1 e / 2 follows F(2, dof)
    np.testing.assert_allclose(calibration.mahalanobis_quantile(8.0, level), theirs, rtol=1e-5)
    np.testing.assert_allclose(calibration.mahalanobis_quantile(1e4, level), stats.chi2.ppf(level, 2), rtol=2e-3)


@given(
    first=st.floats(0.0625, 10, width=32),
    second=st.floats(0.0625, 10, width=32),
    angle=st.floats(0, 3, width=32),
    saturation=st.sampled_from([0.0, 0.8]),
)
def test_error_covariance_is_positive_definite_for_any_peak(first, second, angle, saturation):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    peaks = np.broadcast_to(turn @ np.diag([first, second]) @ turn.T, (LANDMARKS, 2, 2))
    covariance = error_covariance(make_calibration(saturation=saturation), jnp.asarray(peaks, jnp.float32))
    assert np.isfinite(covariance).all()
    assert (np.linalg.eigvalsh(np.asarray(covariance, np.float64)) > 0).all()
    confidence = np.asarray(confidence_weights(make_calibration(), covariance))
    assert (confidence > 0).all()
    assert (confidence <= 1).all()


def test_gradients_are_right_and_finite_where_the_peak_is_round():
    with jax.enable_x64(True):
        peaks = jnp.asarray(peak_covariances(3).astype(np.float64) + np.array([[0.3, 0.1], [0.1, 0.0]]))
        given = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)), make_calibration())
        check_grads(lambda c: error_covariance(given, c), (peaks,), order=1, modes=("rev",), rtol=1e-4)
    for round_peak in (1.0, 2.5):
        peaks = jnp.asarray(np.broadcast_to(round_peak * np.eye(2), (LANDMARKS, 2, 2)), jnp.float32)
        assert np.isfinite(gradient_of_sum(make_calibration(), peaks)).all()


def test_confidence_weights_fall_with_the_predicted_deviation():
    one = make_calibration(typical=2.0)
    covariance = jnp.asarray([k * np.eye(2) for k in (0.5, 2.0, 8.0, 200.0)], jnp.float32)
    np.testing.assert_allclose(confidence_weights(one, covariance), [1, 1, 0.5, 0.1], rtol=1e-5)
    np.testing.assert_allclose(confidence_weights(one, covariance[None])[0], confidence_weights(one, covariance))


# The fit


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


# Nets


@pytest.fixture(scope="module")
def net():
    return random_net(loss="cross_entropy")


def faces(number, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=(number, 32, 32, 3)).astype(np.float32)
    return Examples(jnp.asarray(images), jnp.asarray(rng.uniform(8, 24, (number, 68, 2)), jnp.float32))


def test_collect_does_not_depend_on_the_old_calibration(net):
    from fhr_jax import pipeline

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
    found = calibrate.reliability(net.calibration, data)
    np.testing.assert_allclose(found.coverage[:, 2], 0.9, atol=0.04)  # 0.03 with 512 faces and more
    np.testing.assert_allclose(found.predicted, found.actual, rtol=0.2)
    assert found.log_likelihood > calibrate.constant_log_likelihood(data, data) + 0.2
