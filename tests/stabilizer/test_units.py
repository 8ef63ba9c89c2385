"""Scale and position of a track, and the face size: one for all uses."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhr_jax import stabilizer
from fhr_jax.stabilizer import units
from tests.tracks import extended, walk

SCALE, PLACE = st.floats(0.05, 30), st.floats(-2000, 2000)

run = stabilizer.run


@cache
def default_output(points, dims):
    """Of `track_with_gaps`."""
    return np.asarray(run(stabilizer.default_params(points, dims), track_with_gaps(points, dims)))


def track_with_gaps(points, dims):
    z = walk(60, points, dims)
    z[8, 1] = z[12] = np.nan
    z[16, 2] += 700
    z[20:] += 500
    return z


@pytest.mark.parametrize(("points", "dims"), [(68, 2), (5, 2), (478, 2), (68, 3), (5, 3)])
@settings(max_examples=6)
@given(scale=SCALE, x=PLACE, y=PLACE)
def test_default_params_are_equivariant(points, dims, scale, x, y):
    p, z = stabilizer.default_params(points, dims), track_with_gaps(points, dims)
    b = np.array([x, y, x - y][:dims], np.float32)
    moved = np.asarray(run(p, (scale * z + b).astype(np.float32)))
    expected = scale * default_output(points, dims) + b
    # A float32 coordinate of 2000 px has steps of 1e-4 px.
    np.testing.assert_allclose(moved, expected, rtol=0, atol=2e-3 * scale + 3e-6 * (abs(x) + abs(y)) + 1e-3)
    assert np.isfinite(moved).all()


@pytest.mark.parametrize("extension", ["groups", "all"])
@settings(max_examples=6)
@given(scale=SCALE, x=PLACE, y=PLACE)
def test_every_extension_is_equivariant_in_face_units(extension, scale, x, y):
    p, z, b = extended(extension), track_with_gaps(3, 2), np.array([x, y], np.float32)
    moved = run(p, jnp.asarray(scale * z + b, jnp.float32))
    expected = scale * np.asarray(run(p, jnp.asarray(z))) + b
    np.testing.assert_allclose(moved, expected, rtol=0, atol=5e-3 * scale + 1e-5 * (abs(x) + abs(y)) + 1e-3)


@settings(max_examples=10)
@given(x=PLACE, y=PLACE)
def test_the_paper_s_initial_params_are_equivariant_to_shifts_only(x, y):
    p, z, b = stabilizer.init_params(1.0, jnp.eye(6)), jnp.asarray(walk()), jnp.array([[[x, y]]], jnp.float32)
    plain = run(p, z)
    np.testing.assert_allclose(run(p, z + b), plain + b, rtol=0, atol=5e-3)
    # At ten times the size, the same noise variance is relatively smaller, so the output is nearer to the track.
    assert jnp.abs(run(p, 10 * z) - 10 * z).mean() < 0.5 * 10 * jnp.abs(plain - z).mean()


def test_the_scale_is_the_face_size_of_the_first_frame_with_a_point():
    z = walk(10, 4)
    z[:3] = np.nan
    z[3, 1] = np.nan
    p = extended("none", 4)
    state, step = stabilizer.init_state(p), jax.jit(stabilizer.step)
    for frame in z:
        state, _ = step(p, state, frame)
    seen = z[3, [0, 2, 3]]
    size = np.sqrt(((seen - seen.mean(axis=0)) ** 2).sum(axis=-1).mean())
    np.testing.assert_allclose(state.scale, size, rtol=1e-5)


def test_default_params_suit_any_number_of_points():
    """The second difference is smaller for all of them."""
    for points, dims in [(68, 2), (5, 2), (68, 3), (2, 2), (478, 2)]:
        rng = np.random.default_rng(0)
        place, noise = 100 * rng.normal(size=(1, points, dims)), rng.normal(size=(60, points, dims))
        z = (place + noise).astype(np.float32)
        x = run(stabilizer.default_params(points, dims), z)
        assert np.abs(np.diff(x, 2, axis=0))[10:].mean() < 0.9 * np.abs(np.diff(z, 2, axis=0))[10:].mean()


def test_parameters_in_the_units_of_a_track_are_the_same_filter():
    """With the face size of the first frame; both reject an outlier."""
    track = walk(60, 5)
    track[20, 3] += 300
    params = stabilizer.default_params(5)
    off = track[0] - track[0].mean(axis=0)
    size = float(np.sqrt((off**2).sum(axis=-1).mean()))
    fixed = stabilizer.in_track_units(params, size)
    assert fixed.face_size is None
    np.testing.assert_allclose(stabilizer.run(fixed, track), stabilizer.run(params, track), atol=2e-3)
    assert stabilizer.in_track_units(fixed, 7.0) is fixed


def test_face_units_and_track_units_undo_each_other():
    params = extended("outliers")._replace(face_size=None)
    faces = stabilizer.in_face_units(params, size=40.0)
    assert (faces.face_size, faces.outliers.scale) == (1, params.outliers.scale / 40)
    back = stabilizer.in_track_units(faces, 40.0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), back, params)


def test_the_face_size_is_one_in_all_its_forms():
    """RMS distance to the centroid: of one frame, of the first frame of a track, and the median over a track."""
    track = walk(9, 5)
    size = [np.sqrt(((z - z.mean(axis=0)) ** 2).sum(axis=-1).mean()) for z in track]
    present = jnp.ones(5, bool)
    np.testing.assert_allclose(jax.jit(units.face_size)(track[0], present), size[0], rtol=1e-5)
    np.testing.assert_allclose(units.median_face_size(track), np.median(size), rtol=1e-5)
    distances = np.linalg.norm(track - track.mean(axis=1, keepdims=True), axis=-1)
    np.testing.assert_allclose(units.median_distance(track), np.median(distances), rtol=0.02)
    late = track.copy()
    late[:3] = np.nan
    late[3, 1] = np.nan
    seen = late[3, [0, 2, 3, 4]]
    expected = np.sqrt(((seen - seen.mean(axis=0)) ** 2).sum(axis=-1).mean())
    np.testing.assert_allclose(jax.jit(units.first_face_size)(late), expected, rtol=1e-5)
    np.testing.assert_allclose(units.median_face_size(late), np.median(size[4:]), rtol=1e-5)
    # Unknown sizes.
    assert units.face_size(jnp.ones((5, 2)), present) == units.face_size(jnp.ones((5, 2)), ~present) == 1
    assert units.median_face_size(late[:3]) == units.median_face_size(np.ones((4, 5, 2))) == units.FACE_SIZE
