"""The classical filters against loops, with and without gaps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.linalg import solve_discrete_are
from scipy.signal import savgol_coeffs, savgol_filter

from fhr_jax import filters
from fhr_jax.errors import InputError
from fhr_jax.filters import smoothers
from fhr_jax.filters.savgol import weights as savgol_weights
from tests.oracles import filters as oracle

PAIRS = {
    "moving_average": (filters.moving_average(4), oracle.moving_average(4)),
    "first_order": (filters.first_order(0.4), oracle.first_order(0.4)),
    "second_order": (filters.second_order(0.5, 0.3), oracle.second_order(0.5, 0.3)),
    "constant_speed": (filters.constant_speed(0.6), oracle.constant_speed(0.6)),
    "one_euro": (
        filters.one_euro(min_cutoff=1.5, beta=0.02, d_cutoff=0.8, rate=25.0),
        oracle.one_euro(1.5, 0.02, 0.8, 25.0),
    ),
    "alpha_beta": (filters.alpha_beta(0.5, 0.2), oracle.alpha_beta(0.5, 0.2)),
    "kalman": (filters.kalman(q=0.3, r=1.5, velocity_variance=0.7), oracle.kalman(0.3, 1.5, 0.7)),
    "savgol": (filters.savgol(6, order=2), oracle.savgol(6, 2)),
}
every_filter = pytest.mark.parametrize("name", PAIRS)


def walk(frames=40, points=3, seed=0):
    rng = np.random.default_rng(seed)
    return (100 + rng.normal(size=(frames, points, 2)).cumsum(axis=0)).astype(np.float32)


@every_filter
def test_agrees_with_the_loop(name):
    ours, theirs = PAIRS[name]
    np.testing.assert_allclose(filters.run(ours, jnp.array(walk())), oracle.each(theirs, walk()), rtol=2e-6)


@every_filter
def test_agrees_with_the_loop_over_gaps(name):
    ours, theirs = PAIRS[name]
    track = walk(seed=1)
    track[10:17] = np.nan  # nothing at all
    track[25, 1] = np.nan  # one point
    track[:5, 2] = np.nan  # late start
    np.testing.assert_allclose(filters.run(ours, jnp.array(track)), oracle.each(theirs, track), rtol=2e-6)
    assert np.isfinite(np.asarray(filters.run(ours, jnp.array(track)))[5:]).all()


@every_filter
def test_all_missing_stays_missing(name):
    assert np.isnan(filters.run(PAIRS[name][0], np.full_like(walk(), np.nan))).all()


@every_filter
def test_first_frame_passes(name):
    np.testing.assert_array_equal(filters.run(PAIRS[name][0], jnp.array(walk()))[0], walk()[0])


@every_filter
def test_a_constant_is_kept(name):
    track = np.full_like(walk(), 57.25)
    np.testing.assert_allclose(filters.run(PAIRS[name][0], track), track, rtol=1e-6)


@pytest.mark.parametrize("name", ["second_order", "constant_speed", "alpha_beta", "kalman", "savgol"])
def test_a_ramp_is_followed_without_lag(name):
    track = 3.0 * np.arange(200, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(filters.run(PAIRS[name][0], track)[150:], track[150:], rtol=1e-4)


def test_full_gain_is_the_identity():
    track = jnp.array(walk())
    for smoother in (
        filters.moving_average(1),
        filters.first_order(1.0),
        filters.second_order(1.0, 0.5),
        filters.constant_speed(1.0),
        filters.alpha_beta(1.0, 0.3),
        filters.kalman(q=1.0, r=0.0),
        filters.savgol(3, order=2),
    ):
        np.testing.assert_allclose(filters.run(smoother, track), track, rtol=1e-6)


@pytest.mark.parametrize("dt", [0.1, 0.25, 3.0])
def test_full_gain_is_the_identity_at_every_rate_and_no_gain_keeps_the_first_frame(dt):
    track = jnp.array(walk())
    dt = jnp.full(len(track), dt)
    for smoother in (filters.first_order(1.0), filters.alpha_beta(1.0, 0.3), filters.second_order(1.0, 0.5)):
        np.testing.assert_allclose(filters.run(smoother, track, dt=dt), track, rtol=1e-6)
    kept = jnp.broadcast_to(track[0], track.shape)
    for smoother in (filters.first_order(0.0), filters.second_order(0.0, 0.5)):
        np.testing.assert_allclose(filters.run(smoother, track, dt=dt), kept, rtol=1e-6)


@given(shift=st.floats(-200, 200), seed=st.integers(0, 50))
def test_shift_moves_the_output(shift, seed):
    track, shift = walk(seed=seed), np.float32(shift)
    for ours, _ in PAIRS.values():
        moved, plain = (np.asarray(filters.run(ours, z))[:12] for z in (track + shift, track))
        np.testing.assert_allclose(moved, plain + shift, rtol=0, atol=2e-4)


@every_filter
def test_vmap_and_jit_agree_with_run(name):
    ours, _ = PAIRS[name]
    tracks = jnp.stack([jnp.array(walk(seed=s)) for s in range(3)])
    together = jax.jit(jax.vmap(lambda t: filters.run(ours, t)))(tracks)
    np.testing.assert_allclose(together, jnp.stack([filters.run(ours, t) for t in tracks]), rtol=1e-6)


@every_filter
def test_streaming_equals_batch_and_traces_once(name):
    ours, _ = PAIRS[name]
    track, traces = jnp.array(walk()), []

    def step(state, z):
        traces.append(1)
        return ours.step(state, z)

    compiled, state, outputs = jax.jit(step), ours.init(track[0]), []
    for z in track:
        state, x = compiled(state, z)
        outputs.append(x)
    np.testing.assert_allclose(jnp.stack(outputs), filters.run(ours, track), rtol=1e-5)
    assert len(traces) == 1


@every_filter
def test_gradient_is_right_and_finite_over_a_gap(name):
    track = walk(frames=8)
    track[3] = np.nan

    @jax.jit
    def total(shift):
        return jnp.sum(jnp.sin(filters.run(PAIRS[name][0], track / 10 + shift)))

    check_grads(total, (0.1,), order=1, modes=["fwd", "rev"], atol=2e-2, rtol=2e-2)
    gradient = jax.jit(jax.grad(lambda z: jnp.sum(filters.run(PAIRS[name][0], z) ** 2)))
    assert np.isfinite(gradient(track)).all()


def test_second_order_is_an_alpha_beta_filter():
    track = jnp.array(walk()).at[11:15, 1].set(jnp.nan)
    holt, gains = filters.second_order(0.5, 0.3), filters.alpha_beta(0.5, 0.5 * 0.3)
    np.testing.assert_allclose(filters.run(holt, track), filters.run(gains, track), rtol=1e-6)


def test_kalman_depends_on_ratios_and_takes_settings_by_coordinate():
    track = jnp.array(walk())
    plain = filters.run(filters.kalman(q=0.2, r=0.8, velocity_variance=0.5), track)
    np.testing.assert_allclose(
        plain, filters.run(filters.kalman(q=2.0, r=8.0, velocity_variance=5.0), track), rtol=1e-6
    )
    q = jnp.linspace(0.1, 0.6, 6).reshape(3, 2)
    each = filters.run(filters.kalman(q=q, r=0.8, velocity_variance=0.5), track)
    alone = filters.run(filters.kalman(q=q[2, 1], r=0.8, velocity_variance=0.5), track)
    np.testing.assert_allclose(each[:, 2, 1], alone[:, 2, 1], rtol=1e-6)
    assert jnp.abs(each - plain).max() > 0.01


def test_kalman_comes_to_rest_at_gains_of_an_alpha_beta_filter():
    """The steady gains of the Riccati equation, from SciPy."""
    q, r = 0.3, 1.5
    f, noise = oracle.transition(1, q)
    predicted = solve_discrete_are(f.T, oracle.H.T, noise, r)
    a, b = predicted[:, 0] / (predicted[0, 0] + r)
    track = jnp.array(walk(frames=120))
    ours = filters.run(filters.kalman(q=q, r=r), track)[80:]
    np.testing.assert_allclose(ours, filters.run(filters.alpha_beta(float(a), float(b)), track)[80:], rtol=1e-5)


def test_kalman_stays_accurate_where_it_hardly_moves():
    """The covariance recursion in float32 against float64, over a thousand frames of q / r = 1e-5."""
    track = walk(frames=1000, points=1)
    ours = filters.run(filters.kalman(q=1e-5, r=1.0), jnp.array(track))
    np.testing.assert_allclose(ours, oracle.each(oracle.kalman(1e-5, 1.0, 1.0), track), atol=0.02)


@pytest.mark.parametrize(("n", "order"), [(1, 0), (5, 2), (9, 3), (12, 1)])
def test_savgol_has_scipys_coefficients(n, order):
    expected = savgol_coeffs(n, order, pos=n - 1, use="dot")
    np.testing.assert_allclose(savgol_weights(n, order, 0.0), expected, atol=1e-10)
    impulse = jnp.zeros((3 * n, 1, 1)).at[n].set(1.0)
    out = filters.run(filters.savgol(n, order=order), impulse)[n : 2 * n, 0, 0]
    np.testing.assert_allclose(out, expected[::-1], atol=1e-5)


def test_savgol_keeps_its_polynomials_from_the_first_frame():
    time = jnp.arange(20.0)[:, None, None]
    track = 100 + time * jnp.array([[[2.0, -1.0]]]) + 0.3 * time**2
    np.testing.assert_allclose(filters.run(filters.savgol(7, order=2), track), track, rtol=1e-5)


# The time between frames

WITH_DT = {
    "moving_average": oracle.moving_average_dt(4),
    "first_order": oracle.first_order_dt(0.4),
    "second_order": oracle.alpha_beta_dt(0.5, 0.5 * 0.3),
    "constant_speed": oracle.alpha_beta_dt(0.6, 0.6),
    "one_euro": oracle.one_euro_dt(1.5, 0.02, 0.8, 25.0),
    "alpha_beta": oracle.alpha_beta_dt(0.5, 0.2),
    "kalman": oracle.kalman_dt(0.3, 1.5, 0.7),
    "savgol": oracle.savgol_dt(6, 2),
}


def steps(kind, frames=40):
    even = {"60 fps": 0.5, "15 fps": 2.0, "25 fps": 1.2, "120 fps": 0.25}
    dt = np.full(frames, even[kind]) if kind in even else np.random.default_rng(5).uniform(0.3, 2.5, frames)
    dt[0] = 1
    return dt


def gappy():
    track = walk(seed=1)
    track[10:14] = np.nan
    track[25, 1] = np.nan
    track[:5, 2] = np.nan
    return track


@every_filter
@pytest.mark.parametrize("kind", ["60 fps", "15 fps", "25 fps", "120 fps", "variable"])
def test_agrees_with_the_loop_at_other_rates(name, kind):
    ours, dt = PAIRS[name][0], steps(kind)
    for track in (walk(), gappy()):
        found = filters.run(ours, jnp.array(track), dt=jnp.array(dt, jnp.float32))
        np.testing.assert_allclose(found, oracle.each_with_dt(WITH_DT[name], track, dt), rtol=2e-5, atol=2e-3)


@every_filter
def test_steps_of_one_frame_change_no_bit_and_traced_ones_hardly_any(name):
    ours, ones = PAIRS[name][0], np.ones(40, np.float32)
    traced = jax.jit(lambda track, dt: filters.run(ours, track, dt=dt))
    for track in map(jnp.array, (walk(), gappy())):
        plain = np.asarray(filters.run(ours, track))
        np.testing.assert_array_equal(filters.run(ours, track, dt=ones), plain)
        np.testing.assert_allclose(traced(track, ones), plain, rtol=1e-5)


@every_filter
def test_a_held_signal_ends_alike_at_every_rate(name):
    """The response to a step, sampled at the same times, is the same function of time up to the sampling."""
    ours = PAIRS[name][0]
    ends = [
        filters.run(ours, jnp.full((rate, 1, 1), 5.0).at[0].set(0.0), dt=jnp.full(rate, 30 / rate))[-1, 0, 0]
        for rate in (15, 30, 60, 120)
    ]
    np.testing.assert_allclose(ends, 5, atol=0.1)


def test_the_exponential_response_is_exactly_that_of_its_time_constant():
    for rate in (10, 60, 120):
        track = jnp.ones((1 + rate // 10, 1, 1)).at[0].set(0.0)
        dt = jnp.full(len(track), 30 / rate)
        out = filters.run(filters.first_order(0.4), track, dt=dt)[-1, 0, 0]
        np.testing.assert_allclose(out, 1 - 0.6**3, rtol=1e-5)


@every_filter
def test_gradients_with_steps_are_right_and_finite(name):
    track, dt = walk(frames=8), jnp.asarray(steps("variable", 8), jnp.float32)
    track[3] = np.nan

    @jax.jit
    def total(shift):
        return jnp.sum(jnp.sin(filters.run(PAIRS[name][0], track / 10 + shift, dt=dt)))

    check_grads(total, (0.1,), order=1, modes=["fwd", "rev"], atol=2e-2, rtol=2e-2)
    gradient = jax.jit(jax.grad(lambda d: jnp.sum(filters.run(PAIRS[name][0], track, dt=d) ** 2)))
    assert np.isfinite(gradient(dt)).all()
    assert np.isfinite(gradient(jnp.ones(8))).all()


def test_steps_of_another_shape_are_refused():
    with pytest.raises(InputError, match="dt: shape"):
        filters.run(filters.first_order(0.5), jnp.zeros((4, 3, 2)), dt=jnp.ones(3))


@pytest.mark.parametrize("kind", ["60 fps", "15 fps", "variable"])
def test_rts_is_the_mean_of_the_dense_posterior_at_other_rates(kind):
    dt = steps(kind)
    for track in (walk(seed=2), gappy()):
        ours = smoothers.rts(jnp.array(track), q=0.3, r=1.5, velocity_variance=0.7, dt=dt)
        expected = oracle.each_with_dt(oracle.rts_dt(0.3, 1.5, 0.7), track, dt)
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


# The references that are not causal


@pytest.mark.parametrize("gaps", [False, True])
def test_rts_is_the_mean_of_the_dense_posterior(gaps):
    track = walk(seed=2)
    if gaps:
        track[10:17] = np.nan
        track[25, 1] = np.nan
        track[:5, 2] = np.nan
        track[35:, 0] = np.nan
    ours = smoothers.rts(jnp.array(track), q=0.3, r=1.5, velocity_variance=0.7)
    np.testing.assert_allclose(ours, oracle.each(oracle.rts(0.3, 1.5, 0.7), track), rtol=3e-6)


def test_rts_ends_where_the_filter_ends_and_is_steadier():
    track = jnp.array(walk())
    smooth, causal = smoothers.rts(track, q=0.1, r=2.0), filters.run(filters.kalman(q=0.1, r=2.0), track)
    np.testing.assert_array_equal(smooth[-1], causal[-1])
    assert jnp.abs(jnp.diff(smooth, 2, axis=0)).mean() < jnp.abs(jnp.diff(causal, 2, axis=0)).mean()


def test_rts_has_a_gradient_over_gaps_and_refuses_an_empty_track():
    track = jnp.array(walk(frames=8)).at[3].set(jnp.nan).at[:2, 1].set(jnp.nan) / 10

    @jax.jit
    def total(log_q):
        return jnp.nansum(jnp.sin(smoothers.rts(track, q=jnp.exp(log_q), r=1.0)))

    check_grads(total, (0.1,), order=1, modes=["fwd", "rev"], atol=2e-2, rtol=2e-2)
    with pytest.raises(InputError, match="track: empty"):
        smoothers.rts(jnp.zeros((0, 3, 2)), q=1.0, r=1.0)


def test_zero_phase_is_scipys_and_handles_short_tracks():
    track = walk(frames=30)
    ours = smoothers.zero_phase(track, window=7, order=2)
    middle = np.tensordot(savgol_coeffs(7, 2, use="dot"), track.astype(np.float64)[10:17], axes=1)
    np.testing.assert_allclose(ours[13], middle, rtol=1e-10)
    np.testing.assert_allclose(ours[:3], savgol_filter(track, 7, 2, axis=0)[:3], rtol=1e-5)
    np.testing.assert_array_equal(smoothers.zero_phase(track[:2]), track[:2])
    assert smoothers.zero_phase(track[:6]).shape == (6, 3, 2)
    with pytest.raises(InputError, match="odd window"):
        smoothers.zero_phase(track, window=6)


def test_bad_input():
    with pytest.raises(InputError, match="track: empty"):
        filters.run(filters.first_order(0.5), jnp.zeros((0, 3, 2)))
    with pytest.raises(InputError, match="at least one frame"):
        filters.moving_average(0)
    with pytest.raises(InputError, match="longer than the order"):
        filters.savgol(2, order=2)
