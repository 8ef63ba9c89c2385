"""The size of the face over a track, against plain loops in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.stabilizer import size_tracking
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from fhr_jax.stabilizer.filter import step_cleaned
from tests.derivatives import check_gradient
from tests.oracles import broken_frames as oracle
from tests.tracks import extended, outliers, walk

POINTS, FAR = 9, 6.0

check = jax.jit(size_tracking.check, static_argnames="far")


def frames():
    """Faces, collapsed and scattered frames, single points, other sizes."""
    rng = np.random.default_rng(0)
    face = walk(1, POINTS)[0]
    for kind in rng.permutation(np.repeat(np.arange(9), 12)):
        z = face + rng.normal(size=face.shape)
        present = np.ones(POINTS, bool)
        if kind == 1:
            z[:] = rng.choice([0.0, -1.0, 77.0])
        elif kind == 2:
            z = rng.uniform(0, 2000, z.shape)
        elif kind == 3:
            present = rng.uniform(size=POINTS) < 0.2
        elif kind == 4:
            z[rng.permutation(POINTS)[:2]] += 900
        elif kind in (5, 6):
            z = z.mean(axis=0) + 10.0 ** rng.uniform(-2, 2) * (z - z.mean(axis=0))
        elif kind == 8:  # as large as the face, and of another shape
            z = z[rng.permutation(POINTS)] + rng.normal(0, 20, size=z.shape)
        yield z.astype(np.float32), present


@pytest.mark.parametrize("far", [None, FAR])
def test_every_decision_is_that_of_plain_loops(far):
    rng = np.random.default_rng(1)
    starts = broken = 0
    for z, present in frames():
        size = rng.choice([0.0, 30.0, 60.0])
        state = (size, float(rng.integers(0, 4)) if size else 0.0, float(rng.integers(0, 3)) if size else 0.0)
        expected = walk(1, POINTS)[0]
        seen = (rng.uniform(size=POINTS) < 0.9) if size else np.zeros(POINTS, bool)
        seen[0] |= size > 0
        ours = size_tracking.SizeState(*(jnp.float32(value) for value in state))
        after, found = check(ours, jnp.where(present[:, None], z, 0), expected, present=present, seen=seen, far=far)
        theirs, start, placed, kept = oracle.size_check(state, z, expected, present, seen, far)
        np.testing.assert_allclose(after, theirs, rtol=1e-5)
        assert bool(found.start) == start
        np.testing.assert_array_equal(found.present, kept)
        np.testing.assert_allclose(np.asarray(found.z)[present], placed[present], rtol=1e-5, atol=1e-4)
        starts, broken = starts + start, broken + (not kept.any())
    assert starts > 10
    assert broken > 10


@jax.jit
def _detect(z, predicted, variance):
    ones = jnp.ones(len(z))
    state = outlier_detection.init_state(len(z), 2, jnp.float32(0))
    parameters = outliers()._replace(jump=jnp.float32(3.0))
    given = {"weight": ones, "seen": ones > 0, "variance": variance, "scale": jnp.float32(55.0)}
    return outlier_detection.detect(parameters, state, z, predicted, **given)[1]


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0, 5.0, 8.0, 60.0])
def test_the_jump_is_that_of_its_equation(distance):
    face, rng = walk(1, POINTS)[0], np.random.default_rng(2)
    variance = rng.uniform(0.5, 2, POINTS).astype(np.float32) / 1000
    z = (face + np.array([distance, 0]) + 0.3 * rng.normal(size=face.shape)).astype(np.float32)
    found = _detect(z, face, variance)
    expected = oracle.jump(
        np.asarray(found.common_motion, np.float64), True, np.asarray(found.inlier_probability), 3.0, variance * 55.0**2
    )
    np.testing.assert_allclose(found.jump, expected, rtol=1e-4, atol=1e-5)
    # No jump where many points do not move along.
    z[:4] += np.array([0, 200])
    assert _detect(z, face, variance).jump == 0


def test_gradients_where_points_lie_in_one_place_at_the_limit_or_jump():
    with jax.enable_x64(True):
        p = extended("all", 6)
        p = p._replace(outliers=outliers()._replace(jump=jnp.float32(3.0)))
        p = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), p)
        z = np.array(walk(10, 6), np.float64)
        z[0, 2] += 3000  # too far in the first frame
        z[3] = 0  # collapsed
        z[5:] += [[4.0, 2.0]]  # half of it jumps
        z[7, 4] += 500  # beyond the limit

        def total(track):
            return jnp.sum(jnp.sin(stabilizer.run(p, track) / 5))

        (gradient,) = check_gradient(total, (jnp.asarray(z),), atol=1e-5, rtol=1e-5)
        assert np.isfinite(gradient).all()
        assert np.abs(gradient[0, 2]).max() > 0 or np.abs(gradient[5]).max() > 0
        # One place, which has no size and no direction.
        place = jnp.full((6, 2), 40.0)
        everywhere = jnp.ones(6, bool)
        assert np.isfinite(jax.grad(lambda z: size_tracking.rms_distance(z, everywhere))(place)).all()
        near = jax.grad(
            lambda z: size_tracking.around_the_median(z, everywhere, limit=FAR, wanted=everywhere[0])[0].sum()
        )(place)
        assert np.isfinite(near).all()


def test_step_cleaned_says_what_the_filter_used():
    p = extended("all", 8)
    p = p._replace(outliers=outliers()._replace(jump=jnp.float32(3.0)))
    z = walk(12, 8)
    z[0, 7] = np.nan
    z[4, 3] += 80  # an outlier
    z[6] = 0  # collapsed
    z[8, 1] = np.nan
    reset = np.arange(12) == 10
    run = stabilizer.run(p, z, reset=reset)

    def body(state, frame):
        return step_cleaned(p, state, frame[0], reset=frame[1])

    cleaned = jax.jit(lambda z, reset: jax.lax.scan(body, stabilizer.init_state(p), (z, reset))[1])(z, reset)
    np.testing.assert_allclose(cleaned.output, run, rtol=1e-5)
    restart = np.zeros((12, 8), bool)
    restart[0, :7] = restart[1, 7] = restart[10] = True
    np.testing.assert_array_equal(cleaned.restart, restart)
    weight = np.asarray(cleaned.weight)
    assert (weight[6] == 0).all()
    assert weight[8, 1] == weight[0, 7] == 0
    assert weight[4, 3] < 0.1
    assert (weight[[0, 5, 9]][:, :7] > 0.8).all()
    np.testing.assert_array_equal(cleaned.seen, np.arange(12)[:, None] >= [0] * 7 + [1])
    sizes = [np.sqrt(((f - f.mean(axis=0)) ** 2).sum(axis=-1).mean()) for f in np.asarray(run)[1:]]
    np.testing.assert_allclose(np.asarray(cleaned.size)[1:], sizes, rtol=0.1)
    np.testing.assert_array_equal(cleaned.dt, 1)
    assert np.abs(np.asarray(cleaned.z)[5] - z[5]).max() == 0
