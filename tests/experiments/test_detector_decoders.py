"""Decoders of the centre of a face on two cheap scenes."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from fhr_jax import detector
from tests.data.scenes.heads import patches
from tests.detector.nets import CONFIG

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


def test_each_decoder_is_measured(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "experiments"))
    import detector_decoders
    import train_detector

    monkeypatch.setattr(train_detector, "render_patches", lambda key, numbers, **_: patches(len(numbers), 48))
    monkeypatch.setattr(train_detector, "SCENE", 64)
    monkeypatch.setattr(train_detector, "SCENES", train_detector.SCENES._replace(sizes=(12.0, 40.0), faces=2))
    detector.save(tmp_path / "detector.npz", detector.DetectorNet(CONFIG, detector.init(jax.random.key(0), CONFIG)))
    options = detector_decoders.Options(tmp_path / "out", run=tmp_path, scenes=2)
    result = detector_decoders.main(options)
    assert (tmp_path / "out" / "summary.json").exists()
    for name in ("argmax", "two_sided", "parabola"):
        assert 0 <= result[name]["0.1"]["recall"] <= 1
        assert np.isfinite(result[name]["0.5"]["wrong"])
    for name in ("detector_decoders", "train_detector"):
        sys.modules.pop(name)
