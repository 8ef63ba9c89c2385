"""The error in pixels from the spread of a peak: the model, its fit, and what is handed on."""

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


def numbers(**changes):
    values = {"size": 4.0, "bend": 0.7, "shape": 2.0, "tail": 8.0, "typical": 1.5} | changes
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    return Calibration(level=jnp.linspace(-0.5, 0.7, LANDMARKS), **arrays)


def spreads(count, seed=0):
    """As peaks have them: (N, M, 2, 2), a little above the identity, some turned."""
    rng = np.random.default_rng(seed)
    smear = 0.4 * rng.normal(size=(count, LANDMARKS, 2, 2)) ** 2 * rng.uniform(size=(count, LANDMARKS, 1, 1))
    return (0.95 * np.eye(2) + smear @ smear.swapaxes(-1, -2)).astype(np.float32)


def drawn(truth, count, seed=0):
    """Errors as the model says they are: t = normal / sqrt(chi^2 / tail)."""
    rng = np.random.default_rng(seed + 1)
    spread = spreads(count, seed)
    root = np.linalg.cholesky(np.asarray(calibration.scale(truth, jnp.asarray(spread)), np.float64))
    normal = rng.normal(size=(count, LANDMARKS, 2, 1)) / np.sqrt(
        rng.chisquare(float(truth.tail), size=(count, LANDMARKS, 1, 1)) / float(truth.tail)
    )
    return calibrate.Seen(spread, (root @ normal)[..., 0].astype(np.float32))


# The model


@pytest.mark.parametrize("bend", [0.0, 1e-4, 0.7, -0.4])
def test_the_scale_is_that_of_the_definition(bend):
    given, spread = numbers(bend=bend), spreads(20)
    ours = calibration.scale(given, jnp.asarray(spread))
    for n in range(len(spread)):
        for m in range(LANDMARKS):
            args = (float(given.level[m]), float(given.size), 0.0 if abs(bend) < 1e-3 else bend, float(given.shape))
            np.testing.assert_allclose(ours[n, m], oracle.scale(*args, spread[n, m]), rtol=2e-3, atol=1e-5)


def test_of_a_round_peak_only_the_size_counts():
    given = numbers()
    ours = calibration.scale(given, jnp.broadcast_to(1.7 * jnp.eye(2), (LANDMARKS, 2, 2)))
    expected = np.exp(np.asarray(given.level) + 4 * (1 - 1.7**-0.7) / 0.7)[:, None, None] * np.eye(2)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_the_covariance_is_that_of_errors_drawn_from_the_model():
    truth = numbers(tail=9.0)
    one = spreads(1)
    many = drawn(truth, 1)._replace(spread=np.repeat(one, 40_000, axis=0))
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(np.asarray(calibration.scale(truth, jnp.asarray(one)), np.float64))[0]
    shape = (40_000, LANDMARKS, 2, 1)
    errors = (root @ (rng.normal(size=shape) / np.sqrt(rng.chisquare(9, size=(*shape[:2], 1, 1)) / 9)))[..., 0]
    measured = np.einsum("nmi,nmj->mij", errors, errors) / len(errors)
    ours = np.asarray(heatmap.error_covariance(truth, jnp.asarray(many.spread[:1])))[0]
    np.testing.assert_allclose(ours, measured, atol=0.04 * np.trace(measured, axis1=-2, axis2=-1).max())


def test_the_likelihood_is_that_of_a_student_t_distribution():
    given, seen = numbers(), drawn(numbers(), 6)
    ours = calibration.log_likelihood(given, jnp.asarray(seen.spread), jnp.asarray(seen.errors))
    for n in range(6):
        for m in range(LANDMARKS):
            args = [float(v) for v in (given.level[m], given.size, given.bend, given.shape)]
            matrix = oracle.scale(*args, seen.spread[n, m])
            theirs = stats.multivariate_t.logpdf(seen.errors[n, m], shape=matrix, df=float(given.tail))
            np.testing.assert_allclose(ours[n, m], theirs, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_ellipses_hold_the_share_that_they_say(share):
    theirs = 2 * stats.f.ppf(share, 2, 8) * (8 - 2) / 8  # e^T S^-1 e / 2 follows F(2, tail)
    np.testing.assert_allclose(calibration.quantile(8.0, share), theirs, rtol=1e-5)
    np.testing.assert_allclose(calibration.quantile(1e4, share), stats.chi2.ppf(share, 2), rtol=2e-3)


@given(
    first=st.floats(0.0625, 10, width=32),
    second=st.floats(0.0625, 10, width=32),
    angle=st.floats(0, 3, width=32),
    bend=st.sampled_from([0.0, 0.8]),
)
def test_any_spread_gives_a_covariance(first, second, angle, bend):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spread = np.broadcast_to(turn @ np.diag([first, second]) @ turn.T, (LANDMARKS, 2, 2))
    covariance = heatmap.error_covariance(numbers(bend=bend), jnp.asarray(spread, jnp.float32))
    assert np.isfinite(covariance).all()
    assert (np.linalg.eigvalsh(np.asarray(covariance, np.float64)) > 0).all()
    trust = np.asarray(heatmap.confidence_weights(numbers(), covariance))
    assert (trust > 0).all()
    assert (trust <= 1).all()


def test_gradients_are_right_and_finite_where_the_peak_is_round():
    with jax.enable_x64(True):
        spread = jnp.asarray(spreads(3), jnp.float64) + jnp.asarray([[0.3, 0.1], [0.1, 0.0]])[None, None]
        given = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), numbers())
        check_grads(
            lambda c: heatmap.error_covariance(given, jnp.asarray(c)), (spread,), order=1, modes=("rev",), rtol=1e-4
        )
    for round_peak in (1.0, 2.5):
        spread = jnp.broadcast_to(round_peak * jnp.eye(2), (LANDMARKS, 2, 2))
        gradient = jax.grad(lambda c: heatmap.error_covariance(numbers(), c).sum())(spread)
        assert np.isfinite(gradient).all()


