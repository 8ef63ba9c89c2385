"""Who a face is: position, size, shape and look, each against numbers that can be worked out by hand."""

import numpy as np
import pytest

from fhr_jax.pipeline import identity
from fhr_jax.pipeline.crop_region import CropRegion

RNG = np.random.default_rng(3)
POINTS = RNG.uniform(40, 80, (68, 2))
REGION = CropRegion(np.array([60.0, 60.0]), 50.0)
LOOK = RNG.uniform(0.3, 0.6, (8, 8, 3)).astype(np.float32)


def known(**changes):
    return identity.begin(POINTS, REGION, LOOK)._replace(**changes)


def test_a_face_fits_itself_at_no_cost():
    np.testing.assert_allclose(identity.differences(known(), POINTS, REGION, LOOK, elapsed=1.0), 0, atol=1e-10)


def test_shape_knows_neither_place_nor_size():
    np.testing.assert_allclose(identity.shape_of(3 * POINTS + 7), identity.shape_of(POINTS), rtol=1e-9)
    shape = identity.shape_of(POINTS)
    assert np.sqrt((shape**2).sum(axis=1).mean()) == pytest.approx(1)
    assert np.isfinite(identity.shape_of(np.full((5, 2), 3.0))).all()


def test_each_part_counts_in_its_own_unit():
    elapsed = 5.0
    moved = CropRegion(REGION.centre + np.array([10.0, 0]), 50.0)
    larger = CropRegion(REGION.centre, 60.0)
    sigma = identity.POSITION_SIGMA + elapsed * identity.POSITION_GROWTH
    parts = identity.differences(known(), POINTS, moved, LOOK, elapsed=elapsed)
    np.testing.assert_allclose(parts, [0.5 * (0.2 / sigma) ** 2, 0, 0, 0], atol=1e-9)
    sigma = identity.SIZE_SIGMA + elapsed * identity.SIZE_GROWTH
    parts = identity.differences(known(), POINTS, larger, LOOK, elapsed=elapsed)
    np.testing.assert_allclose(parts, [0, 0.5 * (np.log(1.2) / sigma) ** 2, 0, 0], atol=1e-9)
    parts = identity.differences(known(), POINTS, REGION, LOOK + np.float32(0.06), elapsed=elapsed)
    np.testing.assert_allclose(parts, [0, 0, 0, 0.5 * (0.06 / identity.LOOK_SIGMA) ** 2], rtol=1e-4, atol=1e-9)


def test_a_hidden_part_of_the_face_hardly_counts():
    look = LOOK.copy()
    look[:3] = 0
    shape = identity.shape_of(POINTS)
    assert identity.differences(known(), POINTS, REGION, look, elapsed=1.0)[3] == 0
    moved = shape.copy()
    moved[:20] += 0.5
    known_shape = known(shape=moved)
    assert identity.differences(known_shape, POINTS, REGION, LOOK, elapsed=1.0)[2] == pytest.approx(0, abs=1e-9)
    moved[20:50] += 0.5
    known_shape = known(shape=moved)
    assert identity.differences(known_shape, POINTS, REGION, LOOK, elapsed=1.0)[2] > 1


def test_a_face_at_the_edge_is_compared_where_it_can_be_seen():
    image = RNG.integers(60, 200, (40, 60, 3)).astype(np.uint8)
    outside = identity.look_of(image, CropRegion(np.array([2.0, 20.0]), 24.0))
    assert np.isnan(outside[:, :3]).all()
    assert np.isfinite(outside[:, 5:]).all()
    parts = identity.differences(known(look=outside), POINTS, REGION, outside, elapsed=1.0)
    assert parts[3] == 0
    nowhere = np.full_like(outside, np.nan)
    assert identity.differences(known(look=nowhere), POINTS, REGION, LOOK, elapsed=1.0)[3] == 0


def test_the_velocity_follows_and_a_lost_face_slows_down():
    who = known()
    for t in range(1, 12):
        region = CropRegion(REGION.centre + np.array([4.0 * t, 0]), 50.0)
        who = identity.update(who, POINTS, region, LOOK, elapsed=1.0)
    np.testing.assert_allclose(who.velocity, [4, 0], atol=1e-6)
    assert identity.expected_region(who, elapsed=1.0).centre[0] == pytest.approx(who.region.centre[0] + 3.84, abs=0.01)
    far = identity.expected_region(who, elapsed=1e3).centre[0] - who.region.centre[0]
    assert far == pytest.approx(4 * identity.COASTING)
    stabilized = CropRegion(np.array([1.0, 2.0]), 50.0)
    assert identity.next_region(known(), stabilized) is stabilized
    np.testing.assert_allclose(identity.next_region(who, stabilized).centre, who.region.centre + who.velocity)


def test_what_hides_a_face_does_not_change_its_look():
    dark = LOOK.copy()
    dark[4:] = 0.95
    who = known()
    for _ in range(40):
        who = identity.update(who, POINTS, REGION, dark, elapsed=1.0)
    np.testing.assert_allclose(who.look, LOOK, atol=1e-6)
    for _ in range(200):
        who = identity.update(who, POINTS, REGION, LOOK + np.float32(0.1), elapsed=1.0)
    np.testing.assert_allclose(who.look, LOOK + 0.1, atol=1e-3)
    assert identity.update(who, POINTS + 9, REGION, None, elapsed=1.0).look is who.look
