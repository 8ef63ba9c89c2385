"""A run folder written before options and classes were renamed resumes, and its files load."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from fhr_jax import cli, hourglass, log, npz, weights
from fhr_jax.data.io import pts

pytest.importorskip("cv2")

OLD_RUN = Path(__file__).parents[1] / "golden" / "train_run.tar.xz"
"""Made by version 0.1.0 before the renames: the command below, with --average and --held-out, stopped after update 2.

Its arrays keep only sign and exponent of every number, so that the file is small.
"""
NEXT = {"loss": 5.562176, "gradient_norm": 0.3358825, "nrmse": 188.51495}
"""What the same old version logged at step 4, when it resumed this folder itself."""


@pytest.fixture
def old_run(tmp_path, monkeypatch):
    from PIL import Image

    (tmp_path / "photographs").mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        path = tmp_path / "photographs" / f"{i}.png"
        Image.fromarray(rng.integers(0, 255, (80, 90, 3), np.uint8)).save(path)
        pts.write(path.with_suffix(".pts"), rng.uniform(20, 60, (68, 2)))
    with tarfile.open(OLD_RUN) as archive:
        archive.extractall(tmp_path, filter="data")
    # A smaller net than any preset, again for the size of the file.
    monkeypatch.setitem(hourglass.PRESETS, "tiny", hourglass.TINY._replace(stacks=1, depth=1, features=4))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


def _command(*more):
    return [
        *("train", "--out", "run", "--preset", "tiny", "--data", "photographs", "--holdout", "2", "--recipe", "modern"),
        *("--dtype", "float32", "--ema-decay", "0.9", "--learning-rate", "1e-3", "--batch", "2", "--steps", "4"),
        *("--save-every", "2", "--validate-every", "4", *more),
    ]


def test_a_run_written_before_the_renames_resumes(old_run):
    assert json.loads((old_run / log.CONFIG).read_text())["average"] == 0.9
    assert cli.main(_command()) == 0
    (line,) = log.read_metrics(old_run)
    assert line["step"] == 4
    assert {name: line[name] for name in NEXT} == pytest.approx(NEXT, rel=1e-3)
    assert weights.load(old_run / "net.npz").config == hourglass.PRESETS["tiny"]
    written = log.read_config(old_run)
    assert (written["ema_decay"], written["holdout"]) == (0.9, 2)
    assert not {"average", "held_out"} & written.keys()


@pytest.mark.parametrize(
    ("option", "message"), [("--ema-decay", "ema_decay = 0.9, not 0.5"), ("--holdout", "holdout = 2, not 1")]
)
def test_other_options_than_those_of_an_old_run_are_refused(old_run, capsys, option, message):
    value = message.rsplit(" ", 1)[1]
    assert cli.main(_command(option, value)) == 2
    assert f"holds a run with {message}" in capsys.readouterr().err


def test_nets_keep_the_names_on_disk_of_before_the_renames():
    """The fields of a calibration have other names since; a net file of before is read by `tests/test_weights.py`."""
    names = {name for name in npz.read(weights.DEFAULT) if name.startswith("calibration/")}
    assert names == {f"calibration/{name}" for name in ("level", "size", "bend", "shape", "tail", "typical")}
    net = weights.load()
    assert net.config == hourglass.SMALL
    assert net.calibration is not None
