"""YuNet through OpenCV, whose network is a stand-in here: sizes, order and boxes; files that are none."""

import numpy as np
import pytest

from fhr_jax import geometry, npz
from fhr_jax.detector.suppression import overlaps
from fhr_jax.errors import InputError
from fhr_jax.pipeline.yunet import landmark_boxes, yunet

cv2 = pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')

FIVE = np.array([[40.0, 50], [60, 50], [50, 60], [42, 70], [58, 70]])


class FakeNetwork:
    """Finds two faces, the second more likely, and notes what it was called with."""

    def __init__(self):
        self.sizes, self.pixels = [], []

    def setInputSize(self, size):
        self.sizes.append(size)

    def detect(self, picture):
        self.pixels.append(picture[0, 0].tolist())
        if not picture.any():
            return 1, None
        rows = [[0, 0, 9, 9, *(FIVE + shift).ravel(), score] for shift, score in ((0, 0.7), (30, 0.9))]
        return 1, np.array(rows, np.float32)


@pytest.fixture
def network(monkeypatch, tmp_path):
    fake = FakeNetwork()
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: fake)
    (tmp_path / "yunet.onnx").write_bytes(b"x")
    return fake, yunet(tmp_path / "yunet.onnx")


def test_the_highest_score_comes_first_and_boxes_are_in_pixels_of_the_image(network):
    fake, detect = network
    image = np.zeros((300, 1280, 3), np.uint8)
    image[..., 0] = 200
    found = detect(image)
    assert fake.sizes == [(640, 150)]
    assert fake.pixels[-1] == [0, 0, 200]  # OpenCV takes blue first
    np.testing.assert_allclose(found.scores, [0.9, 0.7], rtol=1e-6)
    np.testing.assert_allclose(found.boxes, landmark_boxes(np.stack([2 * (FIVE + 30), 2 * FIVE])))
    assert detect(0 * image).boxes.shape == (0, 4)


def test_the_box_of_five_points_turns_and_grows_with_them():
    ((x, y, width, height),) = landmark_boxes(FIVE[None])
    assert (x + width / 2, y + height / 2) == pytest.approx((50, 60 + 0.15 * 20))
    assert (width, height) == pytest.approx((2.16 * 20, 2.09 * 20))
    upside_down = 100 - FIVE
    np.testing.assert_allclose(landmark_boxes(upside_down[None])[0, 1] + height / 2, 40 - 0.15 * 20)
    np.testing.assert_allclose(landmark_boxes(3 * FIVE[None]), 3 * landmark_boxes(FIVE[None]))
    assert np.isfinite(landmark_boxes(np.zeros((1, 5, 2)))).all()


def test_boxes_of_five_points_overlap_those_of_the_landmarks(real_data):
    shapes = npz.read(real_data / "300w_shapes" / "train_3148.npz")["points"].astype(np.float64)
    eyes = [shapes[:, start : start + 6].mean(axis=1) for start in (36, 42)]
    boxes = landmark_boxes(np.stack([*eyes, shapes[:, 30], shapes[:, 48], shapes[:, 54]], axis=1))
    truth = geometry.box_of(shapes, dtype=np.float64)
    shares = np.array([overlaps(a[None], b[None])[0, 0] for a, b in zip(boxes, truth, strict=True)])
    assert shares.min() > 0.5
    assert np.median(shares) > 0.83


def test_a_file_that_is_no_network_is_named(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"bad.onnx: OpenCV .* cannot run it as YuNet"):
        yunet(tmp_path / "bad.onnx")
