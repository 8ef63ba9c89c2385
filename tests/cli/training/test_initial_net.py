"""`fhr-jax train --init`: a run that starts from a trained net."""

from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from fhr_jax import cli, log, npz, weights
from fhr_jax.cli.training import initial_net
from fhr_jax.data.examples import Examples
from fhr_jax.data.io import pts
from fhr_jax.train import FINETUNE, QUICK, finetune_steps, run
from tests.calibration_samples import make_calibration
from tests.nets import SMALLEST, random_net, shared_programs, stopped_after

pytest.importorskip("cv2")


def _photographs(folder, landmarks=68, number=8):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(number):
        Image.fromarray(rng.integers(0, 255, (80, 90, 3), np.uint8)).save(folder / f"{i}.png")
        pts.write(folder / f"{i}.pts", rng.uniform(20, 60, (landmarks, 2)))
    return folder


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return _photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture(scope="module")
def initial(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "initial.npz"
    weights.save(path, random_net(SMALLEST, loss="cross_entropy"))
    return path


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with shared_programs() as programs:
        yield programs


def _command(photographs, out, initial, *more):
    return [
        *("train", "--out", str(out), "--init", str(initial), "--data", str(photographs), "--holdout", "2"),
        *("--batch", "2", "--steps", "4", "--save-every", "2", "--validate-every", "4", *more),
    ]


@pytest.fixture(scope="module")
def through(photographs, initial, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "through"
    assert cli.main(_command(photographs, out, initial)) == 0
    return out


def test_config_json_records_the_net(through, initial):
    config = log.read_config(through)
    assert (config["init"], config["recipe"], config["preset"]) == (str(initial), "finetune", None)
    assert isinstance(config["init_checksum"], int)
    assert weights.load(through / "net.npz").config == SMALLEST


def test_a_run_that_was_stopped_resumes_exactly(photographs, initial, through, tmp_path):
    with stopped_after(3):
        assert cli.main(_command(photographs, tmp_path / "run", initial)) == 130
    assert cli.main(_command(photographs, tmp_path / "run", initial)) == 0
    for name, array in npz.read(through / "net.npz").items():
        np.testing.assert_array_equal(npz.read(tmp_path / "run" / "net.npz")[name], array)


def test_the_first_update_starts_from_the_parameters_of_the_file(photographs, initial, tmp_path, monkeypatch):
    started = []

    def recorded(update, state, batches, *, steps):
        started.append(state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "train_steps", recorded)
        assert cli.main(_command(photographs, tmp_path / "run", initial)) == 130
    variables = {"params": started[0].params, "batch_stats": started[0].batch_stats}
    jax.tree.map(np.testing.assert_array_equal, variables, weights.load(initial).variables)


def test_another_net_does_not_resume_the_run(photographs, initial, through, tmp_path, capsys):
    assert cli.main(_command(photographs, through, "small")) == 2
    assert f"holds a run with init = {initial}, not small" in capsys.readouterr().err
    net = weights.load(initial)
    changed = net._replace(variables=jax.tree.map(lambda leaf: leaf + 1, net.variables))
    before = initial.read_bytes()
    try:
        weights.save(initial, changed)
        assert cli.main(_command(photographs, through, initial)) == 2
    finally:
        initial.write_bytes(before)
    assert "holds a run with init_checksum = " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--init", "absent.npz"], "absent.npz"),
        (["--preset", "small"], "--preset small contradicts --init"),
        (["--holdout", "0"], "--holdout is 0, expected at least 1"),
    ],
)
def test_errors_take_one_line(photographs, initial, tmp_path, capsys, more, message):
    command = _command(photographs, tmp_path / "run", initial)
    if more[0] in command:
        command[command.index(more[0]) + 1] = more[1]
    else:
        command += more
    assert cli.main(command) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


def test_a_preset_that_agrees_is_accepted(photographs, initial, through, capsys):
    assert cli.main(_command(photographs, through, initial, "--preset", "tiny")) == 0


def test_the_loss_is_that_of_the_net(photographs, tmp_path, capsys):
    """Whatever the recipe says: the maps of a net mean what they meant in its training."""
    weights.save(tmp_path / "squared.npz", random_net(SMALLEST))
    plans = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "run", lambda folder, plan, **_: plans.append(plan) or random_net(SMALLEST))
        assert cli.main(_command(photographs, tmp_path / "run", tmp_path / "squared.npz")) == 0
        assert cli.main(_command(photographs, tmp_path / "quick", "small", "--recipe", "paper")) == 0
    assert [plan.recipe.loss for plan in plans] == ["squared", "cross_entropy"]
    assert plans[1].recipe.optimizer == "rmsprop"
    assert plans[1].config.crop == 128