def test_trust_falls_with_the_predicted_deviation():
    one = numbers(typical=2.0)
    covariance = jnp.stack([k * jnp.eye(2) for k in (0.5, 2.0, 8.0, 200.0)])
    np.testing.assert_allclose(heatmap.confidence_weights(one, covariance), [1, 1, 0.5, 0.1], rtol=1e-5)
    np.testing.assert_allclose(
        heatmap.confidence_weights(one, covariance[None])[0], heatmap.confidence_weights(one, covariance)
    )


# The fit


@pytest.fixture(scope="module")
def fitted():
    return calibrate.fit(drawn(numbers(), 3000))


def test_a_fit_finds_the_numbers_that_the_errors_were_drawn_with(fitted):
    truth = numbers()
    np.testing.assert_allclose(fitted.level, truth.level, atol=0.1)
    for name, off in (("size", 0.3), ("bend", 0.2), ("shape", 0.2), ("tail", 1.5)):
        assert getattr(fitted, name) == pytest.approx(float(getattr(truth, name)), abs=off), name


def test_on_other_faces_every_fifth_is_covered_and_likelier_than_under_a_constant(fitted):
    seen, others = drawn(numbers(), 3000), drawn(numbers(), 3000, seed=7)
    found = calibrate.reliability(fitted, others)
    np.testing.assert_allclose(found.coverage, np.broadcast_to(found.shares, (5, 4)), atol=0.025)
    np.testing.assert_allclose(found.predicted, found.actual, rtol=0.1)
    assert (np.diff(found.predicted) > 0).all()
    assert found.log_likelihood > calibrate.constant_log_likelihood(seen, others) + 0.1
    # A net that is twice as bad as it says is found out.
    worse = calibrate.reliability(fitted, others._replace(errors=2 * others.errors))
    assert (worse.coverage[:, 2] < 0.75).all()


def test_the_constant_is_a_gaussian_of_the_measured_covariance():
    seen, others = drawn(numbers(), 200), drawn(numbers(), 50, seed=7)
    expected = []
    for m in range(LANDMARKS):
        matrix = (seen.errors[:, m].astype(np.float64).T @ seen.errors[:, m]) / 200
        expected.append(stats.multivariate_normal.logpdf(others.errors[:, m], cov=matrix))
    assert calibrate.constant_log_likelihood(seen, others) == pytest.approx(np.mean(expected), rel=1e-4)


def test_few_faces_tell_landmarks_apart_but_little():
    seen = drawn(numbers(), calibrate.FEWEST)
    outlier = seen._replace(errors=seen.errors[:8].copy(), spread=seen.spread[:8])
    outlier.errors[:, 0] *= 3
    few = calibrate.fit(outlier)
    assert all(np.isfinite(leaf).all() for leaf in few)
    assert few.tail > 2
    assert np.asarray(few.level)[0] - np.asarray(few.level)[1:].mean() < 2 * np.log(3)


# Nets


@pytest.fixture(scope="module")
def net():
    return random_net(loss="cross_entropy")


def faces(number, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=(number, 32, 32, 3)).astype(np.float32)
    return Examples(jnp.asarray(images), jnp.asarray(rng.uniform(8, 24, (number, 68, 2)), jnp.float32))


def test_what_a_net_sees_does_not_depend_on_its_old_calibration(net):
    from fhr_jax import pipeline

    part = faces(20)
    seen = calibrate.look(net, [Examples(part.images[:16], part.points[:16]), Examples(*(a[16:] for a in part))])
    found = pipeline.predict_all(net, part.images)
    np.testing.assert_allclose(seen.errors, found.points - part.points, atol=1e-4)
    unit = (net.config.sigma * net.config.crop / net.config.heatmap) ** 2
    np.testing.assert_allclose(seen.spread, np.asarray(found.covariance) / unit, rtol=1e-3, atol=1e-4)
    old = calibrate.fit(seen)
    again = calibrate.look(net._replace(calibration=old), [part])
    np.testing.assert_allclose(again.spread, seen.spread, rtol=1e-3, atol=1e-4)


def test_too_few_faces_leave_a_net_as_it_is(net):
    assert calibrate.calibrated(net, [faces(calibrate.FEWEST - 1)]).calibration is None
    assert calibrate.calibrated(net, [faces(calibrate.FEWEST)]).calibration is not None


@pytest.mark.slow
def test_synthetic_faces_for_a_fit_are_others_for_every_key_and_degraded():
    first, second = (list(calibrate.synthetic(jax.random.key(k), 32, faces=20)) for k in (0, 1))
    assert [len(part.images) for part in first] == [16, 16]
    assert not np.allclose(first[0].points, first[1].points)
    assert not np.allclose(first[0].points, second[0].points)


@pytest.mark.slow
def test_the_net_that_ships_is_calibrated():
    shipped = weights.load()
    seen = calibrate.look(shipped, calibrate.synthetic(jax.random.key(123), shipped.config.crop, faces=256))
    found = calibrate.reliability(shipped.calibration, seen)
    np.testing.assert_allclose(found.coverage[:, 2], 0.9, atol=0.04)  # 0.03 with 512 faces and more
    np.testing.assert_allclose(found.predicted, found.actual, rtol=0.2)
    assert found.log_likelihood > calibrate.constant_log_likelihood(seen, seen) + 0.2
