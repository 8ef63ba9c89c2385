"""The cascades of OpenCV: boxes of landmarks from their squares, sizes of images, and what happens without OpenCV."""

import sys

import numpy as np
import pytest

from fhr_jax.errors import InputError
from fhr_jax.pipeline.cascade import cascade

cv2 = pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


class FakeCascade:
    """Finds the squares of its list, and notes what it was called with."""

    def __init__(self, squares):
        self.squares, self.calls = squares, []

    def detectMultiScale(self, gray, *, minSize, **_):
        self.calls.append((gray.shape, minSize))
        return self.squares


@pytest.fixture
def detector(monkeypatch):
    """Makes a detector whose two cascades find the given squares; returns it and the cascades."""

    def make(*squares):
        fakes = [FakeCascade(np.array(part, np.int32).reshape(-1, 4) if part else ()) for part in squares]
        queue = iter(fakes)
        monkeypatch.setattr(cv2, "CascadeClassifier", lambda _: next(queue))
        return cascade(), fakes

    return make


def image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_a_square_becomes_the_box_from_brows_to_chin(detector):
    detect, _ = detector([(100, 50, 200, 200)], [])
    ((x, y, width, height),), scores = detect(image(300, 400))
    assert scores.tolist() == [1]
    assert width == height == pytest.approx(0.87 * 200)
    assert x + width / 2 == pytest.approx(100 + 200 / 2)
    assert y + height / 2 == pytest.approx(50 + 0.66 * 200)


def test_the_largest_face_comes_first_and_equal_ones_stay_in_order(detector):
    detect, _ = detector([(0, 0, 30, 30), (5, 5, 90, 90), (9, 9, 30, 30), (1, 1, 60, 60)], [])
    boxes, _ = detect(image(200, 200))
    np.testing.assert_allclose(boxes[:, 2] / 0.87, [90, 60, 30, 30])
    assert boxes[2, 0] < boxes[3, 0]


def test_the_second_cascade_is_asked_only_if_the_first_finds_nothing(detector):
    detect, (first, second) = detector([(0, 0, 40, 40)], [(0, 0, 80, 80)])
    np.testing.assert_allclose(detect(image(200, 200)).boxes[:, 2] / 0.87, [40])
    assert not second.calls
    first.squares = ()
    np.testing.assert_allclose(detect(image(200, 200)).boxes[:, 2] / 0.87, [80])
    second.squares = ()
    assert detect(image(200, 200)).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("size", "shrunk", "smallest"),
    [
        ((640, 500), (640, 500), 41),  # a twelfth of the shorter side
        ((1280, 960), (640, 480), 40),
        ((200, 2560), (50, 640), 30),
        ((20, 10), (20, 10), 30),  # smaller than any face
    ],
)
def test_large_images_are_shrunk_and_boxes_are_in_pixels_of_the_image(detector, size, shrunk, smallest):
    detect, (first, _) = detector([(10, 20, 100, 100)], [])
    box, _ = detect(image(*size))
    assert first.calls == [(shrunk, (smallest, smallest))]
    factor = size[0] / shrunk[0]
    np.testing.assert_allclose(box, factor * np.array([[10 + 6.5, 20 + 22.5, 87, 87]]))


def test_the_real_cascades_find_no_face_in_a_plain_image():
    detect = cascade()
    assert detect(np.full((48, 64, 3), 128, np.uint8)).boxes.shape == (0, 4)


@pytest.mark.parametrize("missing", ["cv2", "cv2.data"])
def test_without_opencv_4_the_error_names_what_to_install(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r"needs OpenCV 4: pip install"):
        cascade()


def test_opencv_5_has_no_cascades(monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(InputError, match="needs OpenCV 4"):
        cascade()
