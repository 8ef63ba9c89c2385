"""Tables 4 to 6 on mocked trees of 300-VW and Talking Face, built as a user builds the real ones."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import cli, npz, weights
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.errors import InputError
from tests import trees
from tests.experiments.test_experiments import load
from tests.nets import random_net

pytest.importorskip("cv2")

FRAMES = {"scenario1": 7, "scenario2": 5, "scenario3": 5, "test": 7}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    sources = {"face300vw": trees.tree_300vw(folder / "vw"), "talking_face": trees.tree_talking_face(folder / "tf")}
    for name, tree in sources.items():
        assert cli.main(["data", "build", name, "--source", str(tree), "--out", str(folder / "datasets")]) == 0
    return folder / "datasets"


@pytest.fixture(scope="module")
def module():
    loaded = load("tables456_videos")
    loaded.PAD = 16  # frames of its filter's programs, for videos of a few frames
    return loaded


@pytest.mark.slow
def test_the_papers_crops(datasets, module, tmp_path):
    conventional = tmp_path / "conventional.npz"
    weights.save(conventional, random_net(loss="cross_entropy"))
    options = module.Options(tmp_path / "out", datasets, crops="truth", conventional_net=conventional)
    summary = module.main(options)
    tables = summary["tables"]
    assert [title.split(":")[0] for title in tables] == ["Table 4", "Table 6", "Table 5"]
    rows = {split: table["rows"] for table in tables.values() for split, table in table.items()}
    assert {split: row["net"]["frames"] for split, row in rows.items()} == FRAMES
    for row in rows.values():
        # The default net knows these faces; one of random numbers does not.
        assert row["net"]["nrmse"] < 25 < row["conventional, argmax"]["nrmse"]
        assert row["net"]["lost"] == 0
        assert row["net"]["nrmse"] != row["net + stabilizer"]["nrmse"]
    text = (tmp_path / "out" / "summary.json").read_text()
    assert json.loads(text)["tables"] == json.loads(json.dumps(tables))
    pictures = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert len(pictures) == 7
    assert "ced_talking_face_test_7.png" in pictures

    kept = npz.read(tmp_path / "out" / "tracks" / "test" / "franck.npz")
    records = open_dataset("talking_face", directory=datasets)
    np.testing.assert_array_equal(kept["truth"], np.stack([records[i]["points"] for i in range(7)]))
    # By hand: the seven of both markups.
    found = kept["net"][:, [36, 39, 42, 45, 30, 48, 54]]
    truth = kept["truth"][:, [27, 29, 34, 32, 67, 48, 54]]
    expected = 100 * np.linalg.norm(found - truth, axis=2).mean(axis=1)
    expected /= np.linalg.norm(truth[:, 0] - truth[:, 3], axis=1)
    assert tables["Table 5: talking_face, 7 points"]["test"]["rows"]["net"]["nrmse"] == pytest.approx(expected.mean())

    files = sorted((tmp_path / "out" / "tracks").rglob("*.npz"))
    times = [path.stat().st_mtime_ns for path in files]
    files[0].unlink()  # as if stopped before it
    assert module.main(options)["tables"] == tables
    assert [path.stat().st_mtime_ns for path in files[1:]] == times[1:]
    with pytest.raises(InputError, match="name another --out"):
        module.main(module.Options(tmp_path / "out", datasets, crops="truth"))


def test_faces_that_are_lost_are_counted(datasets, module, tmp_path):
    net, any_net = tmp_path / "net.npz", random_net(loss="cross_entropy")
    weights.save(net, any_net._replace(variables=jax.tree.map(jnp.zeros_like, any_net.variables)))  # flat maps
    summary = module.main(module.Options(tmp_path / "out", datasets, data=("face300vw",), net=net, frames=3))
    for table in summary["tables"].values():
        for split in table.values():
            for row in split["rows"].values():
                assert (row["lost"], row["failure_rate"], row["auc"], row["frames"]) == (100, 100, 0, 3)
                assert row["nrmse"] is row["stability"] is None
            assert split["gain_of_stabilizer"] == {}


def test_what_does_not_go_together_is_refused(datasets, module, tmp_path):
    with pytest.raises(InputError, match="goes with --crops truth"):
        module.main(module.Options(tmp_path, datasets, conventional_net=weights.DEFAULT))
    with pytest.raises(InputError, match="data build"):
        module.main(module.Options(tmp_path, tmp_path))


@pytest.mark.slow
def test_filmed_people_take_the_place_of_data_that_are_not_there(module, tmp_path):
    options = module.Options(tmp_path, people=2, clip=3)
    tables = module.main(options)["tables"]
    assert list(tables) == ["As Tables 4 and 5: filmed, 7 points", "As Table 6: filmed, 68 points"]
    for table in tables.values():
        rows = table["synthetic"]["rows"]
        assert rows["net"]["frames"] == 6
        assert rows["net"]["nrmse"] < 10
        assert rows["net"]["lost"] == 0
    records = module.FilmedPeople(2, 3)
    kept = npz.read(tmp_path / "tracks" / "synthetic" / "person1.npz")
    np.testing.assert_array_equal(kept["truth"][2], records[5]["points"])
    np.testing.assert_array_equal(kept["frame"], [1, 2, 3])
