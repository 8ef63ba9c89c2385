"""All scales on one canvas: they do not overlap, and each is the mean of the one before."""

import jax
import numpy as np
import pytest

from fhr_jax.detector import atlas
from fhr_jax.detector.net import MULTIPLE
from tests.detector.nets import CONFIG

SIZES = [(288, 384), (384, 288), (224, 384), (384, 384), (16, 384), (48, 64)]


def test_there_is_a_scale_for_a_face_as_large_as_the_picture():
    assert [atlas.scales(CONFIG, side) for side in (32, 48, 64, 96, 97, 384)] == [1, 1, 2, 2, 3, 4]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", [1, 2, 4])
def test_scales_do_not_touch_and_lie_on_the_canvas(size, number):
    found = atlas.layout(size, number)
    assert len(found.places) == number
    assert all(length % MULTIPLE == 0 for length in found.size)
    taken = np.zeros(found.size, int)
    for k, (top, left, height, width) in enumerate(found.places):
        assert (height, width) == (size[0] // 2**k, size[1] // 2**k)
        assert top % MULTIPLE == left % MULTIPLE == 0
        assert top + height <= found.size[0]
        assert left + width <= found.size[1]
        grown = np.zeros(found.size, int)
        grown[max(0, top - 8) : top + height + 8, max(0, left - 8) : left + width + 8] = 1
        taken += grown
    assert taken.max() == 1


def test_a_canvas_costs_a_few_more_pixels_than_its_scales():
    height, width = atlas.layout((288, 384), 4).size
    assert (height, width) == (288, 592)


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (48, 80)])
def test_each_scale_is_the_mean_of_the_one_before(size):
    image = np.random.default_rng(0).uniform(size=(*size, 3)).astype(np.float32)
    places = atlas.layout(size, 3)
    canvas = np.asarray(jax.jit(lambda image: atlas.assemble(image, places))(image))
    rest = np.ones(places.size, bool)
    for top, left, height, width in places.places:
        np.testing.assert_allclose(canvas[top : top + height, left : left + width], image, atol=1e-6)
        rest[top : top + height, left : left + width] = False
        blocks = [image[i : 2 * (height // 2) : 2, j : 2 * (width // 2) : 2] for i in (0, 1) for j in (0, 1)]
        image = np.mean(blocks, axis=0)
    assert (canvas[rest] == atlas.GREY).all()


@pytest.mark.parametrize("size", SIZES)
def test_every_cell_knows_its_scale(size):
    places = atlas.layout(size, 4)
    cells = atlas.scale_of_cell(places, 8)
    assert cells.shape == (places.size[0] // 8, places.size[1] // 8)
    for row, column in np.ndindex(*cells.shape):
        pixel = (8 * row, 8 * column)
        corners = [(np.array(place[:2]), np.array(place[2:])) for place in places.places]
        inside = [k for k, (low, size) in enumerate(corners) if (low <= pixel).all() and (pixel < low + size).all()]
        assert cells[row, column] == (inside[0] if inside else -1)
