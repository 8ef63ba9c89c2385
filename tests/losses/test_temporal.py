"""The stabilization loss against the sums of Eq. 11-15, its limits and its derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from fhr_jax import losses
from fhr_jax.losses import temporal
from tests.oracles import temporal as oracle

stabilization = jax.jit(losses.stabilization, static_argnames="weights")
"""Compiled, so that a test does not compile every operation by itself."""


def tracks(frames=12, points=3, videos=2, seed=0):
    rng = np.random.default_rng(seed)
    truth = 100 + rng.normal(size=(videos, frames, points, 2)).cumsum(axis=1)
    return (truth + rng.normal(size=truth.shape)).astype(np.float32), truth.astype(np.float32)


def even_steps(value):
    """The paper's weights with this lambda_3."""
    return losses.LossWeights(even_steps=value)


def flat(a):
    return np.asarray(a, np.float64).reshape(len(a), -1)


@pytest.mark.parametrize("lambda3", [0.0, 1.0, 25.0, float("inf")])
def test_agrees_with_the_sums(lambda3):
    x, p = tracks()
    mask = np.ones((2, 12), bool)
    mask[0, 9:] = False  # a shorter video
    mask[1, 4] = False  # a broken frame
    weights = losses.LossWeights(smooth=0.7, delay=3.0, even_steps=lambda3)
    ours = stabilization(x, p, weights=weights, mask=mask)
    theirs = oracle.stabilization([(flat(x[i]), flat(p[i]), mask[i]) for i in range(2)], 0.7, 3.0, lambda3=lambda3)
    np.testing.assert_allclose(ours, theirs, rtol=2e-5)


def test_padding_changes_nothing():
    x, p = tracks(videos=1)
    alone = stabilization(x[0], p[0])
    pad = np.full((1, 7, 3, 2), np.nan, np.float32)
    mask = np.arange(19)[None] < 12
    padded = stabilization(np.concatenate([x, pad], axis=1), np.concatenate([p, pad], axis=1), mask=mask)
    np.testing.assert_allclose(alone, padded, rtol=1e-6)


def test_large_and_small_lambda3_are_the_limits():
    x, p = tracks()

    def smooth(value):
        return stabilization(x, p, weights=even_steps(value)).smooth

    np.testing.assert_allclose(smooth(1e7), smooth(float("inf")), rtol=1e-4)
    np.testing.assert_allclose(smooth(1e-6), smooth(0.0), rtol=1e-4)
    assert smooth(0.0) < smooth(1.0) < smooth(float("inf"))


def test_one_frame_late_costs_one():
    p = (np.arange(20.0, dtype=np.float32) ** 1.5)[:, None, None] * np.array([[[1.0, 0.5]]], np.float32)
    late = stabilization(np.concatenate([p[:1], p[:-1]]), p)
    np.testing.assert_allclose(late.delay, 1.0, rtol=1e-5)
    half = stabilization(np.concatenate([p[:1], (p[:-1] + p[1:]) / 2]), p)
    np.testing.assert_allclose(half.delay, 0.25, rtol=1e-5)


def test_a_line_at_even_steps_is_smooth():
    x = np.arange(9.0, dtype=np.float32)[:, None, None] * np.array([[[3.0, -2.0]]], np.float32)
    for lambda3 in (0.0, 1.0, float("inf")):
        assert stabilization(x, x, weights=even_steps(lambda3)) == (0, 0, 0, 0)
    uneven = x.copy()
    uneven[4, 0] += np.array([0.3, -0.2], np.float32)  # still on the line
    np.testing.assert_allclose(stabilization(uneven, x, weights=even_steps(0.0)).smooth, 0, atol=1e-9)
    assert stabilization(uneven, x, weights=even_steps(1.0)).smooth > 1e-4


@given(shift=st.floats(-50, 50), seed=st.integers(0, 30))
def test_shift_of_both_changes_nothing(shift, seed):
    x, p = tracks(seed=seed)
    shift = np.float32(shift)
    np.testing.assert_allclose(stabilization(x + shift, p + shift), stabilization(x, p), rtol=3e-3)


