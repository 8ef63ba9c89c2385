"""The classical filters against loops, with and without gaps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from fhr_jax import filters
from fhr_jax.errors import InputError
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
}
everyone = pytest.mark.parametrize("name", PAIRS)


def walk(frames=40, points=3, seed=0):
    rng = np.random.default_rng(seed)
    return (100 + rng.normal(size=(frames, points, 2)).cumsum(axis=0)).astype(np.float32)


@everyone
def test_agrees_with_the_loop(name):
    ours, theirs = PAIRS[name]
    np.testing.assert_allclose(filters.run(ours, jnp.array(walk())), oracle.each(theirs, walk()), rtol=2e-6)


@everyone
def test_agrees_with_the_loop_over_gaps(name):
    ours, theirs = PAIRS[name]
    track = walk(seed=1)
    track[10:17] = np.nan  # nothing at all
    track[25, 1] = np.nan  # one point
    track[:5, 2] = np.nan  # late start
    np.testing.assert_allclose(filters.run(ours, jnp.array(track)), oracle.each(theirs, track), rtol=2e-6)
    assert np.isfinite(np.asarray(filters.run(ours, jnp.array(track)))[5:]).all()


@everyone
def test_all_missing_stays_missing(name):
    assert np.isnan(filters.run(PAIRS[name][0], jnp.full((6, 2, 2), jnp.nan))).all()


@everyone
def test_first_frame_passes(name):
    np.testing.assert_array_equal(filters.run(PAIRS[name][0], jnp.array(walk()))[0], walk()[0])


@everyone
def test_a_constant_is_kept(name):
    track = jnp.full((30, 2, 2), 57.25)
    np.testing.assert_allclose(filters.run(PAIRS[name][0], track), track, rtol=1e-6)


@pytest.mark.parametrize("name", ["second_order", "constant_speed"])
def test_a_ramp_is_followed_without_lag(name):
    track = 3.0 * jnp.arange(200.0)[:, None, None]
    np.testing.assert_allclose(filters.run(PAIRS[name][0], track)[150:], track[150:], rtol=1e-4)


def test_full_gain_is_the_identity():
    track = jnp.array(walk())
    for smoother in (
        filters.moving_average(1),
        filters.first_order(1.0),
        filters.second_order(1.0, 0.5),
        filters.constant_speed(1.0),
    ):
        np.testing.assert_allclose(filters.run(smoother, track), track, rtol=1e-6)


@given(shift=st.floats(-200, 200), seed=st.integers(0, 50))
def test_shift_moves_the_output(shift, seed):
    track = jnp.array(walk(frames=12, seed=seed))
    for ours, _ in PAIRS.values():
        np.testing.assert_allclose(
            filters.run(ours, track + shift), filters.run(ours, track) + shift, rtol=0, atol=2e-4
        )


@everyone
def test_vmap_and_jit_agree_with_run(name):
    ours, _ = PAIRS[name]
    tracks = jnp.stack([jnp.array(walk(seed=s)) for s in range(3)])
    together = jax.jit(jax.vmap(lambda t: filters.run(ours, t)))(tracks)
    np.testing.assert_allclose(together, jnp.stack([filters.run(ours, t) for t in tracks]), rtol=1e-6)


@everyone
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


@everyone
def test_gradient_is_right_and_finite_over_a_gap(name):
    track = jnp.array(walk(frames=8)).at[3].set(jnp.nan)

    def total(shift):
        return jnp.sum(jnp.sin(filters.run(PAIRS[name][0], track / 10 + shift)))

    check_grads(total, (0.1,), order=1, modes=["fwd", "rev"], atol=2e-2, rtol=2e-2)
    assert np.isfinite(jax.grad(lambda z: jnp.sum(filters.run(PAIRS[name][0], z) ** 2))(track)).all()


def test_bad_input():
    with pytest.raises(InputError, match="track: empty"):
        filters.run(filters.first_order(0.5), jnp.zeros((0, 3, 2)))
    with pytest.raises(InputError, match="at least one frame"):
        filters.moving_average(0)
