"""The comparison of fits: what it writes is there and right."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.benchmark import compare_fits
from fhr_jax.errors import InputError

FILE = Path(__file__).parents[2] / "experiments" / "gradient_vs_simplex.py"
METHODS = (compare_fits.SHARED, compare_fits.NELDER_MEAD)


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("experiment_gradient_vs_simplex", FILE)
    experiment = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = experiment
    spec.loader.exec_module(experiment)
    out = tmp_path_factory.mktemp("compared")
    options = experiment.Options(out, seconds=0.2, dims=(2,), methods=METHODS, videos=2, frames=40)
    experiment.main(options)
    return json.loads((out / "summary.json").read_text()), out


def test_it_writes_histories_and_pictures(summary):
    written, out = summary
    found = written["fits"]["2"]
    assert set(found["best"]) == set(METHODS)
    assert found["winner"] == min(found["best"], key=found["best"].get)
    histories = json.loads((out / "fits_2.json").read_text())["histories"]
    assert len({history["loss"][0] for history in histories.values()}) == 1
    assert "histories" not in found
    for name in ("loss_2.png", "evaluations_2.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_it_says_when_each_reached_the_best_of_each_other(summary):
    found = json.loads((summary[1] / "fits_2.json").read_text())
    for other in METHODS:
        for name in METHODS:
            history, when = found["histories"][name], found["seconds_to_the_best_of"][other][name]
            lower = np.asarray(history["loss"]) <= found["best"][other] * (1 + 1e-6)
            assert (when is None) == (not lower.any())
            assert when is None or abs(when - history["seconds"][int(lower.argmax())]) < 1e-3
        assert found["seconds_to_the_best_of"][other][other] is not None
    assert found["shared_scale_optima"] == [found["best"][compare_fits.SHARED]]


def test_it_goes_on_with_what_is_missing(summary):
    _, out = summary
    before = (out / "fits_2.json").read_text()
    experiment = sys.modules["experiment_gradient_vs_simplex"]
    options = experiment.Options(out, seconds=0.2, dims=(2,), methods=METHODS, videos=2, frames=40)
    experiment.main(options)
    assert (out / "fits_2.json").read_text() == before  # nothing was fitted again
    with pytest.raises(InputError, match="holds a run with frames = 40, not 50"):
        experiment.main(experiment.Options(out, seconds=0.2, dims=(2,), methods=METHODS, videos=2, frames=50))


def test_unknown_methods_are_refused():
    videos = stabilizer.pad_videos([(np.zeros((5, 1, 2)), np.ones((5, 1, 2)))])
    with pytest.raises(InputError, match="methods: 'luck'"):
        compare_fits.compare_fits(videos, methods=("luck",))
