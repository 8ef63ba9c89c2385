"""Fine-tuning with few photographs: every run once, none on a photograph that is kept aside."""

import numpy as np
import pytest

from fhr_jax import weights
from fhr_jax.errors import InputError
from tests import photographs as images
from tests.experiments.test_experiments import load, run
from tests.nets import SMALLEST, random_net

fine_tune = load("fine_tune")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Ten faces of HELEN, two of a photograph, and three of AFW."""
    folder = tmp_path_factory.mktemp("real_faces")
    for seed, (name, number) in enumerate((("helen_train", 10), ("afw", 3))):
        images.write(folder / name, [f"{i // 2}_{i % 2}" for i in range(number)], seed=seed)
    return folder


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "net.npz"
    weights.save(path, random_net(SMALLEST, loss="cross_entropy"))
    return str(path)


@pytest.mark.slow
def test_every_run_is_made_once(photographs, net, tmp_path):
    options = {"data": photographs, "init": net, "photographs": (0, 4), "seeds": (0,), "steps": 2}
    summary, pictures = run("fine_tune", tmp_path / "out", fine_tune, **options)
    assert pictures == ["fine_tune.png"]
    rows = {(row["start"], row["photographs"]): row for row in summary["table"]}
    assert set(rows) == {("tuned", 0), ("tuned", 4), ("random", 4)}
    assert all(np.isfinite([*row["helen"], *row["afw"], row["minutes"]]).all() for row in rows.values())
    first, *others = summary["runs"]
    assert first["photographs"] == 0
    assert [(row["steps"], row["held_out"], row["afw"]["images"]) for row in others] == [(2, 1, 3)] * 2
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.npz")}
    assert run("fine_tune", tmp_path / "out", fine_tune, **options)[0] == summary
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.npz")} == times
    with pytest.raises(InputError, match="holds a run with steps = 2, not 3"):
        run("fine_tune", tmp_path / "out", fine_tune, **options | {"steps": 3})


def test_faces_of_one_photograph_are_on_one_side(photographs, tmp_path):
    faces = fine_tune.open_faces(fine_tune.Options(out=tmp_path, data=photographs))
    learn, test = ([record["file"].split("_")[0] for record in part] for part in (faces.learn, faces.tests["helen"]))
    assert len(test) == 2
    assert len(learn) >= 6
    assert not set(learn) & set(test)


def test_both_starts_differ_in_parameters_and_rate_only(photographs, net, tmp_path):
    options = fine_tune.Options(out=tmp_path, data=photographs, init=net)
    faces = fine_tune.open_faces(options)
    tuned, random = (fine_tune.make_plan(options, start, faces.learn, 0) for start in ("tuned", "random"))
    assert tuned.init is not None
    assert random.init is None
    assert tuned.recipe == random.recipe._replace(learning_rate=tuned.recipe.learning_rate)
    assert (tuned.steps, tuned.config, repr(tuned.source)) == (random.steps, random.config, repr(random.source))


def test_minutes_add_up_over_interruptions():
    seconds = [30.0, 60.0, 20.0, 40.0, 10.0]
    assert fine_tune._minutes([{"step": i, "seconds": s} for i, s in enumerate(seconds)]) == pytest.approx(
        110 / 60, abs=0.01
    )
    assert fine_tune._minutes([{"step": 0, "nrmse": 3.0}]) == 0.0


def test_one_photograph_is_too_few(tmp_path):
    with pytest.raises(InputError, match="--photographs: 1"):
        fine_tune.main(fine_tune.Options(out=tmp_path, photographs=(1,)))
