"""The experiment on fits of one's own: what it gives to the command, and what it scores."""

import json

import numpy as np
import pytest

from fhr_jax import npz, stabilizer
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load


@pytest.fixture
def module():
    return load("own_fit")


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    (folder / "detector_tracks").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for clip in ("a", "b", "c"):
        track = 100 + 50 * rng.normal(size=(1, 68, 2)) + rng.normal(size=(120, 68, 2)) + np.arange(120)[:, None, None]
        npz.write(folder / "detector_tracks" / f"dlib.{clip}.npz", {"landmarks": track.astype(np.float32)})
    monkeypatch.setenv("FHR_JAX_DATA", str(folder))
    return folder


def test_own_fit(tmp_path, data, module, monkeypatch):
    given = []

    def run(options):
        """A fit that smooths less."""
        given.append([npz.read(file)["landmarks"] for file in sorted(options.tracks[0].glob("*.npz"))])
        params = stabilizer.default_params()
        options.out.mkdir(parents=True)
        stabilizer.save(options.out / "params.npz", params._replace(noise=0.1 * params.noise))

    monkeypatch.setattr(module.command, "run", run)
    rows = module.main(module.Options(out=tmp_path / "out", detector=("dlib",), tracks=(3, 4), seeds=(1,)))
    assert [len(tracks) for tracks in given] == [3, 4]
    assert [tracks[0].shape for tracks in given] == [(60, 68, 2), (60, 68, 2)]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["fits"] == rows
    for row in rows:
        assert row["ratio"] == pytest.approx(row["fitted"] / row["default"])
        assert row["ratio"] != 1
    assert f"| dlib | 4 | {rows[1]['default']:.1f} | " in (tmp_path / "out" / "own_fit.md").read_text()


def test_what_is_scored_was_not_fitted_and_its_noise_is_not_its_own(data, module):
    sources = module.read("dlib", data, data)
    clips, test = module.split("dlib", sources, 3, 2, frames=60)
    for clip in clips:
        assert any(np.array_equal(clip, s.observed[i : i + 60]) for s in sources[:2] for i in (0, 60))
        assert not any(np.array_equal(clip, sources[2].observed[i : i + 60]) for i in (0, 60))
    assert test.observed.shape == (2, 60, 68, 2)
    noise = np.asarray(test.observed - test.truth, float)
    own = sources[2].observed - sources[2].truth
    np.testing.assert_allclose(noise, np.stack([own[60:], own[:60]]), atol=1e-3)
    np.testing.assert_allclose(np.asarray(test.truth), np.stack([sources[2].truth[:60], sources[2].truth[60:]]), 1e-5)
    with pytest.raises(InputError, match="9 tracks, expected fewer"):
        module.split("dlib", sources, 9, 2, frames=60)


def test_skips_without_data(tmp_path, module, monkeypatch, capsys):
    monkeypatch.setenv("FHR_JAX_DATA", str(tmp_path))
    assert module.main(module.Options(out=tmp_path / "out")) == []
    assert "skipped: FHR_JAX_DATA names no folder with detector_tracks" in capsys.readouterr().out
