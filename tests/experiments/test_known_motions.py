"""The experiment on known motions writes the table of each number of points."""

import csv
import json
from functools import partial

import pytest

from fhr_jax import stabilizer
from fhr_jax.benchmark.known_motions.cases import CASES
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load


def test_known_motions(tmp_path, monkeypatch):
    module = load("known_motions")
    cases = CASES[:3]
    monkeypatch.setattr(module, "compare", partial(module.compare, cases=cases))
    monkeypatch.setattr(module, "stabilizer_filter", lambda params, *, rate: lambda tracks: tracks)
    rows = module.main(module.Options(out=tmp_path, points=(68, 98), fps=15.0, seeds=1))
    assert set(rows) == {"68", "98"}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["options"]["fps"] == 15
    assert summary["summary"]["98"]["cases"] == 3
    assert [row["ratio"] for row in summary["rows"]["68"]] == [row.ratio for row in rows["68"]]
    with (tmp_path / "98.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [case.name for case in cases]
    assert (tmp_path / "68.md").read_text().startswith("| motion |")

    stabilizer.save(tmp_path / "seven_points.npz", stabilizer.default_params(7))
    with pytest.raises(InputError, match="none has the size of"):
        module.main(module.Options(out=tmp_path, params=tmp_path / "seven_points.npz"))
