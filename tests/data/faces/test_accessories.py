"""Glasses and occluders, painted on a small canvas around a mean head; shapes against distances pixel by pixel."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.data import faces
from fhr_jax.data.faces import accessories, anatomy
from fhr_jax.data.faces.paint import Canvas
from fhr_jax.data.faces.shape import Projection

SIDE = 48
HAND, BAR, BALL = 0.0, 1.0, 2.0

alpha = jax.jit(accessories.occluder_alpha)
colour = jax.jit(accessories.occluder_colour)
paint = jax.jit(accessories.glasses)


@pytest.fixture(scope="module")
def empty():
    """A face whose numbers are all 0."""
    shapes = jax.eval_shape(faces.sample, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


@pytest.fixture(scope="module")
def canvas():
    """Head units from -1.2 to 1.2 along both axes."""
    line = np.linspace(-1.2, 1.2, SIDE)
    x, y = np.meshgrid(line, line)
    return Canvas(*(jnp.asarray(a, jnp.float32) for a in (x, y, line[1] - line[0])))


@pytest.fixture(scope="module")
def seen():
    """The mean head from the front, without perspective."""
    points = jnp.asarray(anatomy.MEAN, jnp.float32)
    return Projection(
        points[:68, :2], points[:68, 2], points[68:, :2], jnp.zeros((9, 2)), jnp.eye(3), jnp.asarray(45.0, jnp.float32)
    )


def numbers(**values):
    return {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}


def with_occluder(face, **changes):
    values = {"amount": 1, "kind": BAR, "centre": (0.1, -0.2), "angle": 0.7, "width": 0.11, "colour": (0.6, 0.4, 0.2)}
    occluder = face.appearance.occluder._replace(**numbers(**(values | changes)))
    return face._replace(appearance=face.appearance._replace(occluder=occluder))


def with_glasses(face, **changes):
    values = {
        "amount": 1,
        "radius": (0.24, 0.18),
        "power": 2,
        "rim": 0.03,
        "colour": (0.9, 0.1, 0.2),
        "tint": 0,
        "glare": 0,
        "drop": 0,
    }
    glasses = face.appearance.glasses._replace(**numbers(**(values | changes)))
    return face._replace(appearance=face.appearance._replace(glasses=glasses))


def distance(kind, x, y, *, centre=(0.1, -0.2), angle=0.7, width=0.11):
    """Signed distance of a pixel to the occluder, which reaches to its centre from the direction `angle`."""
    x, y = x - centre[0], y - centre[1]
    along, across = math.cos(angle) * x + math.sin(angle) * y, math.cos(angle) * y - math.sin(angle) * x
    if kind == BAR:
        return max(abs(across) - 2.5 * width, -along)
    if kind == BALL:
        return math.hypot(along - 6 * width, 0.8 * across) - 6 * width
    tips = (-0.02, 0.06, 0.05, -0.06)  # how far each finger reaches beyond the centre
    return min(
        math.hypot(across - (k - 1.5) * 2.05 * width, max(0.02 - along - tip, 0)) - width for k, tip in enumerate(tips)
    )


@pytest.mark.parametrize("kind", [HAND, BAR, BALL])
def test_the_coverage_of_an_occluder_falls_from_1_to_0_across_its_edge(empty, canvas, kind):
    x, y, pixel = (np.asarray(part, np.float64) for part in canvas)
    theirs = [distance(kind, *at) for at in zip(x.flat, y.flat, strict=True)]
    expected = np.clip(0.5 - np.reshape(theirs, x.shape) / (1.5 * pixel), 0, 1)
    assert 0.05 < expected.mean() < 0.7
    found = np.asarray(alpha(canvas, with_occluder(empty, kind=kind)))
    np.testing.assert_allclose(found, expected, atol=2e-4)
    half = alpha(canvas, with_occluder(empty, kind=kind, amount=0.5))
    np.testing.assert_allclose(half, found / 2, atol=1e-6)
    assert not np.asarray(alpha(canvas, with_occluder(empty, kind=kind, amount=0))).any()


def test_an_occluder_turns_with_its_angle(empty, canvas):
    """A quarter turn of the canvas about the centre is a quarter turn of the angle."""
    for kind in (HAND, BAR, BALL):
        one = alpha(canvas, with_occluder(empty, kind=kind, centre=(0, 0), angle=0.3))
        other = alpha(canvas, with_occluder(empty, kind=kind, centre=(0, 0), angle=0.3 + math.pi / 2))
        np.testing.assert_allclose(other, np.rot90(one, -1), atol=1e-4)


def test_a_bar_is_plain_a_ball_is_shaded_and_fingers_have_dark_lines_between_them(empty, canvas):
    own = np.array([0.6, 0.4, 0.2])[:, None, None]
    x, y = np.asarray(canvas.x), np.asarray(canvas.y)
    upright = {"centre": (0, 0), "angle": math.pi / 2}  # along is y, across is -x
    bar, ball, hand = (np.asarray(colour(canvas, with_occluder(empty, kind=k, **upright))) for k in (BAR, BALL, HAND))
    np.testing.assert_allclose(bar, np.broadcast_to(own, bar.shape), atol=1e-6)
    np.testing.assert_allclose(ball, own * (0.75 + 0.4 * np.clip(y / 0.66, 0, 1))[None], atol=1e-5)
    period = 2.05 * 0.11
    for column in range(SIDE):
        to_line = abs(-x[0, column] / period - round(-x[0, column] / period))  # 0 between fingers, 1/2 in the middle
        shade = 1.05 - 0.45 * (1 - 4 * to_line**2) ** 2
        np.testing.assert_allclose(hand[:, :, column], np.broadcast_to(own[..., 0] * shade, (3, SIDE)), atol=1e-4)


GREY = jnp.full((3, SIDE, SIDE), 0.5)


def at(canvas, image, point):
    """Colour of the pixel nearest to a point."""
    column, row = (int(np.abs(np.asarray(canvas.x)[0] - value).argmin()) for value in point)
    return np.asarray(image)[:, row, column]


def test_without_glasses_nothing_is_painted(empty, canvas, seen):
    np.testing.assert_array_equal(paint(GREY, canvas, with_glasses(empty, amount=0, tint=1, glare=1), seen), GREY)


def test_the_rim_surrounds_each_eye_and_the_lens_is_clear(empty, canvas, seen):
    points = np.asarray(seen.points)
    image = paint(GREY, canvas, with_glasses(empty), seen)
    forward = np.asarray(seen.rotation)[:2, 2] * 0.12
    for corners in ((36, 39), (42, 45)):
        middle = points[list(corners)].mean(axis=0) + forward
        np.testing.assert_allclose(at(canvas, image, middle), 0.5, atol=1e-6)
        for step in ((0.24, 0), (-0.24, 0), (0, 0.18), (0, -0.18)):
            assert np.abs(at(canvas, image, middle + step) - [0.9, 0.1, 0.2]).max() < 0.25
        for step in ((0, 0.3), (0, -0.3)):
            np.testing.assert_allclose(at(canvas, image, middle + step), 0.5, atol=1e-6)
    bridge = points[[39, 42]].mean(axis=0) + forward - np.array([0, 0.02])
    assert np.abs(at(canvas, image, bridge) - [0.9, 0.1, 0.2]).max() < 0.25


def test_tint_is_the_opacity_of_the_lenses_and_drop_moves_them_down(empty, canvas, seen):
    middle = np.asarray(seen.points)[[36, 39]].mean(axis=0)
    for tint in (0.3, 1.0):
        image = paint(GREY, canvas, with_glasses(empty, tint=tint), seen)
        expected = 0.5 + tint * (0.3 * np.array([0.9, 0.1, 0.2]) - 0.5)  # the lens has 0.3 of the rim's colour
        np.testing.assert_allclose(at(canvas, image, middle), expected, atol=1e-5)
    step = float(canvas.pixel)
    straight, low = (
        np.asarray(paint(GREY, canvas, with_glasses(empty, drop=drop, tint=1, rim=0.0), seen)) for drop in (0, 4 * step)
    )
    rows, columns = slice(None, SIDE - 4), np.abs(np.asarray(canvas.x)[0]) < 0.7  # the temples stay at the ears
    moved = np.abs(low[:, 4:, columns] - straight[:, rows, columns]).max(axis=0)
    assert (moved < 1e-4).mean() > 0.95


def test_the_glare_brightens_only_the_lenses(empty, canvas, seen):
    plain, bright = (np.asarray(paint(GREY, canvas, with_glasses(empty, glare=glare), seen)) for glare in (0, 1))
    brighter = bright > plain + 0.02
    assert brighter.any()
    assert (bright >= plain - 1e-6).all()
    eyes = float(np.asarray(seen.points)[36:48, 1].mean())
    assert not brighter[:, np.abs(np.asarray(canvas.y) - eyes) > 0.25].any()
