"""Missing points and frames, confidence, uneven time steps and reset."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from tests.oracles import stabilizer as oracle
from tests.tracks import COVARIANCES, as_dict, extended, params, walk

last = jax.jit(stabilizer.step)


@jax.jit
def after(p, frames):
    """The state after some frames."""
    state = stabilizer.init_state(p, dims=frames.shape[-1])
    return jax.lax.scan(lambda s, z: stabilizer.step(p, s, z), state, jnp.asarray(frames))[0]


# Long gaps

SMALL = stabilizer.default_params(5)
BEFORE, AFTER = walk(24, points=5), walk(24, seed=3, points=5) + 30


def with_gap(missing, *, dt=1.0):
    """Two walks with missing frames in between, the last step of the gap `dt` long."""
    z = np.concatenate([BEFORE, np.full((missing, 5, 2), np.nan, np.float32), AFTER])
    steps = np.ones(len(z), np.float32)
    steps[24 + missing] = dt
    return z, steps


@pytest.mark.parametrize(("missing", "dt"), [(30, 1.0), (45, 1.0), (0, 30.5), (0, 1e3), (0, 1e6), (12, 1e5)])
@pytest.mark.parametrize("extension", ["none", "all"])
def test_after_a_long_gap_the_face_starts_anew(missing, dt, extension):
    z, steps = with_gap(missing, dt=dt)
    p = extended(extension)
    found = np.asarray(stabilizer.run(p, z[:, :3], dt=steps))
    np.testing.assert_allclose(found[24 + missing :], stabilizer.run(p, AFTER[:, :3]), atol=1e-3)
    assert np.isnan(found[24:][30:missing]).all()
    assert np.isfinite(found[24:][: min(missing, 30 if missing > 12 else 11)]).all()


def test_look_ahead_does_not_cross_a_long_gap():
    z, steps = with_gap(0, dt=1e6)
    for lag in (None, 2):
        found = stabilizer.smooth(SMALL, z, dt=steps, lag=lag)
        parts = [np.asarray(stabilizer.smooth(SMALL, part, lag=lag)) for part in (BEFORE, AFTER)]
        np.testing.assert_allclose(found, np.concatenate(parts), atol=1e-4)


@pytest.mark.parametrize(("missing", "dt"), [(29, 1.0), (0, 30.0)])
def test_after_a_shorter_gap_it_goes_on(missing, dt):
    z, steps = with_gap(missing, dt=dt)
    p = extended("all")
    found = np.asarray(stabilizer.run(p, z[:, :3], dt=steps))
    assert np.isfinite(found).all()
    assert np.abs(found[24 + missing :] - stabilizer.run(p, AFTER[:, :3])).max() > 0.1


def test_in_a_long_gap_nothing_is_known_and_steps_say_the_same():
    z, steps = with_gap(45)
    expected = np.asarray(stabilizer.run(SMALL, z))
    assert np.isfinite(expected[:54]).all()
    assert np.isnan(expected[54:69]).all()
    state, later = stabilizer.init_state(SMALL), stabilizer.init_lagged(SMALL, lag=2)
    step, lagged = jax.jit(stabilizer.step), jax.jit(stabilizer.step_lagged)
    found, smoothed = [], []
    for frame, dt in zip(np.concatenate([z, z[24:26]]), np.append(steps, steps[:2]), strict=True):
        state, x = step(SMALL, state, frame, dt=dt)
        later, y = lagged(SMALL, later, frame, dt=dt)
        found.append(x)
        smoothed.append(y)
    np.testing.assert_allclose(found[:-2], expected, atol=1e-4)
    np.testing.assert_allclose(smoothed[2:], stabilizer.smooth(SMALL, z, lag=2), atol=1e-3)


@pytest.mark.parametrize("extension", ["none", "all"])
def test_a_long_gap_is_that_of_the_equations(extension):
    z = walk(24)
    times = np.cumsum(np.where(np.arange(24) == 12, 40.0, 1.0))
    p = extended(extension)
    whole = stabilizer.run(p, jnp.asarray(z), dt=jnp.asarray(np.diff(times, prepend=0), jnp.float32))
    halves = [np.asarray(stabilizer.run(p, jnp.asarray(half))) for half in (z[:12], z[12:])]
    np.testing.assert_allclose(whole, np.concatenate(halves), atol=1e-4)


def test_gradients_across_a_long_gap_are_those_of_a_reset():
    @jax.jit
    @partial(jax.grad, argnums=(0, 1, 2))
    def gradients(z, dt, noise, reset):
        return (stabilizer.smooth(SMALL._replace(noise=noise), z, dt=dt, reset=reset) ** 2).mean()

    z, dt, never = jnp.asarray(np.concatenate([BEFORE, AFTER])), jnp.ones(48), jnp.zeros(48, bool)
    across = gradients(z, dt.at[24].set(1e6), SMALL.noise, never)
    expected = gradients(z, dt, SMALL.noise, never.at[24].set(True))
    assert float(across[1][24]) == 0  # however long the gap
    for value, other in zip(across, (expected[0], expected[1].at[24].set(0), expected[2]), strict=True):
        np.testing.assert_allclose(value, other, atol=1e-3 * float(jnp.abs(other).max()))
        assert float(jnp.abs(value).max()) > 0


# Frames


@pytest.mark.parametrize("gap", [1, 4])
def test_the_prior_variances_grow_with_the_number_of_missing_frames(gap):
    z, p = walk(30), params(components=2)
    z[10 : 10 + gap] = np.nan
    ours = np.asarray(stabilizer.run(p, jnp.asarray(z)))
    assert np.isfinite(ours).all()
    assert np.ptp(ours[10 : 10 + gap], axis=0).max() < 1e-4  # no motion model: the prediction stays

    # The frame after the gap, by hand: the same past, but older, and gap + 1 times the components' own variance.
    past = ours[:10].reshape(10, -1).astype(np.float64)
    v = np.asarray(p.basis, np.float64)
    mean, covariance = oracle.history(list(past), float(p.gamma))
    covariance = (v * np.diag(v.T @ covariance @ v)) @ v.T
    wide = as_dict(p) | {"prior": as_dict(p)["prior"] * (gap + 1)}
    weights, means, _ = oracle.posterior(z[10 + gap].reshape(-1), mean, covariance, wide)
    np.testing.assert_allclose(ours[10 + gap].reshape(-1), weights @ means, rtol=0, atol=1e-3)
    narrow, means, _ = oracle.posterior(z[10 + gap].reshape(-1), mean, covariance, as_dict(p))
    assert np.abs(ours[10 + gap].reshape(-1) - narrow @ means).max() > 0.01


@pytest.mark.parametrize("extension", ["none", "all"])
def test_mask_nan_and_zero_confidence_are_equivalent(extension):
    z, p = walk(), extended(extension)
    mask = np.ones((60, 3), bool)
    mask[:2, 1] = mask[15, 1] = mask[30:33, 0] = mask[40] = False
    holes = jnp.asarray(np.where(mask[..., None], z, np.nan))
    masked = stabilizer.run(p, jnp.asarray(z), mask=jnp.asarray(mask))
    # Two programs may differ in rounding.
    np.testing.assert_allclose(masked, stabilizer.run(p, holes), rtol=1e-6)
    confidence = jnp.asarray(mask, jnp.float32)
    np.testing.assert_allclose(masked, stabilizer.run(p, jnp.asarray(z), confidence=confidence), rtol=1e-6)
    # The values of masked points do not matter.
    changed = jnp.where(jnp.asarray(mask)[..., None], jnp.asarray(z), 1e6)
    np.testing.assert_array_equal(masked, stabilizer.run(p, changed, mask=jnp.asarray(mask)))
    whole = mask.all(axis=1)
    np.testing.assert_allclose(
        stabilizer.run(p, jnp.asarray(z), mask=jnp.asarray(whole)),
        stabilizer.run(p, jnp.asarray(np.where(whole[:, None, None], z, np.nan))),
        rtol=1e-6,
    )


def test_a_missing_point_moves_with_the_others():
    """While it is missing, it shifts, grows and rotates with the other points."""
    p = stabilizer.default_params(8)._replace(outliers=None)
    rng = np.random.default_rng(0)
    face = rng.normal(size=(8, 2)) * 40
    angle, size = 0.004 * np.arange(60), 1 + 0.003 * np.arange(60)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
    clean = 200 + size[:, None, None] * (face @ turn.transpose(0, 2, 1)) + np.arange(60)[:, None, None]
    z = clean.astype(np.float32)
    z[20:, 3] = np.nan
    x = np.asarray(stabilizer.run(p, jnp.asarray(z)))
    lag = np.abs(x[50:] - clean[50:])
    assert lag[:, 3].max() < lag[:, [0, 1, 2, 4, 5, 6, 7]].max() + 3
    assert np.abs(clean[50:, 3] - clean[19, 3]).max() > 25


@pytest.mark.parametrize(("covariance", "extension"), [("diagonal", "none"), *((c, "all") for c in COVARIANCES)])
def test_leading_gaps_stay_nan_point_by_point(covariance, extension):
    z = walk()
    z[:4] = np.nan
    z[:9, 2] = np.nan
    z[50:] = np.nan
    x = np.asarray(stabilizer.run(extended(extension), jnp.asarray(z), covariance=covariance))
    assert np.isnan(x[:4]).all()
    assert np.isnan(x[4:9, 2]).all()
    assert np.isfinite(x[4:, :2]).all()
    assert np.isfinite(x[9:]).all()
    np.testing.assert_allclose(x[4, :2], z[4, :2], atol=1e-3)
    np.testing.assert_allclose(x[9, 2], z[9, 2], atol=4)  # its neighbours may pull at it through the basis


@pytest.mark.parametrize("extension", ["none", "all"])
def test_all_missing(extension):
    assert jnp.isnan(stabilizer.run(extended(extension), jnp.full((5, 3, 2), jnp.nan))).all()


# Confidence


@given(c=st.floats(0.02, 1.0))
def test_confidence_divides_the_noise_variance(c):
    """Exactly so for one component, equal variances and the identity basis; with one point, or with several."""
    for points in (1, 4):
        size = 2 * points
        z = walk(12, points)
        noise, prior = np.full(size, 2.0, np.float32), np.full((1, size), 3.0, np.float32)
        p = params(points, components=1)._replace(
            basis=np.eye(size, dtype=np.float32), noise=noise, prior=prior, beta=np.ones(1, np.float32)
        )
        sure = np.ones((12, points), np.float32)
        sure[11] = c
        ours = stabilizer.run(p, z, confidence=sure)
        noisier = p._replace(noise=noise / np.float32(c))
        # The same past, and for the last frame the model with that much more noise.
        _, theirs = last(noisier, after(p, z[:11]), z[11])
        np.testing.assert_allclose(ours[11], theirs, rtol=0, atol=1e-3)


@pytest.mark.parametrize("extension", ["none", "recurrent"])
def test_with_more_confidence_a_point_is_nearer_to_its_observation(extension):
    p = extended(extension)._replace(basis=jnp.eye(6))
    z = walk(5)
    z[4, 0] += 6
    state = after(p, z[:4])

    @jax.jit
    def distance(c):
        x = stabilizer.step(p, state, jnp.asarray(z[4]), confidence=jnp.stack([c, 1.0, 1.0]))[1]
        return jnp.linalg.norm(x[0] - z[4, 0])

    found = np.array([distance(jnp.float32(c)) for c in (0.0, 0.1, 0.3, 0.6, 1.0)])
    assert (np.diff(found) < 0).all(), found


def test_confidence_is_clipped_to_its_range_and_nan_is_missing():
    p, z = params(), walk(5)
    state = after(p, z[:4])
    clipped, plain = (
        last(p, state, z[4], confidence=np.asarray(c, np.float32))[1] for c in ([2.0, -1.0, np.nan], [1.0, 0.0, 0.0])
    )
    np.testing.assert_array_equal(clipped, plain)


# Time


def test_the_history_fades_more_over_a_longer_step():
    p, z = params(), walk(6)
    state = after(p, z[:5])
    weights = [float(last(p, state, z[5], dt=np.float32(dt))[0].filter.weight) for dt in (1.0, 2.0)]
    np.testing.assert_allclose(weights[1], 0.7 * (1 + float(state.filter.weight) * 0.7), rtol=1e-5)
    assert weights[1] < weights[0]


@pytest.mark.parametrize("extension", ["none", "responsibilities"])
def test_a_missing_frame_and_an_observed_one_are_one_step_of_twice_the_time(extension):
    p, z = extended(extension), walk(6)
    state = after(p, z[:5])
    skipped, _ = last(p, state, np.full((3, 2), np.nan, np.float32))
    np.testing.assert_allclose(last(p, skipped, z[5])[1], last(p, state, z[5], dt=np.float32(2.0))[1], rtol=1e-6)


def test_a_ramp_at_uneven_times_is_followed_without_lag():
    rng = np.random.default_rng(0)
    dt = rng.uniform(0.3, 3.0, 80).astype(np.float32)
    place = np.cumsum(dt)[:, None, None] * np.array([2.0, -1.0], np.float32) + walk(1)[:1]
    steady = stabilizer.Velocity(jnp.full(2, 0.5), jnp.ones(2), jnp.ones(2))
    p = params()._replace(velocity=steady)
    x = stabilizer.run(p, jnp.asarray(place), dt=jnp.asarray(dt))
    assert np.abs(x - place)[40:].max() < 0.01
    even = stabilizer.run(p, jnp.asarray(place))
    assert np.abs(even - place)[40:].max() > 0.3


@pytest.mark.parametrize("extension", ["none", "all"])
def test_reset_forgets_the_past(extension):
    z, p = np.concatenate([walk(20), 3 * walk(20, seed=5)]), extended(extension)
    reset = jnp.arange(40) == 20
    x = stabilizer.run(p, jnp.asarray(z), reset=reset)
    np.testing.assert_allclose(x[20:], stabilizer.run(p, jnp.asarray(z[20:])), rtol=1e-5)
    np.testing.assert_allclose(x[:20], stabilizer.run(p, jnp.asarray(z[:20])), rtol=1e-5)
    # A reset in a frame without observations forgets the past too; the next observation is the first.
    z[20:22] = np.nan
    x = np.asarray(stabilizer.run(p, jnp.asarray(z), reset=reset))
    assert np.isnan(x[20:22]).all()
    np.testing.assert_allclose(x[22], z[22], rtol=1e-5)


@pytest.mark.parametrize("dt", [np.nan, np.inf, -1.0, 1e30])
def test_an_invalid_dt_does_not_spoil_later_frames(dt):
    track = walk()
    times = np.ones(len(track), np.float32)
    times[10] = dt
    out = stabilizer.run(params(), jnp.asarray(track), dt=jnp.asarray(times))
    assert np.isfinite(out).all()
    assert np.abs(np.asarray(out) - track)[12:].max() < 20


@pytest.mark.parametrize("value", [np.inf, 1e20, -1e30])
def test_a_point_whose_square_overflows_is_missing(value):
    track = walk()
    missing = track.copy()
    missing[20, 1] = np.nan
    track[20, 1, 0] = value
    one, two = (stabilizer.run(params(), jnp.asarray(z)) for z in (track, missing))
    np.testing.assert_array_equal(one, two)


def test_one_confidence_for_all_points_of_a_frame():
    track = jnp.asarray(walk())
    sure = jnp.linspace(0.1, 1, len(track))
    each = jnp.broadcast_to(sure[:, None], track.shape[:2])
    one, two = (stabilizer.run(params(), track, confidence=c) for c in (sure, each))
    np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("name", ["mask", "confidence"])
def test_a_mask_of_other_points_is_refused(name):
    track = walk()
    with pytest.raises((InputError, TypeCheckError)):
        stabilizer.run(params(), jnp.asarray(track), **{name: jnp.ones((len(track), 2), bool)})
