"""MotionParts of the motion of a face: they add up, and each kind of motion ends in its own part."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.data.faces import anatomy
from fhr_jax.stabilizer.smoothing import bands

FACE = np.asarray(anatomy.MEAN, np.float32)[:68, :2] * 70 + 128
SIZE = np.float32(np.sqrt(((FACE - FACE.mean(axis=0)) ** 2).sum(axis=1).mean()))


@jax.jit
def _split(moved, points, weight, size):
    regions = bands.regions(points, weight, size)
    parts = bands.split(moved, points, weight, regions)
    return parts, bands.interpolate(parts.regions, regions)


def _lengths(moved, weight=None):
    weight = jnp.ones(68) if weight is None else weight
    parts, spread = _split(jnp.asarray(moved[None], jnp.float32), jnp.asarray(FACE), weight, jnp.asarray(SIZE))
    total = parts.face + spread + parts.points
    np.testing.assert_allclose(total[0], moved, atol=1e-4)
    return [float(jnp.abs(part).max()) for part in (parts.face, spread, parts.points)]


def test_motion_of_the_head_is_motion_of_the_face():
    shift = np.broadcast_to([5.0, -3.0], FACE.shape)
    turned = (FACE - 100) @ np.array([[0.1, 0.3], [-0.3, 0.1]])
    for moved in (shift, turned):
        face, regions, points = _lengths(moved)
        assert face > 4.9
        assert max(regions, points) < 1e-3


def test_motion_of_a_region_and_of_a_point():
    jaw = np.zeros_like(FACE)
    jaw[5:12, 1] = 6
    face, regions, points = _lengths(jaw)
    assert regions > 2 * face
    single = np.zeros_like(FACE)
    single[30] = 6
    face, regions, points = _lengths(single)
    assert points > 3
    assert face < 0.5


def test_points_without_weight_do_not_count():
    moved = np.random.default_rng(0).normal(size=FACE.shape)
    weight = jnp.ones(68).at[jnp.arange(10, 20)].set(0)
    found = []
    for change in (0.0, 40.0):
        other = moved.copy()
        other[10:20] += change
        parts, _ = _split(jnp.asarray(other[None], jnp.float32), jnp.asarray(FACE), weight, jnp.asarray(SIZE))
        found.append(parts)
    np.testing.assert_allclose(found[0].face, found[1].face, atol=1e-5)
    np.testing.assert_allclose(found[0].regions, found[1].regions, atol=1e-4)


@pytest.mark.parametrize("points", [1, 2, 5])
def test_few_points_and_points_in_one_place_are_finite(points):
    moved = jnp.ones((1, points, 2))
    for weight in (jnp.ones(points), jnp.zeros(points)):
        parts, spread = _split(moved, jnp.zeros((points, 2)), weight, jnp.zeros(()))
        assert all(np.isfinite(value).all() for value in (*parts, spread))
        np.testing.assert_allclose(parts.face + spread + parts.points, moved, atol=1e-6)
