"""Verdicts on drawn tracks: intact ones are better than damaged ones."""

import json

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.errors import InputError
from fhr_jax.reports.track_data import face_sizes
from tests.experiments.test_experiments import load
from tests.reports.faces import track_of

verdicts = load("report_verdicts")


def test_counts(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "detector_tracks"
    folder.mkdir()
    npz.write(folder / "dlib.a.npz", {"landmarks": track_of(120)})
    npz.write(folder / "mesh.a.npz", {"landmarks": np.zeros((120, 468, 3))})  # other landmarks are left out
    monkeypatch.setenv("FHR_JAX_DATA", str(tmp_path))
    monkeypatch.setattr(verdicts, "smooth", lambda track: np.nan_to_num(track, nan=160.0))
    verdicts.main(verdicts.Options(out=tmp_path / "out"))
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
    assert counts == {
        "dlib": {"smoothed": {"good": 1}, "raw": {"good": 1}} | {k: {"poor": 1} for k in verdicts.DAMAGES}
    }
    assert "dlib: 1 tracks" in capsys.readouterr().out
    monkeypatch.delenv("FHR_JAX_DATA")
    with pytest.raises(InputError, match="FHR_JAX_DATA: not set, or without"):
        verdicts.main(verdicts.Options(out=tmp_path / "out"))


def test_damages_are_as_large_as_they_say():
    track = track_of(3000)
    size = np.median(face_sizes(track))
    lost, elsewhere, points, noise = (verdicts.damaged(track, kind, 1.0) for kind in verdicts.DAMAGES)
    assert np.isnan(lost[:, 0, 0]).mean() == pytest.approx(0.3, abs=0.06)
    away = np.linalg.norm(elsewhere - track, axis=-1) / size
    assert (away > 1).all(axis=1).mean() == pytest.approx(0.1, abs=0.03)
    away = np.linalg.norm(points - track, axis=-1) / size
    assert (away > 0.1).mean() == pytest.approx(0.06, abs=0.003)
    assert np.median(away[away > 0.1]) == pytest.approx(0.4, rel=0.05)
    assert (noise - track).std() / size == pytest.approx(0.05, rel=0.02)
