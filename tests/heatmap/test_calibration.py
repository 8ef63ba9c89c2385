"""The covariance of an error from the covariance of a peak: the model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy import stats

from fhr_jax import heatmap
from fhr_jax.heatmap import calibration
from tests.calibration_samples import LANDMARKS, make_calibration, peak_covariances, sample_errors, scale_matrix
from tests.oracles import calibration as oracle

error_covariance = jax.jit(heatmap.error_covariance)
confidence_weights = jax.jit(heatmap.confidence_weights)
log_likelihood = jax.jit(calibration.log_likelihood)


@jax.jit
def gradient_of_sum(given, peaks):
    return jax.grad(lambda c: heatmap.error_covariance(given, c).sum())(peaks)


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
