"""Detectors by name, and the files that they need."""

import jax
import numpy as np
import pytest

from fhr_jax import detector
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
    """It is small, and finds no face in plain and random pictures."""
    assert face_detector.DEFAULT == "fhr"
    assert detector.files.DEFAULT.stat().st_size < 1_000_000
    detect = face_detector.open_detector(face_detector.DEFAULT)
    for image in (np.full((120, 160, 3), 90, np.uint8), np.zeros((40, 300, 3), np.uint8)):
        assert len(detect(image).boxes) == 0


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