def test_the_recipe_decides_on_updates_and_held_out_faces(photographs, initial, tmp_path):
    plans = []
    command = ["train", "--out", str(tmp_path / "run"), "--init", str(initial), "--data", str(photographs)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "run", lambda folder, plan, **_: plans.append(plan) or random_net(SMALLEST))
        assert cli.main(command) == 0
        assert cli.main(command) == 0  # the same run again
    plan = plans[0]
    assert (len(plan.validation.images), len(plan.source)) == (1, 7)
    assert (plan.steps, plan.validate_every) == (finetune_steps(7), 50)
    assert plan.recipe == FINETUNE


def test_the_recipe_needs_a_net_to_start_from(tmp_path, capsys):
    assert cli.main(["train", "--out", str(tmp_path / "run"), "--recipe", "finetune"]) == 2
    assert "--recipe finetune goes with --init" in capsys.readouterr().err


def test_the_last_line_says_which_net_is_kept():
    lines = [{"step": 0, "nrmse": 5.0}, {"step": 2, "nrmse": 3.0}, {"step": 3, "loss": 1.0}, {"step": 4, "nrmse": 3.5}]
    plan = SimpleNamespace(steps=6, recipe=FINETUNE, validation=SimpleNamespace(images=range(9)))
    kept = "kept the net of step 2: 3.00 % NRMSE on 9 held-out faces, 5.00 % before"
    assert initial_net.result(lines, plan) == f"trained for 4 steps of 6, as the error no longer fell; {kept}"
    assert "kept the initial net" in initial_net.result(lines[:1], plan)
    quick = SimpleNamespace(steps=4, recipe=QUICK)
    assert initial_net.result(lines, quick) == "trained for 4 steps"


def test_seven_landmarks_keep_the_trunk(initial, tmp_path):
    (tmp_path / "seven").mkdir()
    photographs = _photographs(tmp_path / "seven", landmarks=7, number=4)
    assert cli.main(_command(photographs, tmp_path / "run", initial)) == 0
    assert weights.load(tmp_path / "run" / "net.npz").config == SMALLEST._replace(landmarks=7)


def test_a_dry_run_counts_the_net(photographs, initial, tmp_path, capsys):
    assert cli.main([*_command(photographs, tmp_path / "run", initial), "--dry-run"]) == 0
    parameters = sum(leaf.size for leaf in jax.tree.leaves(random_net(SMALLEST).variables["params"]))
    assert f"--init {initial}: {parameters:,} parameters" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_conventional_heatmaps_can_be_learned_too(photographs, initial, tmp_path):
    plans = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "run", lambda folder, plan, **_: plans.append(plan) or random_net(SMALLEST))
        assert cli.main(_command(photographs, tmp_path / "run", initial, "--conventional")) == 0
    assert plans[0].rounded
    assert plans[0].init is not None


@pytest.mark.parametrize(
    ("calibrated", "number", "own", "message"),
    [
        (False, 4, None, "not calibrated (4 faces held out, 32 needed): its covariances"),
        (True, 31, None, "not calibrated again (31 faces held out, 32 needed)"),
        (True, 32, None, None),
        (True, 4, list, None),
    ],
)
def test_a_calibration_that_is_not_its_own_is_said(calibrated, number, own, message):
    net = random_net(SMALLEST, loss="cross_entropy")
    if calibrated:
        net = net._replace(calibration=make_calibration())
    faces = Examples(np.zeros((number, 1, 1, 3), np.float32), np.zeros((number, 68, 2), np.float32))
    plan = run.TrainPlan(SMALLEST, FINETUNE, 1, None, None, faces, calibration=own)
    found = initial_net.calibration(net, plan)
    assert found is None if message is None else found.startswith(message)


def test_another_folder_to_validate_on(photographs, initial, tmp_path, capsys):
    folder = Path(tmp_path / "others")
    folder.mkdir()
    for path in sorted(photographs.iterdir())[:4]:
        (folder / path.name).write_bytes(path.read_bytes())
    command = [*_command(photographs, tmp_path / "run", initial), "--validate-on"]
    assert cli.main([*command, str(folder)]) == 0
    assert "on 2 held-out faces" in capsys.readouterr().out
    assert cli.main([*command, str(photographs)]) == 2
    assert "expected another folder than that of --data" in capsys.readouterr().err
    pts.write(folder / sorted(p.name for p in folder.glob("*.pts"))[0], np.random.default_rng(0).uniform(9, 50, (7, 2)))
    for path in sorted(folder.glob("*.pts"))[1:]:
        path.unlink()
    assert cli.main([*command[:-1], "--out", str(tmp_path / "other"), "--validate-on", str(folder)]) == 2
    assert "7 landmarks, expected 68" in capsys.readouterr().err
