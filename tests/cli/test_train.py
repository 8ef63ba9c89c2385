"""`fhr-jax train`: a run, resuming it, and wrong options."""

import errno
import json
import os
import signal

import jax
import numpy as np
import pytest

from fhr_jax import cli, log, npz, weights
from fhr_jax.data.io import pts
from fhr_jax.files import folder_lock
from fhr_jax.train import run
from tests.nets import SMALLEST, random_net, shared_programs, stopped_after

pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(rng.integers(0, 255, (80, 90, 3), np.uint8)).save(folder / f"{i}.png")
        pts.write(folder / f"{i}.pts", rng.uniform(20, 60, (68, 2)))
    return folder


def _command(photographs, out, *more):
    return [
        *("train", "--out", str(out), "--preset", "tiny", "--data", str(photographs), "--holdout", "2"),
        *("--batch", "2", "--steps", "4", "--save-every", "2", "--validate-every", "4", *more),
    ]


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with shared_programs() as programs:
        yield programs


@pytest.fixture(scope="module")
def through(photographs, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "through"
    assert cli.main(_command(photographs, out)) == 0
    return out


def test_a_run_leaves_its_options_metrics_and_net(through):
    assert log.read_config(through)["preset"] == "tiny"
    last = log.read_metrics(through)[-1]
    assert last["step"] == 4
    assert np.isfinite([last["loss"], last["nrmse"]]).all()
    assert weights.load(through / "net.npz").config.crop == 32


def test_a_run_that_was_stopped_resumes_exactly(photographs, through, tmp_path, compiled_once):
    with stopped_after(3):
        assert cli.main(_command(photographs, tmp_path / "run")) == 130
    assert not (tmp_path / "run" / "net.npz").exists()
    assert cli.main(_command(photographs, tmp_path / "run")) == 0
    for name, array in npz.read(through / "net.npz").items():
        np.testing.assert_array_equal(npz.read(tmp_path / "run" / "net.npz")[name], array)
    updates = [program for (what, _), program in compiled_once.items() if what == "update"]
    assert [update._cache_size() for update in updates] == [1]  # a restored state is no other program


def test_the_learning_rate_may_change_when_a_run_resumes(photographs, tmp_path):
    out = tmp_path / "run"
    with stopped_after(2):
        assert cli.main(_command(photographs, out)) == 130
    assert cli.main(_command(photographs, out, "--learning-rate", "1e-4")) == 0
    assert log.read_config(out)["learning_rate"] == 1e-4


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--preset", "small"], "preset = tiny, not small"),
        (["--seed", "3"], "seed = 0, not 3"),
        (["--steps", "0"], "--steps is 0"),
        (["--holdout", "6"], "holds a run with holdout = 2"),
        (["--batch", "-1"], "--batch is -1"),
        (["--workers", "-1"], "--workers is -1"),
        (["--boxes", "jitter"], "boxes = truth, not jitter"),
        (["--split", "a", "--validate-on", "a"], "--validate-on a: expected another split than that of --split"),
    ],
)
def test_other_options_are_refused_in_one_line(photographs, through, capsys, more, message):
    command = _command(photographs, through)
    for i in range(0, len(more), 2):
        command = [*command, more[i], more[i + 1]]
    assert cli.main(command) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


def test_a_checkpoint_of_another_preset_is_refused(photographs, through, tmp_path, capsys):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(through, other)
    options = log.read_config(other) | {"preset": "small"}
    (other / log.CONFIG).write_text(json.dumps(options))
    assert cli.main([*_command(photographs, other), "--preset", "small"]) == 2
    assert "another preset" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--split", "--directory", "--validate-on", "--boxes", "--markup"])
def test_options_of_real_faces_go_with_data(tmp_path, capsys, option):
    assert cli.main(["train", "--out", str(tmp_path / "out"), option, "x"]) == 2
    assert f"{option} goes with --data" in capsys.readouterr().err


def test_a_folder_without_photographs_is_named(tmp_path, capsys):
    assert cli.main(["train", "--out", str(tmp_path / "out"), "--data", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_on_sigterm_it_saves_and_resumes_later(photographs, through, tmp_path, capsys, monkeypatch):
    whole = run.train_steps

    def interrupted(*arguments, **options):
        for made in whole(*arguments, **options):
            if made.step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            yield made

    with monkeypatch.context() as patch:
        patch.setattr(run, "train_steps", interrupted)
        assert cli.main(_command(photographs, tmp_path / "run")) == 128 + signal.SIGTERM
    assert "stopped and saved at step 3; repeat the command to resume" in capsys.readouterr().err
    assert cli.main(_command(photographs, tmp_path / "run")) == 0
    for name, array in npz.read(through / "net.npz").items():
        np.testing.assert_array_equal(npz.read(tmp_path / "run" / "net.npz")[name], array)


def test_a_dry_run_counts_and_leaves_nothing(photographs, tmp_path, capsys):
    assert cli.main([*_command(photographs, tmp_path / "run"), "--dry-run"]) == 0
    output = capsys.readouterr().out
    parameters = sum(leaf.size for leaf in jax.tree.leaves(random_net(SMALLEST).variables["params"]))
    assert f"tiny: {parameters:,} parameters" in output
    assert "an update of 2 crops" in output
    assert "the run: 4 updates, 8 images of 4 faces" in output
    assert not (tmp_path / "run").exists()


def test_two_runs_at_once_are_refused(photographs, tmp_path, capsys):
    out = tmp_path / "run"
    out.mkdir()
    with folder_lock(out):
        assert cli.main(_command(photographs, out)) == 2
    assert "another process is at work there" in capsys.readouterr().err


def test_a_full_disk_gives_one_line(photographs, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "run" / "checkpoints"))

    with monkeypatch.context() as patch:
        patch.setattr(run.checkpoint, "save", full)
        assert cli.main(_command(photographs, tmp_path / "run")) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert "No space left on device" in lines[-1]
    assert cli.main(_command(photographs, tmp_path / "run")) == 0


def test_running_out_of_memory_gives_advice(photographs, tmp_path, capsys, monkeypatch):
    def exhausted(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.")

    monkeypatch.setattr(run, "train_steps", exhausted)
    assert cli.main(_command(photographs, tmp_path / "run")) == 2
    assert "out of memory on the device: use a smaller --batch" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--learning-rate", "0"], "--learning-rate is 0.0"),
        (["--ema-decay", "1"], "--ema-decay is 1.0"),
        (["--devices", "99"], "99 devices asked for; JAX sees "),
        (["--hosts", "2"], "--coordinator, --hosts and --host go together"),
        (["--coordinator", "here", "--hosts", "2", "--host", "0"], "--coordinator is here, expected HOST:PORT"),
        (["--coordinator", "a:1", "--hosts", "2", "--host", "2"], "--host is 2, expected 0 to 1"),
        (["--distributed"], "no cluster found"),
    ],
)
def test_options_of_devices_are_checked(photographs, tmp_path, capsys, more, message):
    assert cli.main([*_command(photographs, tmp_path / "run"), *more]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
