"""Outliers, lasting jumps and cuts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from tests.derivatives import check_gradient
from tests.tracks import extended, in_faces, outliers, params, velocity, walk

POINTS = 8
SIZE = 55.0
"""RMS size in px of the face of `walk(points=8)`, about."""


def detecting(**changes):
    p = in_faces(params(POINTS), SIZE)._replace(basis=np.eye(2 * POINTS, dtype=np.float32), outliers=outliers())
    return p._replace(**changes)


def run(z, p=None):
    return np.asarray(stabilizer.run(detecting() if p is None else p, jnp.asarray(z)))


def frames_away(z, point, start):
    """Number of frames from `start` on in which the output of a point is not near its observation."""
    off = np.linalg.norm(run(z)[start:, point] - z[start:, point], axis=-1)
    return int((off > 15).sum())


def test_an_outlier_does_not_move_its_landmark():
    clean = walk(60, POINTS)
    z = clean.copy()
    z[20, 3] += 400
    z[30:33, 5] -= np.array([[500, 20], [300, 400], [-200, 700]])
    z[40:44, 1] += np.array([[100, 0], [0, 100], [-100, 0], [0, -100]])
    reference = run(clean)
    assert np.abs(run(z, detecting(outliers=None)) - reference).max() > 100
    assert np.abs(run(z) - reference).max() < 10


def test_outliers_in_another_place_each_time_are_never_followed():
    """The variance grows for the place where the point was rejected; an outlier elsewhere is not accepted sooner."""
    clean = walk(60, POINTS)
    z = clean.copy()
    z[20:32, 3] += np.where(np.arange(12) % 2, 150, -150)[:, None]
    assert np.abs(run(z) - run(clean)).max() < 10


@jax.jit
def _detect_twice(first, second):
    """One step of the detection in each of two frames, of a face at rest whose points are observed there."""
    face = jnp.asarray(walk(1, POINTS)[0])
    state, ones = outlier_detection.init_state(POINTS, 2, jnp.float32(0)), jnp.ones(POINTS)
    for z in (first, second):
        state, found = outlier_detection.detect(
            outliers(), state, z, face, weight=ones, seen=ones > 0, variance=0.001 * ones, scale=jnp.float32(SIZE)
        )
    return state, found


def test_an_outlier_in_another_place_restarts_the_growth_of_the_variance():
    """The same place twice: factor 4, then 16. Another place: 4 again, so that no place profits by the others."""
    face = walk(1, POINTS)[0]
    away, elsewhere = face.copy(), face.copy()
    away[3] -= 60
    elsewhere[3, 0] -= 130
    growth = outlier_detection.VARIANCE_GROWTH
    for second, factor in ((away, growth**2), (elsewhere, growth), (face, 1.0)):
        state, found = _detect_twice(away, second)
        expected = np.ones(POINTS)
        expected[3] = factor
        np.testing.assert_array_equal(state.variance_factor, expected)
        assert not found.cut
        assert not found.reacquired.any()


@pytest.mark.parametrize("extension", [{}, {"velocity": velocity()}])
def test_a_lasting_jump_is_followed_the_later_the_longer_it_is(extension):
    found = []
    for distance in (40, 80, 120):
        z = walk(60, POINTS)
        z[30:, 2, 0] += distance
        x = run(z, detecting(**extension))
        off = np.linalg.norm(x[30:, 2] - z[30:, 2], axis=-1)
        found.append(int((off > 15).sum()))
        assert off[found[-1] :].max() < 15  # once there it stays
        others = [k for k in range(POINTS) if k != 2]
        assert np.abs(x - z)[:, others].max() < 10
    assert 1 <= found[0] < found[1] < found[2] <= 8, found


def test_a_point_far_from_the_face_is_never_accepted():
    z = walk(60, POINTS)
    z[30:, 2, 0] += 300
    moved = z.copy()
    moved[30:, 2, 0] -= 300
    assert np.abs(run(z) - moved).max() < 10


def test_after_a_cut_every_point_starts_where_it_is_but_for_an_outlier():
    z = walk(60, POINTS)
    z[30:] = 100 + 1.5 * (z[30:] - 100) + 300
    expected = z.copy()
    z[30, 4] += 2000
    x = run(z)
    others = [k for k in range(POINTS) if k != 4]
    np.testing.assert_allclose(x[30, others], z[30, others], atol=1e-2)
    assert np.abs(x[30:, 4] - expected[30:, 4]).max() < 30
    # The output after the cut does not depend on where the face was before.
    before = z.copy()
    before[:30] = walk(30, POINTS, seed=0) + 1000
    np.testing.assert_allclose(run(before)[30:, others], x[30:, others], atol=2)


def test_a_missing_point_moves_with_the_cut():
    z = walk(60, POINTS)
    z[30:] += 300
    expected = z.copy()
    z[30:33, 5] = np.nan
    assert np.abs(run(z)[30:, 5] - expected[30:, 5]).max() < 15


def test_a_frame_of_scattered_points_is_no_cut():
    z = walk(60, POINTS)
    clean = z.copy()
    z[30] = np.random.default_rng(0).uniform(-400, 600, (POINTS, 2))
    x = run(z)
    # It hardly counts, and its effect is gone soon.
    assert np.abs(x[30] - clean[30]).max() < 0.25 * np.abs(z[30] - clean[30]).max()
    assert np.abs(x[36:] - clean[36:]).max() < 10


def test_a_fast_face_is_no_cut_and_has_no_outliers():
    """A sixth of a face size a frame, with growth and rotation: the common motion does not count against a point."""
    frames = np.arange(40)[:, None, None]
    turn = np.exp(1j * 0.03 * np.arange(40))[:, None]
    face = walk(1, POINTS)[0] - 100
    turned = (face[:, 0] + 1j * face[:, 1])[None] * turn
    z = (np.stack([turned.real, turned.imag], axis=-1) * 1.01**frames + 6 * frames).astype(np.float32)
    state, p = stabilizer.init_state(detecting()), detecting()
    step = jax.jit(stabilizer.step)
    for frame in jnp.asarray(z):
        state, _ = step(p, state, frame)
        assert (np.asarray(state.outliers.variance_factor) == 1).all()
    assert state.filter.weight > 1.5  # gamma / (1 - gamma) = 2.3: the past is there


def test_a_point_whose_first_observation_is_an_outlier_is_reacquired():
    z = walk(60, POINTS)
    z[0, 6] += 1000
    x = run(z)
    assert np.abs(x[8:, 6] - z[8:, 6]).max() < 15


def test_a_point_is_reacquired_after_a_jump_and_after_the_jump_back():
    z = walk(60, POINTS)
    z[20:40, 2] += 60
    x = run(z)
    assert np.abs(x[30:40, 2] - z[30:40, 2]).max() < 15
    assert np.abs(x[46:, 2] - z[46:, 2]).max() < 15
    assert frames_away(z[:40], 2, 20) <= 4


def test_a_blink_is_kept():
    """A tenth of a face size in two frames: as without outlier detection, to 2 % of the blink."""
    z = walk(60, POINTS, noise=0.0)
    blink = np.interp(np.arange(60), [28, 30, 31, 34], [0, 1, 1, 0])[:, None] * np.array([0.0, 0.1 * SIZE])
    z[:, 1] += blink.astype(np.float32)
    z[:, 2] += blink.astype(np.float32)
    assert np.abs(run(z) - run(z, detecting(outliers=None))).max() < 0.02 * 0.1 * SIZE


def test_huge_log_odds_are_no_outlier_detection():
    z = walk(60, POINTS)
    z[20, 3] += 50
    z[30:] += 300
    z[40, 2] = np.nan
    lenient = detecting(outliers=stabilizer.Outliers(jnp.float32(1e9), jnp.float32(0.2)))
    np.testing.assert_allclose(run(z, lenient), run(z, detecting(outliers=None)), rtol=0, atol=2e-3)


def test_the_inlier_probability_grows_with_scale_and_log_odds():
    state = outlier_detection.init_state(POINTS, 2, jnp.float32(0))
    points = jnp.asarray(walk(1, POINTS)[0])
    z = np.array(points)
    z[0, 0] += 0.7 * SIZE

    @jax.jit
    def detect(log_odds, scale):
        t = stabilizer.Outliers(log_odds, scale)
        ones = jnp.ones(POINTS)
        return outlier_detection.detect(
            t, state, jnp.asarray(z), points, weight=ones, seen=ones > 0, variance=0.001 * ones, scale=jnp.float32(SIZE)
        )[1]

    by_log_odds = [float(detect(o, 0.2).inlier_probability[0]) for o in (1.0, 3.0, 5.0, 9.0)]
    by_scale = [float(detect(4.5, r).inlier_probability[0]) for r in (0.05, 0.1, 0.2, 0.4)]
    assert (np.diff(by_log_odds) > 0).all()
    assert (np.diff(by_scale) > 0).all()
    # And by the equation. The common motion is that of the other points, which is almost zero.
    found = detect(4.5, 0.2)
    assert np.linalg.norm(found.common_motion[1:], axis=-1).max() < 0.05 * SIZE
    r, s = np.linalg.norm(z - points - found.common_motion, axis=-1) / SIZE, 0.001 + 0.2**2
    np.testing.assert_allclose(found.inlier_probability, 1 / (1 + np.exp(-(4.5 - r**2 / (2 * s)))), rtol=1e-4)


def test_gradients_by_log_odds_and_scale():
    with jax.enable_x64(True):
        p = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), detecting(velocity=velocity()))
        z = np.array(walk(8, POINTS), np.float64)
        z[3, 2] += 0.6 * SIZE  # between inlier and outlier
        z[5, 4] = np.nan

        def total(log_odds, scale):
            x = stabilizer.run(p._replace(outliers=stabilizer.Outliers(log_odds, scale)), jnp.asarray(z))
            return jnp.sum(jnp.sin(x / 5))

        values = (jnp.asarray(4.5), jnp.asarray(0.2))
        gradient = check_gradient(total, values, atol=1e-5, rtol=1e-5)
        assert all(abs(g) > 1e-3 for g in gradient)


def test_without_face_units_the_scale_is_in_pixels():
    z = walk(60, POINTS)
    z[20, 3] += 400
    z[30:, 2] += 90
    off = z[0] - z[0].mean(axis=0)
    size = float(np.sqrt((off**2).sum(axis=-1).mean()))
    pixels = params(POINTS)._replace(basis=np.eye(2 * POINTS, dtype=np.float32), outliers=outliers(scale=0.2 * size))
    faces = in_faces(pixels, size)._replace(outliers=outliers())
    np.testing.assert_allclose(run(z, pixels), run(z, faces), rtol=0, atol=5e-3)


@pytest.mark.parametrize("covariance", ["windowed", "full"])
def test_with_every_covariance(covariance):
    z = walk(40, 3)
    clean = z.copy()
    z[20, 1] += 500
    z[30:] += 400
    x = np.asarray(stabilizer.run(extended("all"), jnp.asarray(z), covariance=covariance))
    assert np.abs(x[:30] - clean[:30]).max() < 20
    np.testing.assert_allclose(x[30], z[30], atol=1e-2)
