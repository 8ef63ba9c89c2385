"""The canvas: sizes, the half-pixel rule, and boxes there and back."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import geometry
from fhr_jax.detector import letterbox

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


@pytest.mark.parametrize(
    ("size", "inner", "canvas"),
    [
        ((480, 640), (288, 384), (288, 384)),
        ((640, 480), (384, 288), (384, 288)),
        ((100, 100), (384, 384), (384, 384)),
        ((1080, 1920), (216, 384), (224, 384)),
        ((1, 4000), (1, 384), (16, 384)),
    ],
)
def test_sizes(size, inner, canvas):
    assert letterbox.canvas_size(size, 384) == (inner, canvas)
    boxed = letterbox.letterbox(np.full((*size, 3), 40, np.uint8), side=384)
    assert boxed.canvas.shape == (*canvas, 3)
    assert (boxed.canvas[: inner[0], : inner[1]] == 40).all()
    assert (boxed.canvas[inner[0] :] == letterbox.GREY).all()
    assert (boxed.canvas[:, inner[1] :] == letterbox.GREY).all()


@pytest.mark.parametrize("size", [(480, 640), (333, 977), (50, 40)])
def test_boxes_there_and_back(size):
    boxed = letterbox.letterbox(np.zeros((*size, 3), np.uint8), side=96)
    boxes = np.random.default_rng(0).uniform(1, 40, (20, 4))
    there = boxed.to_canvas(boxes)
    np.testing.assert_allclose(boxed.to_image(there), boxes)
    inner, _ = letterbox.canvas_size(size, 96)
    corners = geometry.apply(geometry.resize(size, inner), jnp.asarray(boxes[:, :2], jnp.float32))
    np.testing.assert_allclose(there[:, :2], corners, atol=1e-4)


@pytest.mark.parametrize("side", [100, 300])
def test_a_spot_lies_where_the_map_says(side):
    image = np.zeros((300, 400, 3), np.uint8)
    image[100:110, 200:220] = 255
    boxed = letterbox.letterbox(image, side=side)
    bright = boxed.canvas[: round(0.75 * side), :side, 0]
    y, x = (np.average(np.arange(len(line)), weights=line) for line in (bright.sum(axis=1), bright.sum(axis=0)))
    box = boxed.to_canvas(np.array([[200.0, 100, 19, 9]]))[0]
    np.testing.assert_allclose([x, y], box[:2] + box[2:] / 2, atol=0.1)
