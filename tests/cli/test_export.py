"""`fhr-jax export`: its options reach the folder, and it lists what it wrote."""

import re

import pytest

from fhr_jax import cli, exported, weights
from tests.nets import random_net


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.npz"
    weights.save(path, random_net(loss="cross_entropy"))
    return path


def test_the_options_are_in_the_header_and_the_files_are_listed(file, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["export", "--net", str(file), "--out", str(out), "--no-mirror", "--decoder", "two_sided"]
    assert cli.main(arguments) == 0
    header = exported.header(out)
    assert (header["mirror"], header["method"], header["loss"]) == (False, "two_sided", "cross_entropy")
    assert header["programs"] == {"net": "net.stablehlo"}  # no heatmaps without --maps
    listed = re.findall(r"^(.*): (\d+\.\d\d) MB$", capsys.readouterr().out, re.MULTILINE)
    assert listed == [(str(path), f"{path.stat().st_size / 1e6:.2f}") for path in sorted(out.iterdir())]
    assert len(listed) == 3

    before = (out / "net.json").read_bytes()
    assert cli.main(arguments) == 2
    assert "exists already; name a new folder" in capsys.readouterr().err
    assert (out / "net.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--net", "none.npz", "--out", "out"], "none.npz"),
        (["--net", "net.npz", "--out", "out", "--decoder", "best"], "best"),
        (["--net", "net.npz", "--out", "out", "--dtype", "float16"], "float16"),
        (["--net", "net.npz"], "--out"),
    ],
)
def test_bad_commands_write_nothing(file, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