@given(scale=st.floats(0.2, 5), seed=st.integers(0, 30))
def test_scale(scale, seed):
    x, p = (jnp.array(a) for a in tracks(seed=seed))
    # Not compiled as a whole: the weights, which are constants of a program, differ in every example.
    big = losses.stabilization(scale * x, scale * p, weights=even_steps(scale**2))
    one = stabilization(x, p)
    np.testing.assert_allclose(big.euclidean, scale**2 * one.euclidean, rtol=1e-3)
    np.testing.assert_allclose(big.delay, one.delay, rtol=1e-3)
    np.testing.assert_allclose(big.smooth, scale**2 * one.smooth, rtol=1e-3)


@pytest.mark.parametrize("lambda3", [0.0, 1.0, float("inf")])
def test_first_and_second_derivatives(lambda3):
    with jax.enable_x64(True):
        x, p = (jnp.array(a[:, :6], jnp.float64) for a in tracks())

        @jax.jit
        def total(x):
            return losses.stabilization(x, p, weights=even_steps(lambda3)).total

        check_grads(total, (x,), order=2, modes=["rev"])


def test_envelope_theorem():
    """Stopping q changes nothing in the first derivative and something in the second."""
    with jax.enable_x64(True):
        x = jnp.array(tracks()[0][0].reshape(12, 6), jnp.float64)

        def free(x):
            return temporal._smooth_terms(x, 1.0).sum()

        def stopped(x):
            e, d = x[1:-1] - x[2:], x[:-2] - x[2:]
            q = jax.lax.stop_gradient(((e * d).sum(-1) + 0.5) / ((d * d).sum(-1) + 1))
            return (((e - q[:, None] * d) ** 2).sum(-1) + (q - 0.5) ** 2).sum()

        direction = np.ones_like(x)
        direction[::2] = -1

        def value_slope_curvature(f):
            return jax.jit(lambda x: (f(x), *jax.jvp(jax.grad(f), (x,), (direction,))))(x)

        (value, slope, curvature), expected = value_slope_curvature(free), value_slope_curvature(stopped)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        np.testing.assert_allclose(slope, expected[1], rtol=1e-9, atol=1e-12)
        assert np.abs(curvature - expected[2]).max() > 1e-2


@partial(jax.jit, static_argnums=3)
def _value_slope_curvature(x, p, mask, lambda3):
    def total(x):
        return losses.stabilization(x, p, weights=even_steps(lambda3), mask=mask).total

    return (*jax.value_and_grad(total)(x), jax.jvp(jax.grad(total), (x,), (jnp.ones_like(x),))[1])


@pytest.mark.parametrize("lambda3", [0.0, 1.0, float("inf")])
@pytest.mark.parametrize("case", ["rest", "one frame", "two frames", "all masked", "hardly moving", "NaN masked"])
def test_finite_at_awkward_points(case, lambda3):
    x, p = tracks()
    mask = np.ones((2, 12), bool)
    if case == "rest":
        x, p = np.full_like(x, 3.0), np.full_like(p, 4.0)
    elif case == "hardly moving":
        p = np.zeros_like(p)
        p[:, ::2] = 1e-25
    elif case == "all masked":
        mask = np.zeros_like(mask)
    elif case == "NaN masked":
        x[0, 3], p[0, 3], mask[0, 3] = np.nan, np.inf, False
    else:
        frames = 1 if case == "one frame" else 2
        x, p, mask = x[:, :frames], p[:, :frames], mask[:, :frames]
    value, gradient, curvature = _value_slope_curvature(x, p, mask, lambda3)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.isfinite(curvature).all()
    assert (value == 0) == (case == "all masked")


@pytest.mark.parametrize(("step", "counts"), [(1e-4, True), (2e-6, True), (0.5e-6, False)])
def test_the_delay_counts_from_a_squared_motion_of_1e_12_on(step, counts):
    """A truth that moves by `step` px a frame, and an output that is two frames late."""
    with jax.enable_x64(True):
        p = step * np.arange(8.0)[:, None, None] * np.ones((1, 1, 2)) / np.sqrt(2)
        late = stabilization(p - 2 * (p[1] - p[0]), p)
        np.testing.assert_allclose(late.delay, 4.0 if counts else 0.0, rtol=1e-6)


def test_jit_agrees_and_traces_once():
    traces = []

    @jax.jit
    def total(x, p):
        traces.append(1)
        return losses.stabilization(x, p)

    for seed in range(3):
        x, p = (jnp.array(a) for a in tracks(seed=seed))
        np.testing.assert_allclose(total(x, p), losses.stabilization(x, p), rtol=1e-5)
    assert len(traces) == 1
