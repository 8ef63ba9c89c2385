"""The experiment on frame rates tabulates every filter at every rate."""

import csv
import json

import jax.numpy as jnp
import numpy as np

from fhr_jax.benchmark.baselines import TunedFilter
from tests.experiments.test_experiments import load


def test_frame_rates(tmp_path, monkeypatch):
    module = load("frame_rates")
    given = []

    def videos_at(key, rate, *, number, seconds, liveliness, noise):
        truth = np.zeros((number, round(seconds * rate), 4, 2), np.float32) + np.arange(8).reshape(4, 2)
        return module.frame_rates.as_videos(truth + 0.5, truth)

    def run(params, observed, *, dt):
        given.append(dt)
        return observed - 0.25

    settings = {"min_cutoff": 2.0, "beta": 0.1, "d_cutoff": 1.0}
    monkeypatch.setattr(module.frame_rates, "videos_at", videos_at)
    monkeypatch.setattr(module.stabilizer, "run", run)
    monkeypatch.setattr(module.baselines, "tune", lambda *_, evaluations: TunedFilter(settings, 1.0, 1))
    found = module.main(module.Options(out=tmp_path, fps=(30.0, 15.0), videos=2, seconds=1.0))
    assert {name: tuple(scores) for name, scores in found.items()} == dict.fromkeys(found, (15.0, 30.0))
    assert [found[name][30.0].rms for name in ("raw", "stabilizer, dt")] == [0.5, 0.25]
    # 30 / rate where the stabilizer is told the rate, and nothing where it is not.
    assert jnp.array_equal(given[0], jnp.full(15, 2.0))
    assert jnp.array_equal(given[1], jnp.ones(30))
    assert given[2:] == [None, None]
    assert json.loads((tmp_path / "summary.json").read_text())["scores"]["raw"]["15.0"]["rms"] == 0.5
    with (tmp_path / "rates.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * len(found)
    assert "| raw | 0.50 (0) | 0.50 (0) | no |" in (tmp_path / "rates.md").read_text()


def test_networks_fitted_at_one_rate_or_at_all_of_them(tmp_path, monkeypatch):
    module = load("frame_rates")

    def videos_at(key, rate, *, number, seconds, liveliness, noise):
        truth = np.zeros((number, round(seconds * rate), 4, 2), np.float32) + np.arange(8).reshape(4, 2)
        return module.frame_rates.as_videos(truth + rate / 10, truth)

    def run(params, observed, *, dt):
        # The best shift is that of the noise at this rate.
        return observed - sum(leaf.mean() for leaf in params.movements)

    settings = {"min_cutoff": 2.0, "beta": 0.1, "d_cutoff": 1.0}
    monkeypatch.setattr(module.frame_rates, "videos_at", videos_at)
    monkeypatch.setattr(module.stabilizer, "run", run)
    monkeypatch.setattr(module, "FIT_RATE", 0.05)
    monkeypatch.setattr(module.baselines, "tune", lambda *_, evaluations: TunedFilter(settings, 1.0, 1))
    options = module.Options(
        out=tmp_path, fps=(30.0, 10.0), videos=1, seconds=1.0, fit=("alone", "together"), fit_steps=40, fit_videos=1
    )
    found = module.main(options)
    given, alone, together = (found[f"stabilizer, {name}"] for name in ("dt", "fitted alone", "fitted together"))
    for fps in (30.0, 10.0):
        assert alone[fps].rms < 0.9 * given[fps].rms
    assert np.prod([one.rms for one in alone.values()]) < np.prod([one.rms for one in together.values()])
    assert np.prod([one.rms for one in together.values()]) < np.prod([one.rms for one in given.values()])
