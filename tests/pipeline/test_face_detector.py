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


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("haar", None, "detector 'haar': expected one of cascade, fhr, yunet"),
        ("cascade", "a.npz", "detector cascade: takes no file, but got a.npz"),
        ("fhr", None, "detector fhr: needs the .npz file of a trained detector"),
        ("yunet", None, "detector yunet: needs the ONNX file of YuNet"),
        ("fhr", "none.npz", "none.npz: cannot be read"),
        ("yunet", "none.onnx", "none.onnx: no such file"),
    ],
)
def test_bad_choices_are_named(name, file, message):
    with pytest.raises(InputError, match=message):
        face_detector.open_detector(name, file=file)
