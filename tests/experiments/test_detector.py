"""The comparison of face detectors on a few drawn pictures, with stand-ins for detectors and landmarks."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from fhr_jax.data.io import pts, video
from fhr_jax.detector import Detections
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


@pytest.fixture(scope="module")
def module():
    return load("detector")


@pytest.fixture
def data(tmp_path):
    """A photograph, two faces to paste and a clip; a face is a white square that its landmarks fill."""
    for folder in ("images", "real_faces/one", "real_faces/two"):
        (tmp_path / folder).mkdir(parents=True)
        image = np.zeros((100, 100, 3), np.uint8)
        image[30:71, 30:71] = 255
        Image.fromarray(image).save(tmp_path / folder / "a.png")
        points = np.random.default_rng(0).uniform(30, 70, (68, 2))
        points[:2] = [[30, 30], [70, 70]]
        pts.write(tmp_path / folder / "a.pts", points)
    (tmp_path / "videos").mkdir()
    (tmp_path / "detector_tracks").mkdir()
    track = np.random.default_rng(0).uniform(30, 70, (12, 68, 2))
    track[:, :2] = [[30, 30], [70, 70]]
    np.savez(tmp_path / "detector_tracks" / "mediapipe_tracking.clip.npz", landmarks=track)
    with video.writer(tmp_path / "videos" / "clip.mp4", size=(100, 100), rate=Fraction(25)) as write:
        for number in range(25):
            write(image, number / 25)
    return tmp_path


def middle(image):
    """Two boxes, of which the second is right for `images` and the clip."""
    return Detections(np.array([[1.0, 1, 9, 9], [31, 30, 40, 40]]), np.array([0.9, 0.8]))


def test_every_set_is_scored(module, data, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "open_detector", lambda name, file=None: middle)
    monkeypatch.setattr(module, "_confirmed", lambda net, image, boxes: boxes[0])
    result = module.main(module.Options(tmp_path / "out", data=data, faces=2, rounds=1))
    scores = {subject: found["cascade"] for subject, found in result["scores"].items()}
    assert scores["photographs"] == {
        "pictures": 1,
        "found": 100,
        "first": 0,
        "boxes": 2,
        "found from 40 px": "100.0 % of 1",
    }
    assert scores["pasted"]["pictures"] == 2
    # Frames 0 and 10 have a track; in frame 20 the first box is confirmed by the stand-in for the landmarks.
    assert scores["clip"]["pictures"] == 3
    assert scores["clip"]["found"] == 100
    assert scores["clip"]["first"] == pytest.approx(33.33)
    assert result["milliseconds"]["cascade"] >= 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"summary.json", "photographs.cascade.png", "clip.cascade.png"} <= names


def test_a_folder_without_data_is_named(module, tmp_path):
    with pytest.raises(InputError, match="no folder images there"):
        module.main(module.Options(tmp_path / "out", data=tmp_path))
