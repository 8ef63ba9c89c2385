"""The experiment on look-ahead, on a few short tracks."""

import csv

import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load, run


def test_look_ahead(tmp_path, monkeypatch):
    module = load("look_ahead")
    chosen = [s._replace(choices=lambda lag, s=s: s.choices(lag)[:5]) for s in module.linear_smoothers.SMOOTHERS[1::2]]
    monkeypatch.setattr(module.linear_smoothers, "SMOOTHERS", chosen)
    monkeypatch.setattr(module.stabilizer, "smooth", lambda params, track, *, lag: track)
    summary, pictures = run("look_ahead", tmp_path, module, lags=(0, 2), clips=3, frames=150)
    assert pictures == ["look_ahead.png"]
    assert list(summary["scores"]) == ["0", "2", "all"]
    names = [module.SMOOTHER, "RTS, order 2", "Savitzky-Golay"]
    for found in summary["scores"].values():
        assert list(found) == names
        assert found[module.SMOOTHER] == summary["raw"]  # the stand-in for the smoother returns the track
        assert found["RTS, order 2"]["loss"] < summary["raw"]["loss"]
    raw = summary["raw"]
    assert raw["blinks"] == pytest.approx(1, abs=0.1)
    assert summary["scores"]["2"]["RTS, order 2"]["loss"] < summary["scores"]["0"]["RTS, order 2"]["loss"]
    with (tmp_path / "look_ahead.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 9
    text = (tmp_path / "look_ahead.md").read_text()
    assert "| 2 (67 ms) |" in text
    assert "| the whole track |" in text


def test_lags_out_of_order_and_parameters_without_a_smoother_are_refused(tmp_path):
    module = load("look_ahead")
    for lags in ((2, 1), (-1, 0)):
        with pytest.raises(InputError, match="expected ascending"):
            module.main(module.Options(out=tmp_path, lags=lags))
    bare = tmp_path / "bare.npz"
    stabilizer.save(bare, stabilizer.default_params()._replace(smoother=None))
    with pytest.raises(InputError, match="no smoother"):
        module.main(module.Options(out=tmp_path, params=bare))
