"""`fhr-jax data`: its output, and the image of faces."""

import json

import numpy as np
import pytest
from PIL import Image

from fhr_jax import cli
from tests import trees


def run(capsys, *arguments):
    code = cli.main(["data", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_build_prints_counts_differences_and_skipped_files(tmp_path, capsys):
    tree = trees.tree_300w(tmp_path / "a tree")
    (tree / "afw" / "18489332_1.pts").write_text("broken")
    code, out, err = run(capsys, "build", "face300w", "--source", tree, "--out", tmp_path / "out")
    assert code == 0
    folder = tmp_path / "out" / "face300w" / "1.0.0"
    assert "train: 6 records of 6 images\n" in out
    assert "difference: train: 6 photographs, 3142 fewer than the 3148 published\n" in out
    assert f"skipped: 1, listed with the reasons in {folder / 'skipped.csv'}\n{folder}\n" in out
    assert "skipped: afw/18489332_1.jpg: 18489332_1.pts: not a .pts file" in err
    assert "100%" in err
    assert json.loads((folder / "summary.json").read_text())["splits"]["train"]["records"] == 6
    code, again, _ = run(capsys, "build", "face300w", "--source", tree, "--out", tmp_path / "out")
    assert (code, again) == (0, out)


def test_not_all_of_many_skipped_files_are_printed(tmp_path, capsys):
    tree = trees.tree_300w(tmp_path / "tree")
    for number in range(30):
        (tree / "afw" / f"{number}.jpg").write_bytes(b"")
    _, out, err = run(capsys, "build", "face300w", "--source", tree, "--out", tmp_path / "out")
    assert err.count("skipped: ") == 20
    assert "skipped: 30, listed" in out


@pytest.mark.parametrize("name", ["face300w", "face300vw", "face300vw/clips16", "talking_face"])
def test_without_a_source_it_prints_how_to_get_the_data(tmp_path, capsys, name):
    code, out, err = run(capsys, "build", name, "--out", tmp_path / "out")
    assert code == 2
    assert "1. Open https://" in out
    assert "fhr-jax data build" in out
    assert err == f"fhr-jax: error: --source is missing: the folder with the data of {name}\n"
    assert not (tmp_path / "out").exists()


def test_a_sheet_of_faces(tmp_path, capsys):
    tree = trees.tree_300w(tmp_path / "tree")
    run(capsys, "build", "face300w", "--source", tree, "--out", tmp_path / "out")
    sheet = tmp_path / "sheet.png"
    built = ("face300w", "--directory", tmp_path / "out", "--split", "train")
    for arguments, faces in (((*built, "--number", 3), 3), (built, 7), ((tree / "afw",), 2)):
        code, out, _ = run(capsys, "show", *arguments, "--out", sheet)
        assert code == 0
        assert f"{sheet}: {faces} of" in out
        drawn = np.asarray(Image.open(sheet))
        assert drawn.shape == (224, 224 * faces, 3)
        # Landmarks are drawn in white on green lines; the pictures have neither.
        assert (np.abs(drawn.astype(int) - [90, 230, 90]).max(axis=-1) < 40).sum() > 100 * faces


def test_a_sheet_of_clips(tmp_path, capsys):
    trees.tree_300vw(tmp_path / "vw", {"001": 6})
    run(capsys, "build", "face300vw/clips3", "--source", tmp_path / "vw", "--out", tmp_path / "out")
    code, out, _ = run(capsys, "show", "face300vw/clips3", "--directory", tmp_path / "out", "--out", tmp_path / "a.jpg")
    assert code == 0
    assert "2 of 2 records" in out


def test_wrong_options(tmp_path, capsys):
    trees.write_pair(tmp_path / "photos", "one", 1)
    cases = [
        (["build", "face300w", "--source", tmp_path, "--workers", -1], "--workers is -1"),
        (["build", "face300w", "--source", tmp_path, "--exclusions", tmp_path / "none"], "none: cannot be read"),
        (["show", tmp_path / "photos", "--out", tmp_path / "a.gif"], "ends in .png or .jpg"),
        (["show", tmp_path / "photos", "--out", tmp_path / "a.png", "--number", 0], "--number is 0"),
        (["show", tmp_path / "missing", "--out", tmp_path / "a.png"], "neither a folder nor a dataset"),
        (["show", "face300w", "--directory", tmp_path, "--out", tmp_path / "a.png"], "make it: fhr-jax data build"),
        ([], "build"),
    ]
    for arguments, message in cases:
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert message in err
        assert err.startswith("fhr-jax: error: "), err
        assert err.count("\n") == 1
