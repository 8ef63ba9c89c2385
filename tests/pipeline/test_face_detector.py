"""Detectors by name, and the files that they need."""

import jax
import numpy as np
import pytest

from fhr_jax import detector, geometry
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.scenes.patches import render_patches
from fhr_jax.detector.matching import match
from fhr_jax.errors import InputError
from fhr_jax.pipeline import face_detector
from tests.detector.nets import CONFIG


def test_a_trained_detector_is_opened_from_its_file(tmp_path):
    net = detector.DetectorNet(CONFIG, detector.init(jax.random.key(0), CONFIG))
    detector.save(tmp_path / "detector.npz", net)
    detect = face_detector.open_detector("fhr", file=tmp_path / "detector.npz")
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    found, expected = detect(image), detector.find_faces(net, image)
    np.testing.assert_array_equal(found.boxes, expected.boxes)


def test_the_detector_in_the_package_is_the_default():
    """It is small, and finds no face in plain pictures."""
    assert face_detector.DEFAULT == "fhr"
    assert detector.files.DEFAULT.stat().st_size < 1_000_000
    detect = face_detector.open_detector(face_detector.DEFAULT)
    for image in (np.full((120, 160, 3), 90, np.uint8), np.zeros((40, 300, 3), np.uint8)):
        assert len(detect(image).boxes) == 0


def test_the_detector_in_the_package_finds_synthetic_heads():
    heads = render_patches(jax.random.key(5), range(16), size=128)
    detect, found = face_detector.open_detector(face_detector.DEFAULT), 0
    for head, points in zip(heads.pixels, heads.points, strict=True):
        image = np.full((240, 320, 3), 110.0)
        image[30:158, 60:188] = head[..., :3] + (1 - head[..., 3:] / 255.0) * image[30:158, 60:188]
        box = geometry.box_of(points + np.array([60, 30]), dtype=np.float64)
        boxes = detect(image.clip(0, 255).round().astype(np.uint8)).boxes
        found += len(boxes) > 0 and bool(match(boxes[:1], box[None]).found[0])
    assert found >= 14


def test_on_photographs_it_finds_the_annotated_face(real_data):
    detect, found = face_detector.open_detector(face_detector.DEFAULT), 0
    for item in open_dataset(real_data / "images"):
        found += bool(match(detect(item["image"]).boxes, np.asarray(item["box"], np.float64)[None]).found[0])
    assert found >= 8


def test_the_net_in_the_package_is_read_once(monkeypatch):
    face_detector.open_detector("fhr")
    monkeypatch.setattr(detector, "load", lambda path=None: pytest.fail("read again"))
    face_detector.open_detector("fhr")


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("haar", None, "detector 'haar': expected one of fhr, cascade, yunet"),
        ("cascade", "a.npz", "detector cascade: takes no file, but got a.npz"),
        ("yunet", None, "detector yunet: needs the ONNX file of YuNet"),
        ("fhr", "none.npz", "none.npz: cannot be read"),
        ("yunet", "none.onnx", "none.onnx: no such file"),
    ],
)
def test_bad_choices_are_named(name, file, message):
    with pytest.raises(InputError, match=message):
        face_detector.open_detector(name, file=file)
