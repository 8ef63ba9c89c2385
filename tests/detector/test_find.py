"""Finding faces at all scales, with a stand-in for the net that finds bright squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.detector import DetectorNet, find, find_faces, init
from tests.detector.nets import CONFIG

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


class BrightSquares:
    """Finds squares of eight pixels: a bright cell between dark ones."""

    def __init__(self, config):
        pass

    def apply(self, variables, images):
        b, h, w, _ = images.shape
        cells = images.mean(axis=-1).reshape(b, h // 8, 8, w // 8, 8).mean(axis=(2, 4))
        padded = jnp.pad(cells, ((0, 0), (1, 1), (1, 1)))
        around = sum(padded[:, i : i + h // 8, j : j + w // 8] for i, j in ((0, 1), (2, 1), (1, 0), (1, 2))) / 4
        logits = 12 * (cells - around) - 6
        return jnp.stack([logits, *[jnp.full_like(logits, jnp.log(8 / 24))] * 2], axis=-1)


@pytest.fixture
def net(monkeypatch):
    monkeypatch.setattr(find, "CentreNet", BrightSquares)
    find._candidates.clear_cache()
    yield DetectorNet(CONFIG, {})
    find._candidates.clear_cache()


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_squares_of_every_size_are_found_in_pixels_of_the_picture(net, factor):
    size = 8 * factor
    image = np.zeros((192, 256, 3), np.uint8)
    image[64 : 64 + size, 96 : 96 + size] = 255
    found = find_faces(net, image, side=256)
    x, y, width, height = found.boxes[0]
    assert found.scores[0] == found.scores.max() > 0.9
    assert (x + width / 2, y + height / 2) == pytest.approx((95.5 + size / 2, 63.5 + size / 2), abs=1e-3)
    assert width == height == pytest.approx(size)


def test_sizes_follow_the_picture_and_the_threshold_cuts(net):
    image = np.zeros((384, 512, 3), np.uint8)
    image[128:144, 192:208] = 255
    found = find_faces(net, image, side=256)
    assert found.boxes[0, 2:] == pytest.approx([16, 16])
    assert len(find_faces(net, image, side=256, threshold=1.0).boxes) == 0
    assert find_faces(net, 0 * image).boxes.shape == (0, 4)


def test_a_random_net_gives_boxes_and_pictures_of_odd_sizes_too():
    net = DetectorNet(CONFIG, init(jax.random.key(0), CONFIG))
    for size in ((37, 53), (64, 11)):
        found = find_faces(net, np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8), threshold=0.0)
        assert len(found.boxes) == len(found.scores) > 0
        assert (np.diff(found.scores) <= 0).all()
