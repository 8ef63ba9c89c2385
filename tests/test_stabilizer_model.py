"""The stabilizer's model against the sums of Eq. 9, its limits, gaps, units and gate."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from fhr_jax import filters, stabilizer
from fhr_jax.errors import InputError
from tests.oracles import stabilizer as oracle

GATE = stabilizer.Gate(*(jnp.float32(v) for v in (0.5, 4.0, 0.5, 4.0)))
MOTION = stabilizer.Motion(jnp.float32(0.6), jnp.array([0.5, 1.0], jnp.float32))


def walk(frames=60, points=3, dims=2, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(1, points, dims)) * 40
    drift = rng.normal(size=(frames, 1, dims)).cumsum(axis=0) + 0.3 * rng.normal(size=(frames, points, dims)).cumsum(0)
    return (100 + shape + drift + noise * rng.normal(size=drift.shape)).astype(np.float32)


def params(points=3, dims=2, components=2, seed=3, dtype=np.float32):
    rng = np.random.default_rng(seed)
    size = points * dims
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    alpha = rng.uniform(0.5, 1, components)
    return stabilizer.Params(
        gamma=jnp.asarray(0.7, dtype),
        alpha=jnp.asarray(alpha / alpha.sum(), dtype),
        beta=jnp.asarray(rng.uniform(0.2, 0.8, components), dtype),
        noise=jnp.asarray(rng.uniform(0.5, 2, size), dtype),
        prior=jnp.asarray(rng.uniform(0.2, 9, (components, size)), dtype),
        basis=jnp.asarray(basis, dtype),
    )


def as_dict(p):
    return {name: getattr(p, name) for name in ("gamma", "alpha", "beta", "noise", "prior", "basis")}


@pytest.mark.parametrize("components", [1, 2, 3])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_agrees_with_the_sums_of_equation_9(covariance, components):
    z = walk()
    with jax.enable_x64(True):  # in float32 the basis itself is only orthonormal to 1e-7
        p = params(components=components, dtype=np.float64)
        ours = stabilizer.run(p, jnp.asarray(z, jnp.float64), covariance=covariance)
    theirs = oracle.run(z.reshape(60, -1), as_dict(p), diagonal=covariance == "diagonal")
    np.testing.assert_allclose(ours.reshape(60, -1), theirs, rtol=0, atol=1e-8)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_float32_agrees_far_from_the_origin(covariance):
    z, p = walk(200) + 4000, params()
    ours = stabilizer.run(p, jnp.asarray(z), covariance=covariance)
    theirs = oracle.run(z.reshape(200, -1), as_dict(p), diagonal=covariance == "diagonal")
    np.testing.assert_allclose(ours.reshape(200, -1), theirs, rtol=0, atol=0.01)


def test_no_prior_spread_means_the_mean_of_the_past_and_no_noise_the_observation():
    z = jnp.asarray(walk())
    still = params(components=1)._replace(prior=jnp.zeros((1, 6)), beta=jnp.ones(1))
    np.testing.assert_allclose(stabilizer.run(still, z), jnp.broadcast_to(z[:1], z.shape), atol=1e-3)
    exact = params()._replace(noise=jnp.full(6, 1e-9))
    np.testing.assert_allclose(stabilizer.run(exact, z), z, atol=1e-3)


def test_one_component_that_forgets_at_once_is_the_first_order_filter():
    z = jnp.asarray(walk())
    p = params(components=1)._replace(
        gamma=jnp.float32(1e-9), beta=jnp.ones(1), noise=jnp.full(6, 1.0), prior=jnp.full((1, 6), 3.0)
    )
    np.testing.assert_allclose(stabilizer.run(p, z), filters.run(filters.first_order(0.75), z), rtol=0, atol=2e-3)


def test_diagonal_and_full_agree_in_one_dimension():
    z, p = jnp.asarray(walk(points=1, dims=1)), params(points=1, dims=1)
    np.testing.assert_allclose(stabilizer.run(p, z), stabilizer.run(p, z, covariance="full"), rtol=0, atol=1e-3)


def test_turned_axes_turn_the_output():
    z, p = walk(), params()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0].astype(np.float32)
    turned = jnp.asarray((z.reshape(60, 6) @ turn.T).reshape(60, 3, 2))
    expected = np.asarray(stabilizer.run(p, jnp.asarray(z))).reshape(60, 6) @ turn.T
    ours = stabilizer.run(p._replace(basis=jnp.asarray(turn) @ p.basis), turned)
    np.testing.assert_allclose(ours.reshape(60, 6), expected, rtol=0, atol=5e-3)


@pytest.mark.parametrize("motion", [None, MOTION])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_run_complete_agrees_with_run(covariance, motion):
    z, p = jnp.asarray(walk()), params()._replace(motion=motion, face=jnp.float32(30.0))
    np.testing.assert_allclose(
        stabilizer.run_complete(p, z, covariance=covariance),
        stabilizer.run(p, z, covariance=covariance),
        rtol=0,
        atol=2e-3,
    )


def test_leading_velocity_removes_the_lag_on_a_ramp():
    z = jnp.asarray(2.0 * np.arange(80.0, dtype=np.float32)[:, None, None] * np.ones((1, 3, 2), np.float32))
    plain = params()._replace(gamma=jnp.float32(1e-6), prior=jnp.ones((2, 6)))
    ahead = plain._replace(motion=stabilizer.Motion(jnp.float32(0.5), jnp.ones(2)))
    late, on_time = (z - stabilizer.run(p, z) for p in (plain, ahead))
    assert late[60:].min() > 0.2
    assert jnp.abs(on_time[60:]).max() < 1e-2


# Streaming, batches, compilation


@pytest.mark.parametrize("extension", ["none", "all"])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_streaming_equals_batch_and_traces_once(covariance, extension):
    p = params()
    if extension == "all":
        p = p._replace(motion=MOTION, gate=GATE, face=jnp.float32(1.0), noise=p.noise / 900, prior=p.prior / 900)
    z = walk()
    z[20:23] = np.nan
    traces = []

    @jax.jit
    def step(state, z):
        traces.append(1)
        return stabilizer.step(p, state, z)

    state, outputs = stabilizer.init_state(p, covariance=covariance), []
    for frame in jnp.asarray(z):
        state, x = step(state, frame)
        outputs.append(x)
    np.testing.assert_allclose(jnp.stack(outputs), stabilizer.run(p, jnp.asarray(z), covariance=covariance), rtol=1e-5)
    assert len(traces) == 1


def test_vmap_agrees_and_the_future_does_not_matter():
    p, tracks = params(), jnp.stack([jnp.asarray(walk(seed=s)) for s in range(3)])
    together = jax.vmap(partial(stabilizer.run, p))(tracks)
    np.testing.assert_allclose(together, jnp.stack([stabilizer.run(p, z) for z in tracks]), rtol=1e-5)
    np.testing.assert_array_equal(stabilizer.run(p, tracks[0])[:30], stabilizer.run(p, tracks[0][:30]))


def test_filter_interface():
    p, z = params(), jnp.asarray(walk())
    np.testing.assert_array_equal(filters.run(stabilizer.as_filter(p), z), stabilizer.run(p, z))


# Missing points and uneven time


def test_missing_frames_are_left_out_of_the_sums():
    z, p = walk(30), params(components=1)
    z[10:14] = np.nan
    ours = np.asarray(stabilizer.run(p, jnp.asarray(z)))
    assert np.isfinite(ours).all()
    assert np.ptp(ours[10:14], axis=0).max() < 1e-4  # no motion model: the prediction stays

    # The frame after the gap, by hand: the same past, but four frames older.
    past = ours[:10].reshape(10, -1).astype(np.float64)
    gamma, v = float(p.gamma), np.asarray(p.basis, np.float64)
    mean, covariance = oracle.history(list(past), gamma)
    covariance = v @ np.diag(np.diag(v.T @ covariance @ v)) @ v.T
    weights, means, _ = oracle.posterior(z[14].reshape(-1), mean, covariance, as_dict(p))
    np.testing.assert_allclose(ours[14].reshape(-1), weights @ means, rtol=0, atol=1e-3)


def test_mask_and_nan_and_zero_confidence_are_one():
    z, p = walk(), params()
    mask = np.ones((60, 3), bool)
    mask[15, 1] = mask[30:33, 0] = mask[40] = False
    holes = jnp.asarray(np.where(mask[..., None], z, np.nan))
    masked = stabilizer.run(p, jnp.asarray(z), mask=jnp.asarray(mask))
    np.testing.assert_array_equal(masked, stabilizer.run(p, holes))
    assert jnp.isfinite(masked).all()
    state, outputs = stabilizer.init_state(p), []
    for frame, here in zip(jnp.asarray(z), jnp.asarray(mask), strict=True):
        state, x = stabilizer.step(p, state, frame, confidence=here.astype(jnp.float32))
        outputs.append(x)
    np.testing.assert_allclose(jnp.stack(outputs), masked, rtol=1e-5)


def test_confidence_between_moves_the_point_in_between():
    p = params()._replace(basis=jnp.eye(6))
    z = jnp.asarray(walk(5))
    state = stabilizer.init_state(p)
    for frame in z[:4]:
        state, _ = stabilizer.step(p, state, frame)
    none, half, whole = (
        stabilizer.step(p, state, z[4], confidence=jnp.array([c, 1.0, 1.0]))[1][0] for c in (0.0, 0.5, 1.0)
    )
    assert (jnp.abs(half - none) < jnp.abs(whole - none)).all()
    assert (jnp.abs(half - none) > 0).all()


def test_leading_gaps_stay_nan_point_by_point():
    z = walk()
    z[:4] = np.nan
    z[:9, 2] = np.nan
    x = np.asarray(stabilizer.run(params(), jnp.asarray(z)))
    assert np.isnan(x[:4]).all()
    assert np.isnan(x[4:9, 2]).all()
    assert np.isfinite(x[4:, :2]).all()
    assert np.isfinite(x[9:]).all()
    np.testing.assert_allclose(x[4, :2], z[4, :2], atol=1e-3)
    np.testing.assert_allclose(x[9, 2], z[9, 2], atol=3)  # its neighbours may pull at it through the basis


def test_all_missing():
    assert jnp.isnan(stabilizer.run(params(), jnp.full((5, 3, 2), jnp.nan))).all()


def test_a_longer_step_forgets_more():
    p, z = params(), jnp.asarray(walk(6))
    state = stabilizer.init_state(p)
    for frame in z[:5]:
        state, _ = stabilizer.step(p, state, frame)
    weights = [float(stabilizer.step(p, state, z[5], dt=dt)[0].history.weight) for dt in (1.0, 2.0)]
    np.testing.assert_allclose(weights[1], 0.7 * (1 + float(state.history.weight) * 0.7), rtol=1e-5)
    assert weights[1] < weights[0]
    # Two frames of which the first is missing are one step of two frames.
    skipped, _ = stabilizer.step(p, state, jnp.full((3, 2), jnp.nan))
    np.testing.assert_allclose(
        stabilizer.step(p, skipped, z[5])[1], stabilizer.step(p, state, z[5], dt=2.0)[1], rtol=1e-6
    )


# Units and gate


@given(scale=st.floats(0.1, 50), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_face_units_make_it_equivariant(scale, x, y):
    p = params()
    p = p._replace(face=jnp.float32(1.0), noise=p.noise / 900, prior=p.prior / 900, gate=GATE, motion=MOTION)
    z, b = jnp.asarray(walk(25)), jnp.array([[[x, y]]], jnp.float32)
    moved = stabilizer.run(p, scale * z + b)
    np.testing.assert_allclose(
        moved, scale * stabilizer.run(p, z) + b, rtol=0, atol=1e-3 * scale + 1e-5 * (abs(x) + abs(y))
    )


@given(x=st.floats(-500, 500))
def test_the_paper_s_model_is_equivariant_to_shifts(x):
    z, p = jnp.asarray(walk(25)), params()
    np.testing.assert_allclose(stabilizer.run(p, z + x), stabilizer.run(p, z) + x, rtol=0, atol=5e-3)


def gated():
    p = params(points=8)
    return p._replace(face=jnp.float32(1.0), noise=p.noise / 2000, prior=p.prior / 2000, gate=GATE, basis=jnp.eye(16))


def test_a_point_thrown_far_out_does_not_carry_the_landmark_away():
    clean = walk(60, points=8)
    z = clean.copy()
    z[20, 3] += 400
    z[30:33, 5] -= np.array([[500, 20], [300, 400], [-200, 700]])
    free = stabilizer.run(gated()._replace(gate=None), jnp.asarray(z))
    held = stabilizer.run(gated(), jnp.asarray(z))
    reference = stabilizer.run(gated(), jnp.asarray(clean))
    assert jnp.abs(free - reference).max() > 100
    assert jnp.abs(held - reference).max() < 15


def test_a_lasting_jump_is_followed_after_a_few_frames():
    z = walk(60, points=8)
    z[30:, 2] += 60  # more than half a face (RMS distance about 55), and inside its reach
    x = np.asarray(stabilizer.run(gated(), jnp.asarray(z)))
    assert np.abs(x[33, 2] - z[33, 2]).max() > 40
    assert np.abs(x[40:, 2] - z[40:, 2]).max() < 10


def test_a_cut_starts_anew_but_for_the_point_that_is_thrown_at_that_moment():
    z = walk(60, points=8)
    z[30:] += 300
    expected = z.copy()
    z[30, 4] += 2000
    x = np.asarray(stabilizer.run(gated(), jnp.asarray(z)))
    others = [0, 1, 2, 3, 5, 6, 7]
    np.testing.assert_allclose(x[30, others], z[30, others], atol=1e-2)
    assert np.abs(x[30:, 4] - expected[30:, 4]).max() < 30


def test_a_point_that_starts_outside_comes_back_at_once():
    z = walk(60, points=8)
    z[0, 6] += 3000
    x = np.asarray(stabilizer.run(gated(), jnp.asarray(z)))
    assert np.abs(x[2:, 6] - z[2:, 6]).max() < 15


# Gradients


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
@pytest.mark.parametrize("extension", ["none", "motion"])
def test_gradients(covariance, extension):
    z = walk(7, points=2)
    z[3, 1] = np.nan
    z[5] = np.nan
    with jax.enable_x64(True):
        p = params(points=2, dtype=np.float64)
        if extension == "motion":
            p = p._replace(motion=jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), MOTION))
        free, track = stabilizer.unconstrain(p), jnp.asarray(z, jnp.float64)

        def total(free):
            x = stabilizer.run(stabilizer.constrain(free, p), track, covariance=covariance)
            return jnp.sum(jnp.sin(x / 5))

        check_grads(total, (free,), order=1, modes=["fwd", "rev"], atol=1e-5, rtol=1e-5)


@partial(jax.jit, static_argnums=3)
@jax.grad
def _gradient(free, fixed, z, covariance):
    x = stabilizer.run(stabilizer.constrain(free, fixed), z, covariance=covariance)
    return jnp.sum(jnp.where(jnp.isfinite(x), x, 0))


AWKWARD = [(case, "diagonal") for case in ("rest", "one frame", "all missing", "thrown", "wide")]


@pytest.mark.parametrize(("case", "covariance"), [*AWKWARD, ("rest", "full")])
def test_gradient_is_finite_at_awkward_points(case, covariance):
    z = {
        "rest": np.ones((6, 8, 2), np.float32),
        "one frame": np.concatenate([walk(1, points=8), np.full((5, 8, 2), np.nan, np.float32)]),
        "all missing": np.full((6, 8, 2), np.nan, np.float32),
        "thrown": np.concatenate([walk(3, points=8), 1e6 * walk(3, points=8)]),
        "wide": walk(6, points=8) * np.linspace(1, 1000, 6, dtype=np.float32)[:, None, None],
    }[case]
    p = gated()._replace(motion=MOTION)
    gradient = _gradient(stabilizer.unconstrain(p), p, jnp.asarray(z), covariance)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


# Bad input


def test_bad_input():
    p = params()
    with pytest.raises(InputError, match="track: empty"):
        stabilizer.run(p, jnp.zeros((0, 3, 2)))
    with pytest.raises(InputError, match="4 points of 2 dimensions, expected 6 coordinates"):
        stabilizer.run(p, jnp.zeros((5, 4, 2)))
    with pytest.raises(InputError, match="6 directions, expected a multiple of the 4"):
        stabilizer.init_state(p, dims=4)
    with pytest.raises(InputError, match="with a gate"):
        stabilizer.run_complete(p._replace(gate=GATE), jnp.zeros((5, 3, 2)))
