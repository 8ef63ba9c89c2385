"""The experiment that fits the networks of the movement types."""

import json

import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load


@pytest.mark.slow
@pytest.mark.parametrize("network", ["movements", "smoother"])
def test_it_writes_parameters_with_the_network(tmp_path, network, monkeypatch):
    module = load("fit_movements")
    monkeypatch.setattr(module, "SHARES", {68: 0.8, 98: 0.2})
    monkeypatch.setattr(module, "LAGS", {"movements": {0: 1.0}, "smoother": {2: 1.0}})
    monkeypatch.setattr(module, "TEST_LAGS", {"movements": (0,), "smoother": (2,)})
    options = {"out": tmp_path, "network": network, "clips": 8, "frames": 40, "steps": 100, "batch": 2, "hidden": 8}
    module.main(module.Options(**options))
    found = stabilizer.load(tmp_path / f"{network}.npz")
    assert getattr(found, network).first.shape[-1] == 8
    figures = json.loads((tmp_path / "summary.json").read_text())
    assert all(np.isfinite(list(row.values())).all() for row in figures.values())
    again = module.first_network(module.Options(**options, init=tmp_path / f"{network}.npz"))
    np.testing.assert_array_equal(again.last, getattr(found, network).last)


def test_a_file_without_the_network_is_refused(tmp_path):
    module = load("fit_movements")
    stabilizer.save(tmp_path / "plain.npz", stabilizer.default_params(5)._replace(movements=None))
    with pytest.raises(InputError, match="no network 'movements'"):
        module.first_network(module.Options(out=tmp_path, init=tmp_path / "plain.npz"))


def test_points_are_quick_while_they_move_by_themselves():
    module = load("fit_movements")
    truth = np.random.default_rng(0).normal(size=(1, 30, 2)).astype(np.float32) * 50
    truth = truth + 12 * np.arange(20, dtype=np.float32)[:, None, None]  # the head moves: nobody is quick
    truth[10:, 4] += 30
    quick = module.quick_points(module.Clip(truth, truth, np.ones(20, np.float32)))
    assert quick[10:14, 4].min() > 0.9
    assert (quick[10:14, 4] > np.delete(quick, 4, axis=1)[10:14].max()).all()
    assert quick[[*range(10), *range(14, 20)]].max() < 1e-3


def test_ratios_are_bounded_by_a_logarithm():
    module = load("fit_movements")
    np.testing.assert_allclose(module._bounded(np.array([0.0, 2.0, 3.0 * np.e]), 3.0), [0, 2, 4], rtol=1e-6)
