"""The experiment on detectors reads their tracks, keeps those of the net, and writes what it found."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.benchmark.detectors import DetectorLosses
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load


@pytest.fixture
def module():
    return load("detectors")


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    (folder / "detector_tracks").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for clip in ("a", "b"):
        track = 100 + 50 * rng.normal(size=(1, 68, 2)) + rng.normal(size=(20, 68, 2))
        npz.write(folder / "detector_tracks" / f"dlib.{clip}.npz", {"landmarks": track.astype(np.float32)})
    monkeypatch.setenv("FHR_JAX_DATA", str(folder))
    return folder


def test_detectors(tmp_path, data, module, monkeypatch):
    """The net finds nine places more to the right than dlib did, in as many frames."""
    passed = {}

    def align(net, images):
        for number, _ in enumerate(images):
            yield SimpleNamespace(raw=npz.read(data / "detector_tracks" / "dlib.a.npz")["landmarks"][number] + 9)

    def compare(filters, detectors, *, apart, baseline, evaluations):
        passed.update(detectors)
        assert (apart, baseline.name, evaluations) == ({}, "RTS smoother", 60)
        assert list(filters) == ["stabilizer", "look-ahead 2", "look-ahead all"]
        losses = dict(zip(filters, (1.0, 0.5, 0.25), strict=True))
        return {name: DetectorLosses(4.0, losses, 2.0, 0.5, {"q": 1.0}) for name in detectors}, {"q": 2.0}

    monkeypatch.setattr(module.video, "frames", lambda path: (SimpleNamespace(image=path) for _ in range(99)))
    monkeypatch.setattr(module.pipeline, "align_video", align)
    monkeypatch.setattr(module.detectors, "compare", compare)
    options = module.Options(
        out=tmp_path / "out",
        only=("dlib", "fhr_jax"),
        baseline="RTS smoother",
        tracks=tmp_path / "kept",
        lag=(2, "all"),
    )
    module.main(options)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["fhr_jax.a.npz", "fhr_jax.b.npz"]
    assert npz.read(tmp_path / "kept" / "fhr_jax.b.npz")["landmarks"].shape == (20, 68, 2)
    assert {name: videos.truth.shape for name, videos in passed.items()} == dict.fromkeys(
        ("dlib", "fhr_jax"), (2, 20, 68, 2)
    )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["geometric_means"] == {"one_setting": 0.5, "tuned": 2.0}
    text = (tmp_path / "out" / "detectors.md").read_text()
    assert "| dlib | 4.0 | 2.0 | 0.5 | 1.0 | 0.50 | 2.00 | 0.5 (0.50) | 0.2 (0.25) |" in text
    assert {line.count("|") for line in text.splitlines()} == {10}
    header = (tmp_path / "out" / "detectors.csv").read_text().splitlines()[0]
    assert header == "detector,raw,stabilizer,one_setting,tuned,look-ahead 2,look-ahead all"
    monkeypatch.setattr(module.pipeline, "align_video", None)
    module.main(options)  # reads what it kept

    with pytest.raises(InputError, match="--baseline"):
        module.main(module.Options(out=tmp_path, baseline="magic"))
    with pytest.raises(InputError, match="--only"):
        module.main(module.Options(out=tmp_path, only=("eyes",)))
    with pytest.raises(InputError, match="a detector beside 300vw"):
        module.main(module.Options(out=tmp_path, only=("300vw",)))


def test_skips_without_data(tmp_path, module, monkeypatch, capsys):
    monkeypatch.setenv("FHR_JAX_DATA", str(tmp_path))
    assert module.main(module.Options(out=tmp_path / "out")) == {}
    assert "skipped: FHR_JAX_DATA names no folder with detector_tracks" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
