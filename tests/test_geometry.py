"""Affine maps between grids: half pixels, round trips, mirrors, gradients, precision."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from fhr_jax import geometry
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7, FACE68, unknown

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))


def points(seed=0, shape=(9, 2)):
    return jnp.asarray(np.random.default_rng(seed).uniform(0, 250, size=shape), jnp.float32)


def some_map(angle=0.3, scale=1.7, shift=(11.0, -4.0)):
    return geometry.similarity(200, angle=angle, scale=scale, shift=shift)


def test_apply_is_the_matrix_times_the_point_plus_the_shift():
    affine = np.array([[1.2, -0.3, 5.0], [0.4, 0.9, -7.0]], np.float32)
    cloud = np.asarray(points())
    expected = [[a * x + b * y + c for a, b, c in affine] for x, y in cloud]
    np.testing.assert_allclose(geometry.apply(jnp.asarray(affine), jnp.asarray(cloud)), expected, rtol=1e-5)


def test_leading_axes_are_carried_through():
    cloud = points(shape=(2, 3, 5, 2))
    mapped = geometry.apply(some_map(), cloud)
    np.testing.assert_allclose(mapped[1, 2], geometry.apply(some_map(), cloud[1, 2]), rtol=1e-6)
    flipped = geometry.mirror(points(shape=(2, 3, 7, 2)), width=250, markup=FACE7)
    assert flipped.shape == (2, 3, 7, 2)


def test_compose_applies_first_then_second():
    first, second = some_map(), geometry.resize((100, 80), (37, 53))
    both = geometry.apply(geometry.compose(second, first), points())
    np.testing.assert_allclose(both, geometry.apply(second, geometry.apply(first, points())), rtol=1e-4, atol=1e-3)


@given(angle=st.floats(-3.2, 3.2), scale=st.floats(0.2, 5), dx=st.floats(-100, 100))
def test_invert_undoes(angle, scale, dx):
    affine = some_map(angle, scale, (dx, 3.0))
    back = geometry.apply(geometry.invert(affine), geometry.apply(affine, points()))
    np.testing.assert_allclose(back, points(), atol=2e-3)
    identity = geometry.compose(geometry.invert(affine), affine)
    np.testing.assert_allclose(identity, [[1, 0, 0], [0, 1, 0]], atol=2e-3)


@given(source=SIZES, target=SIZES)
def test_resize_maps_corner_to_corner_with_half_pixels(source, target):
    (h, w), (new_h, new_w) = source, target
    corners = jnp.array([[-0.5, -0.5], [w - 0.5, h - 0.5], [(w - 1) / 2, (h - 1) / 2]])
    expected = [[-0.5, -0.5], [new_w - 0.5, new_h - 0.5], [(new_w - 1) / 2, (new_h - 1) / 2]]
    np.testing.assert_allclose(geometry.apply(geometry.resize(source, target), corners), expected, atol=1e-3)


def test_resize_is_the_rule_of_the_conventions():
    affine = geometry.resize((256, 256), (128, 64))
    x, y = geometry.apply(affine, jnp.array([[100.25, 31.5]]))[0]
    assert x == pytest.approx((100.25 + 0.5) * 64 / 256 - 0.5)
    assert y == pytest.approx((31.5 + 0.5) * 128 / 256 - 0.5)


@pytest.mark.parametrize("grids", [((256, 256), (64, 64)), ((90, 70), (128, 33))])
def test_resizing_and_mirroring_commute(grids):
    source, target = grids
    cloud = points(shape=(68, 2))
    one = geometry.apply(geometry.resize(source, target), geometry.mirror(cloud, width=source[1], markup=FACE68))
    other = geometry.mirror(geometry.apply(geometry.resize(source, target), cloud), width=target[1], markup=FACE68)
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_square_crop_maps_the_square_onto_the_crop():
    centre, side, size = jnp.array([310.5, 207.25]), jnp.float32(173.0), 256
    affine = geometry.square_crop(centre, side, size)
    corners = jnp.stack([centre - side / 2, centre, centre + side / 2])
    middle = (size - 1) / 2
    expected = [[-0.5, -0.5], [middle, middle], [size - 0.5, size - 0.5]]
    np.testing.assert_allclose(geometry.apply(affine, corners), expected, atol=1e-3)


def test_similarity_keeps_the_centre_turns_from_x_to_y_and_scales():
    centre = jnp.full((1, 2), (200 - 1) / 2)
    np.testing.assert_allclose(geometry.apply(some_map(shift=(0.0, 0.0)), centre), centre, atol=1e-4)
    quarter = geometry.similarity(200, angle=np.pi / 2)
    np.testing.assert_allclose(
        geometry.apply(quarter, centre + jnp.array([[10.0, 0]])), centre + jnp.array([[0, 10.0]]), atol=1e-4
    )
    moved = geometry.apply(some_map(), points())
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(moved, axis=0), axis=-1),
        1.7 * np.linalg.norm(np.diff(points(), axis=0), axis=-1),
        rtol=1e-4,
    )


def test_landmark_square_is_the_box_and_its_longer_side():
    cloud = jnp.array([[10.0, 20.0], [50.0, 30.0], [30.0, 90.0]])
    centre, side = geometry.landmark_square(cloud, scale=1.3)
    np.testing.assert_allclose(centre, [30, 55])
    assert side == pytest.approx(1.3 * 70)


def test_mirroring_twice_is_nothing_and_once_swaps_the_sides():
    cloud = points(shape=(68, 2))
    once = geometry.mirror(cloud, width=256, markup=FACE68)
    np.testing.assert_allclose(geometry.mirror(once, width=256, markup=FACE68), cloud, atol=1e-4)
    assert float(once[36, 0]) == pytest.approx(255 - float(cloud[45, 0]), abs=1e-4)
    assert once[36, 1] == cloud[45, 1]


def test_gradients():
    with jax.enable_x64(True):
        cloud, affine = jnp.asarray(points(), jnp.float64), some_map().astype(jnp.float64)
        turn = jnp.array([1.3, 0.4], jnp.float64)

        def check(function, argument):
            check_grads(lambda a: function(jnp.asarray(a)), (argument,), order=1, modes=("rev",), rtol=1e-4, atol=1e-4)

        check(lambda p: geometry.apply(affine, p), cloud)
        check(lambda a: geometry.apply(a, cloud), affine)
        check(lambda a: geometry.compose(a, affine), affine)
        check(geometry.invert, affine)
        check(lambda t: geometry.similarity(4, scale=t[0], angle=t[1]), turn)
        check(lambda c: geometry.square_crop(c, 3.0, 4), turn)
        check(lambda p: geometry.mirror(p, width=9, markup=FACE7), cloud[:7])


@pytest.mark.parametrize(
    "function",
    [
        lambda: geometry.apply(some_map(), points()),
        lambda: geometry.compose(some_map(), some_map()),
        lambda: geometry.invert(some_map()),
        lambda: geometry.similarity(256, scale=jnp.float32(1.1), angle=jnp.float32(0.2)),
    ],
)
def test_products_run_at_highest_precision(function):
    text = str(jax.make_jaxpr(function)())
    assert text.count("dot_general[") == text.count("Precision.HIGHEST, Precision.HIGHEST") > 0


def test_vmap_and_jit_agree_with_single_calls():
    angles = jnp.linspace(-1, 1, 4)
    affines = jnp.stack([geometry.similarity(64, angle=a) for a in angles])
    mapped = jax.jit(jax.vmap(lambda a: geometry.similarity(64, angle=a)))(angles)
    np.testing.assert_allclose(mapped, affines, atol=1e-5)
    clouds = points(shape=(4, 5, 2))
    moved = jax.vmap(geometry.apply)(affines, clouds)
    np.testing.assert_allclose(moved[2], geometry.apply(affines[2], clouds[2]), atol=1e-4)


def test_plain_arithmetic_is_the_rule_of_the_maps():
    cloud = points(shape=(68, 2))
    by_map = geometry.apply(geometry.resize((256, 256), (64, 64)), cloud)
    np.testing.assert_allclose(geometry.resize_points(np.asarray(cloud), 64 / 256), by_map, atol=1e-4)
    fractions = geometry.to_fractions(np.asarray(cloud), 256)
    np.testing.assert_allclose(geometry.from_fractions(fractions, 64), by_map, atol=1e-4)
    centre, side = jnp.array([310.5, 207.25]), jnp.float32(173.0)
    square = geometry.square_crop(centre, side, 256)
    np.testing.assert_allclose(geometry.square_crop_on_host(np.asarray(centre), 173.0, 256), square, rtol=1e-6)
    inside = geometry.points_in_crop(cloud, centre=centre, side=side, size=256)
    np.testing.assert_allclose(inside, geometry.apply(square, cloud), atol=1e-3)


def test_boxes():
    cloud = np.asarray(points(shape=(5, 68, 2)))
    boxes = geometry.box_of(cloud)
    assert boxes.dtype == np.float32
    assert boxes.shape == (5, 4)
    np.testing.assert_allclose(boxes[2], [*cloud[2].min(axis=0), *np.ptp(cloud[2], axis=0)], rtol=1e-6)
    np.testing.assert_array_equal(geometry.box_of(cloud[2]), boxes[2])
    exact = jax.jit(lambda p: geometry.box_of(p, dtype=p.dtype))(jnp.asarray(cloud))
    np.testing.assert_allclose(exact, boxes, rtol=1e-6)


def test_the_square_of_a_box_is_that_of_its_landmarks():
    cloud = points(shape=(68, 2))
    expected = geometry.landmark_square(cloud)
    for kind in (cloud, np.asarray(cloud)):
        centre, side = geometry.square_of_box(geometry.box_of(kind))
        np.testing.assert_allclose(centre, expected[0], rtol=1e-5)
        np.testing.assert_allclose(side, expected[1], rtol=1e-5)


HALF_PIXELS = re.compile(r"\(\w+ - 1\) / 2|\+ 0\.5\) ?[*/][^#\n]*- ?0\.5|\(0\.5 - [^#\n]*\) ?\*[^#\n]*- ?0\.5")
ELSEWHERE = {
    "augment.py": 1,  # the centres of averaged pixels along one axis
    "metrics/delay.py": 1,  # half of the number of frames
    "plots/accuracy.py": 1,  # positions of bars
}
"""Lines that look like the rule, and why they are not, or need the arithmetic in another order."""


def test_half_pixels_and_the_crop_factor_have_one_owner():
    root = Path(geometry.__file__).parent
    for path in sorted([*root.rglob("*.py"), *(root.parent / "experiments").rglob("*.py")]):
        name = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
        if name == "geometry.py":
            continue
        text = path.read_text()
        assert len(HALF_PIXELS.findall(text)) <= ELSEWHERE.get(name, 0), f"{name}: use fhr_jax.geometry"
        assert not re.search(r"CROP_SCALE \*[^\n]*(max|width|height)", text), f"{name}: use geometry.square_of_box"
        assert not re.search(r"^(\w*SCALE|MARGIN) = 1\.3$", text, re.MULTILINE), f"{name}: use geometry.CROP_SCALE"


def test_a_markup_without_pairs_cannot_be_mirrored():
    with pytest.raises(InputError, match="has no flip_pairs"):
        geometry.mirror(jnp.zeros((5, 2)), width=8, markup=unknown(5))
