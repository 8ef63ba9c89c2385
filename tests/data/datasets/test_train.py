"""300W, 300-VW and Talking Face from end to end: built from mocked trees, learned from, resumed, evaluated."""

import csv
import json

import numpy as np
import pytest

from fhr_jax import cli, log, npz, weights
from fhr_jax.data.open_dataset import open_dataset
from tests import trees
from tests.nets import shared_programs, stopped_after

pytest.importorskip("cv2")

TREES = {"face300w": trees.tree_300w, "face300vw": trees.tree_300vw, "talking_face": trees.tree_talking_face}
SPLITS = {
    "face300w": ("--split", "train", "--validate-on", "challenging"),
    "face300vw": ("--split", "train", "--boxes", "jitter", "--workers", "1"),
    "talking_face": (),
}
EVALUATED = {"face300w": ("--split", "full"), "face300vw": ("--split", "scenario3"), "talking_face": ()}
STEPS = 4  # as in tests/cli/test_train.py, which shares its compiled programs


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with shared_programs():
        yield


@pytest.fixture(scope="module", params=list(TREES))
def built(request, tmp_path_factory):
    """A name, and the folder of the dataset that was built from its tree."""
    folder = tmp_path_factory.mktemp(request.param)
    tree = TREES[request.param](folder / "tree")
    out = folder / "datasets"
    assert cli.main(["data", "build", request.param, "--source", str(tree), "--out", str(out)]) == 0
    return request.param, out


def learn(built, out, *more):
    name, datasets = built
    return [
        *("train", "--out", str(out), "--preset", "tiny", "--data", name, "--directory", str(datasets)),
        *("--holdout", "2", "--batch", "2", "--steps", str(STEPS), "--save-every", "2", *SPLITS[name], *more),
    ]


@pytest.fixture(scope="module")
def through(built, tmp_path_factory):
    """A run that nothing disturbs."""
    out = tmp_path_factory.mktemp("runs") / "through"
    assert cli.main(learn(built, out)) == 0
    return out


def test_a_net_learns_from_each_dataset(built, through):
    name, datasets = built
    config = log.read_config(through)
    assert (config["data"], config["directory"]) == (name, str(datasets))
    assert config["boxes"] == ("jitter" if name == "face300vw" else "truth")
    last = log.read_metrics(through)[-1]
    assert last["step"] == STEPS
    assert np.isfinite([last["loss"], last["nrmse"]]).all()
    # Of the points of Talking Face seven mean what those of 300W mean.
    assert weights.load(through / "net.npz").config.landmarks == (7 if name == "talking_face" else 68)


def test_an_interrupted_run_resumes_exactly(built, through, tmp_path, capsys):
    with stopped_after(3):
        assert cli.main(learn(built, tmp_path / "run")) == 130
    assert cli.main(learn(built, tmp_path / "run", "--seed", "1")) == 2
    assert "holds a run with seed = 0, not 1" in capsys.readouterr().err
    assert cli.main(learn(built, tmp_path / "run", "--workers", "0")) == 0
    expected, found = (npz.read(folder / "net.npz") for folder in (through, tmp_path / "run"))
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_every_result_can_be_traced(built, through, tmp_path):
    name, datasets = built
    command = ["evaluate", "--data", name, "--directory", str(datasets), *EVALUATED[name]]
    assert cli.main([*command, "--net", str(through / "net.npz"), "--out", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "images.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    records = open_dataset(name, directory=datasets, split=EVALUATED[name][-1] if EVALUATED[name] else None)
    expected = [(r["dataset"], r["file"], str(r["frame"])) for r in (records[i] for i in range(len(records)))]
    assert [(row["dataset"], row["file"], row["frame"]) for row in rows] == expected
    assert np.isfinite([float(row["nrmse"]) for row in rows]).all()
    truth = npz.read(tmp_path / "out" / "predictions.npz")["ground_truth"]
    points = records[1]["points"]
    chosen = points[[27, 29, 34, 32, 67, 48, 54]] if name == "talking_face" else points
    np.testing.assert_allclose(truth[1], chosen, atol=1e-3)
    assert len(list((tmp_path / "out" / "pictures").rglob("*.jpg"))) == len(records)


def test_the_default_net_finds_the_faces_of_every_tree(built, tmp_path):
    """Images, landmarks, boxes and markups belong together: a net that knows faces is right about them."""
    name, datasets = built
    command = ["evaluate", "--data", name, "--directory", str(datasets), *EVALUATED[name]]
    assert cli.main([*command, "--out", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["nrmse_median"] < 12
