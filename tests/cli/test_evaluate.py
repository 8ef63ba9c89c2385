import csv
import json

import numpy as np
import pytest
from PIL import Image

from fhr_jax import cli, npz, pipeline, weights
from fhr_jax.data import skipped
from fhr_jax.data.io import pts
from tests.nets import random_net
from tests.pipeline.test_pipeline import SHAPE, pattern, read_pattern
from tests.reports.pages import data_of
from tests.test_evaluate import write


def figures(folder):
    return json.loads((folder / "summary.json").read_text())


def test_predictions(tmp_path, capsys):
    write(tmp_path / "a.npz")
    out = tmp_path / "new" / "out"
    assert cli.main(["evaluate", "--predictions", f"{tmp_path}/a.npz", "--out", str(out)]) == 0
    written = ["ced.png", "images.csv", "offsets.csv", "offsets.png", "regions.csv", "report.html", "summary.json"]
    assert sorted(p.name for p in out.iterdir()) == written
    assert figures(out)["images"] == 6
    assert (out / "images.csv").read_text().startswith("image,nrmse,failure\na,")
    with Image.open(out / "ced.png") as picture:
        assert min(picture.size) > 200
    printed = capsys.readouterr().out
    assert f"NRMSE {figures(out)['nrmse']:.3f} %" in printed
    with (out / "regions.csv").open(newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert float(rows["all"]["nrmse"]) == pytest.approx(figures(out)["nrmse"], abs=1e-3)
    assert f"by region: jaw {float(rows['jaw']['nrmse']):.2f}, brows " in printed
    assert len((out / "offsets.csv").read_text().splitlines()) == 69
    with Image.open(out / "offsets.png") as picture:
        assert min(picture.size) > 200


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_a_face_without_a_prediction_is_a_failure(tmp_path, value, capsys):
    arrays = write(tmp_path / "a.npz")
    arrays["predictions"][2] = value
    npz.write(tmp_path / "b.npz", arrays)
    out = tmp_path / "out"
    assert cli.main(["evaluate", "--predictions", f"{tmp_path}/b.npz", "--out", str(out)]) == 0
    assert (figures(out)["images"], figures(out)["without_prediction"]) == (6, 1)
    assert (out / "images.csv").read_text().splitlines()[3].endswith(",,1")
    line = "2 of 6 faces are failures (above 8 % or without a prediction; 1 without)"
    assert line in (out / "report.html").read_text().replace("&nbsp;", " ")
    capsys.readouterr()
    assert cli.main(["report", str(out)]) == 0
    assert line in capsys.readouterr().out


@pytest.mark.parametrize("number", [1, 2])
def test_few_faces(tmp_path, number, capsys):
    arrays = write(tmp_path / "a.npz")
    npz.write(tmp_path / "few.npz", {name: array[:number] for name, array in arrays.items()})
    assert cli.main(["evaluate", "--predictions", f"{tmp_path}/few.npz", "--out", f"{tmp_path}/out"]) == 0
    printed = capsys.readouterr().out
    assert "by region:" in printed
    assert "nan" not in printed


def read_patterns(net, crops, **options):
    parts = [read_pattern(net, crop[None] / 255) for crop in np.asarray(crops, np.float64)]
    return pipeline.Prediction(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A folder of three images with landmarks, and a stand-in for the network."""

    monkeypatch.setattr(pipeline, "predict_all", read_patterns)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, x, side in (("a", 50, 100), ("b c", 90, 64), ("d", 30, 130)):
        Image.fromarray(pattern((x, 40), side)).save(folder / f"{name}.png")
        pts.write(folder / f"{name}.pts", np.array([x, 40]) + side * SHAPE)
    Image.fromarray(pattern((50, 40), 100)).save(folder / "without.png")
    return folder


@pytest.fixture
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.npz"
    weights.save(path, random_net())
    return str(path)


def test_images(tmp_path, photographs, net, capsys):
    out = tmp_path / "out"
    assert cli.main(["evaluate", "--data", str(photographs), "--out", str(out), "--net", net]) == 0
    assert figures(out)["images"] == 3
    assert figures(out)["nrmse"] < 6
    assert sorted(p.name for p in (out / "pictures").iterdir()) == ["a.jpg", "b c.jpg", "d.jpg"]
    html = (out / "report.html").read_text()
    assert html.count('src="data:image/jpeg;base64,') == 3  # the worst faces
    assert sorted(name for name, _ in data_of(html)["rows"]) == ["photos/a.png", "photos/b c.png", "photos/d.png"]
    assert f"{photographs}: skipped: without.png: no .pts of its name\n" in capsys.readouterr().out
    rows = [line.split(",") for line in (out / "images.csv").read_text().splitlines()]
    assert rows[0] == ["dataset", "file", "frame", "nrmse", "failure"]
    assert [row[:3] for row in rows[1:]] == [["photos", f"{name}.png", "0"] for name in ("a", "b c", "d")]
    arrays = npz.read(out / "predictions.npz")
    assert list(arrays["names"]) == ["photos/a.png", "photos/b c.png", "photos/d.png"]
    np.testing.assert_allclose(arrays["predictions"], arrays["ground_truth"], atol=5)
    with Image.open(out / "worst.jpg") as sheet:
        assert sheet.size == (3 * 326 + 6, 320 + 2 * 16 + 2 * 6)
    # --predictions reads what --images writes.
    again = tmp_path / "again"
    assert cli.main(["evaluate", "--predictions", f"{out}/predictions.npz", "--out", str(again)]) == 0
    assert figures(again) == pytest.approx(figures(out))


def test_bad_input(tmp_path, photographs, net, capsys):
    write(tmp_path / "a.npz")
    (tmp_path / "none").mkdir()
    (tmp_path / "file").write_text("")
    before = sorted(p.name for p in tmp_path.iterdir())
    out = ["--out", f"{tmp_path}/out"]
    cases = [
        (out, "either --predictions FILE or --data DATA"),
        (["--predictions", f"{tmp_path}/a.npz", "--data", str(photographs), *out], "either"),
        (["--predictions", f"{tmp_path}/a.npz", "--net", net, *out], "--net goes with --data"),
        (["--predictions", f"{tmp_path}/b.npz", *out], "b.npz: cannot be read"),
        (["--predictions", f"{tmp_path}/a.npz", "--out", f"{tmp_path}/file/out"], "cannot write"),
        (["--data", f"{tmp_path}/missing", "--net", net, *out], "missing: neither a folder nor a dataset"),
        (["--data", str(photographs), "--net", net, "--split", "train", *out], "split='train' needs a built dataset"),
        (["--data", str(photographs), "--net", net, "--boxes", f"{tmp_path}/b.csv", *out], "b.csv: cannot be read"),
        (["--predictions", f"{tmp_path}/a.npz", "--split", "train", *out], "--split goes with --data"),
        (["--data", f"{tmp_path}/none", "--net", net, *out], "no landmarks: expected images"),
        (["--data", str(photographs), "--net", f"{tmp_path}/a.npz", *out], "is not a net"),
        (["--data", str(photographs), "--net", net, "--worst", "0", *out], "--worst is 0, expected at least 1"),
        (["--predictions", f"{tmp_path}/a.npz", "--worst", "5", *out], "--worst goes with --data"),
    ]
    for arguments, message in cases:
        assert cli.main(["evaluate", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "d.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "not a readable image"),
        (lambda folder: pts.write(folder / "d.pts", np.zeros((5, 2))), "d.pts: 5 landmarks, expected 68"),
        (lambda folder: pts.write(folder / "d.pts", np.zeros((68, 2))), "d.pts: all landmarks lie at one place"),
    ],
)
def test_a_bad_photograph_is_skipped_and_reported(tmp_path, photographs, net, capsys, spoil, message):
    number = len(list(photographs.glob("*.pts")))
    spoil(photographs)
    out = tmp_path / "out"
    assert cli.main(["evaluate", "--data", str(photographs), "--out", str(out), "--net", net]) == 0
    assert f"skipped: d.png: {message}" in capsys.readouterr().out
    assert message in dict(skipped.read_skipped(out))["d.png"]
    assert json.loads((out / "summary.json").read_text())["images"] == number - 1


def test_if_nothing_can_be_read_nothing_is_written(tmp_path, photographs, net, capsys):
    for path in photographs.glob("*.pts"):
        path.write_text("")
    assert cli.main(["evaluate", "--data", str(photographs), "--out", f"{tmp_path}/out", "--net", net]) == 2
    last = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("fhr-jax: error: ")
    assert "not a .pts file" in last
    assert not (tmp_path / "out").exists()


def test_pictures_are_those_of_the_last_evaluation(tmp_path, photographs, net):
    out = tmp_path / "out"
    (out / "pictures").mkdir(parents=True)
    (out / "pictures" / "old.jpg").write_bytes(b"")
    (out / "notes.txt").write_text("mine")
    assert cli.main(["evaluate", "--data", str(photographs), "--out", str(out), "--net", net]) == 0
    assert not (out / "pictures" / "old.jpg").exists()
    assert (out / "pictures" / "d.jpg").exists()
    assert (out / "notes.txt").exists()
