"""Training of the face detector on a few cheap heads: files, resuming, validation."""

import numpy as np
import pytest

from fhr_jax import detector, log
from fhr_jax.data.scenes.compose import SceneOptions
from fhr_jax.errors import InputError
from tests.data.scenes.heads import patches
from tests.detector.nets import CONFIG
from tests.experiments.test_experiments import load

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


@pytest.fixture(scope="module")
def module():
    return load("train_detector")


@pytest.fixture
def small(module, monkeypatch):
    def render(key, indices, *, size, faceless=False):
        return patches(len(indices), 48)

    monkeypatch.setattr(module, "render_patches", render)
    monkeypatch.setattr(module, "CONFIG", CONFIG)
    monkeypatch.setattr(module, "TILE", 64)
    monkeypatch.setattr(module, "SCENE", 64)
    for name in ("TILES", "SCENES"):
        monkeypatch.setattr(module, name, SceneOptions(sizes=(12.0, 40.0), faces=2, lookalikes=1))
    return module


@pytest.mark.slow
def test_a_run_writes_a_detector_and_resumes(small, tmp_path):
    options = {"batch": 2, "heads": 16, "scenes": 2, "validate_every": 3, "save_every": 2}
    small.main(small.Options(tmp_path, steps=3, **options))
    assert detector.load(tmp_path / "detector.npz").config == CONFIG
    assert {path.name for path in tmp_path.iterdir()} >= {"patches", "checkpoints", "scenes.jpg", "found.jpg"}
    (line,) = log.read_metrics(tmp_path)
    assert line["step"] == 3
    assert 0 <= line["recall_0.3"] <= line["recall_0.1"] <= 1
    small.main(small.Options(tmp_path, steps=3, **options))  # nothing is left to do
    with pytest.raises(InputError, match="batch"):
        small.main(small.Options(tmp_path, steps=3, **options | {"batch": 4}))


def test_validation_counts_faces_and_wrong_boxes(module, monkeypatch):
    truth = np.array([[10, 10, 30, 30], [50, 50, 100, 90], [200, 9, 30, 30]], np.float32)
    scene = module.ComposedScene(np.zeros((300, 300, 3), np.uint8), truth, np.array([False, False, True]))
    boxes = np.array([[50.0, 50, 100, 90], [11, 10, 30, 30], [200, 9, 30, 30], [250, 250, 20, 20]])
    found = detector.Detections(boxes, np.array([0.9, 0.4, 0.35, 0.2]))
    monkeypatch.setattr(module.detector, "find_faces", lambda *_, **__: found)
    scored = module.validate(None, [scene, scene])
    assert scored.recall(0.5) == 0.5
    assert scored.recall(0.3) == 1.0
    assert scored.false_positives(0.1) == 1.0
    assert scored.false_positives(0.3) == 0.0
    assert scored.by_size(0.5) == {24.0: 0.0, 80.0: 1.0}
