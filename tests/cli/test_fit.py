"""`fhr-jax fit`: a user's own parameters, resuming (runs of earlier versions too), and what it refuses."""

import json
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import cli, npz, stabilizer


def _track(seed, frames=60, points=5, bias=0.0):
    rng = np.random.default_rng(seed)
    shape = rng.uniform(0, 100, (1, points, 2))
    truth = shape + 20 * np.sin(np.arange(frames)[:, None, None] / 9 + rng.uniform(0, 6, (1, 1, 2)))
    return (truth + bias + rng.normal(0, 1.5, truth.shape)).astype(np.float32), truth.astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    for seed in range(3):
        observed, truth = _track(seed)
        np.savez(tmp_path / f"{seed}.npz", predictions=observed, truth=truth)
    return tmp_path


def _fit(*arguments):
    return cli.main(["fit", *map(str, arguments)])


@pytest.mark.parametrize("model", ["recommended", pytest.param("paper", marks=pytest.mark.slow)])
def test_the_result_improves_on_the_initial_parameters_and_smooth_reads_it(folder, tmp_path, capsys, model):
    out = tmp_path / "fit"
    assert _fit(folder, "--out", out, "--seconds", 30, "--steps", 6, "--model", model) == 0
    history = json.loads((out / "history.json").read_text())
    assert history["loss"][-1] < history["loss"][0]
    assert len(history["seconds"]) == len(history["evaluations"]) == len(history["loss"])
    params = stabilizer.load(out / "params.npz")
    assert params.noise.shape == (10,)
    for part in (params.velocity, params.recurrent, params.outliers):
        assert (part is not None) == (model == "recommended")
    steady = tmp_path / "steady.npz"
    assert cli.main(["smooth", str(folder / "0.npz"), str(steady), "--params", str(out / "params.npz")]) == 0
    raw, smooth = (npz.read(path)["predictions"] for path in (folder / "0.npz", steady))
    assert np.abs(np.diff(smooth, 2, axis=0)).mean() < np.abs(np.diff(raw, 2, axis=0)).mean()
    capsys.readouterr()


def test_smoothed_tracks_replace_a_missing_truth_and_it_says_so(tmp_path, capsys):
    observed, _ = _track(0)
    np.savez(tmp_path / "track.npz", landmarks=observed)
    assert _fit(tmp_path / "track.npz", "--out", tmp_path / "fit", "--seconds", 0.05) == 0
    assert "zero-phase smoothing" in capsys.readouterr().out


@pytest.fixture
def alike(tmp_path):
    """Five tracks without a truth."""
    (tmp_path / "alike").mkdir()
    for seed in range(5):
        np.savez(tmp_path / "alike" / f"{seed}.npz", landmarks=_track(seed)[0])
    return tmp_path / "alike"


def test_the_held_out_loss_of_both_is_printed_and_the_better_one_is_written(alike, tmp_path, monkeypatch, capsys):
    from fhr_jax.stabilizer.fit import careful

    default = stabilizer.default_params(5)
    for name, sure, learned in (("kept", 1e9, False), ("fitted", -1e9, True)):
        monkeypatch.setattr(careful, "SURE", sure)
        assert _fit(alike, "--out", tmp_path / name, "--steps", 4, "--seconds", 500) == 0
        said = capsys.readouterr().out
        history = json.loads((tmp_path / name / "history.json").read_text())
        before, after = history["held_out"]
        assert f"left out: {before:.2f} with the default parameters, {after:.2f} fitted" in said
        assert ("so these are the default parameters" in said) == (not learned)
        assert (history["steps"] > 0) == learned
        found = stabilizer.load(tmp_path / name / "params.npz")
        np.testing.assert_array_equal(found.noise, default.noise)
        assert np.array_equal(found.movements.last, default.movements.last) == (not learned)


def test_a_careful_fit_continues_after_its_time_limit(alike, tmp_path, capsys):
    arguments = (alike, "--out", tmp_path / "fit", "--steps", 4)
    assert _fit(*arguments, "--seconds", 0.001) == 0
    assert "too short to leave out tracks, so these are the default parameters; --resume" in capsys.readouterr().out
    assert "held_out" not in json.loads((tmp_path / "fit" / "history.json").read_text())
    assert _fit(*arguments, "--seconds", 500, "--resume") == 0
    history = json.loads((tmp_path / "fit" / "history.json").read_text())
    assert history["folds"] == 4
    assert len(history["held_out"]) == 2
    assert _fit(*arguments, "--seconds", 500, "--holdout", 2) == 0
    assert json.loads((tmp_path / "fit" / "history.json").read_text())["folds"] == 1
    capsys.readouterr()
    assert _fit(*arguments, "--seconds", 500, "--resume") == 2
    assert "holds a fit with holdout = 2, not None" in capsys.readouterr().err
    assert _fit(*arguments, "--seconds", 500, "--resume", "--holdout", 2) == 0
    for more in (("--model", "paper"), ("--share-scales",), ("--holdout", 0)):
        assert _fit(*arguments, "--method", "careful", *more) == 2
        assert "--method careful: leaves tracks out" in capsys.readouterr().err


def test_a_constant_error_does_not_change_the_fit_unless_it_is_kept(folder, tmp_path):
    for seed in range(3):
        observed, truth = _track(seed, bias=7.0)
        (tmp_path / "biased").mkdir(exist_ok=True)
        np.savez(tmp_path / "biased" / f"{seed}.npz", predictions=observed, truth=truth)
    starts = {}
    for name, source, more in (
        ("plain", folder, []),
        ("biased", tmp_path / "biased", []),
        ("kept", tmp_path / "biased", ["--keep-bias"]),
    ):
        source = [source / f"{i}.npz" for i in range(3)]
        assert _fit(*source, "--out", tmp_path / name, "--seconds", 0.01, "--method", "nelder-mead", *more) == 0
        starts[name] = json.loads((tmp_path / name / "history.json").read_text())["loss"][0]
    assert starts["biased"] == pytest.approx(starts["plain"], rel=1e-3)
    assert starts["kept"] > 2 * starts["plain"]


def test_bad_tracks_are_named_in_one_line_and_nothing_is_written(tmp_path, capsys):
    np.savez(tmp_path / "bad.npz", wrong=np.zeros((5, 4, 2)))
    assert _fit(tmp_path / "bad.npz", "--out", tmp_path / "fit") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "bad.npz: no array predictions or landmarks" in lines[0]
    assert not (tmp_path / "fit").exists()


@pytest.fixture
def six(tmp_path):
    for seed in range(6):
        observed, truth = _track(seed)
        (tmp_path / "six").mkdir(exist_ok=True)
        np.savez(tmp_path / "six" / f"{seed}.npz", predictions=observed, truth=truth)
    return tmp_path / "six"


def test_a_fifth_is_held_out_and_an_interrupted_fit_resumes(six, tmp_path, capsys):
    arguments = (six, "--out", tmp_path / "fit", "--method", "nelder-mead", "--share-scales")
    assert _fit(*arguments, "--seconds", 0.05) == 0
    assert "5 tracks to fit, 1 held out" in capsys.readouterr().out
    stopped = json.loads((tmp_path / "fit" / "history.json").read_text())
    assert len(stopped["held_out"]) == len(stopped["loss"])

    assert _fit(*arguments, "--seconds", stopped["seconds"][-1] + 0.5, "--resume") == 0
    resumed = json.loads((tmp_path / "fit" / "history.json").read_text())
    entries = len(stopped["loss"])
    assert len(resumed["loss"]) > entries
    for name in ("seconds", "evaluations", "loss", "held_out"):
        assert resumed[name][:entries] == stopped[name]

    capsys.readouterr()
    for more, message in (
        (("--lambda1", 3), "holds a fit with lambda1 = 1.0, not 3.0"),
        (("--out", tmp_path / "none"), "no config.json there"),
    ):
        assert _fit(*arguments, "--seconds", 2, "--resume", *more) == 2
        assert message in capsys.readouterr().err
    np.savez(six / "6.npz", **dict(zip(("predictions", "truth"), _track(6, points=4), strict=True)))
    assert _fit(six / "6.npz", *arguments[1:], "--seconds", 2, "--resume") == 2


def _with_basis(monkeypatch, basis):
    """From now on the basis found for the tracks is this one, as if another version of JAX had computed it."""
    found = stabilizer.recommended_init
    monkeypatch.setattr(stabilizer, "recommended_init", lambda videos: found(videos)._replace(basis=basis))


def test_a_fit_of_the_recommended_model_resumes_after_its_time_limit(six, tmp_path, monkeypatch, capsys):
    """With the basis that it began with, even if another one is found for the tracks now."""
    arguments = (six, "--out", tmp_path / "fit", "--steps", 6, "--method", "gradient")
    assert _fit(*arguments, "--seconds", 0.001) == 0
    assert "of 6 steps in 0.001 s: --resume" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        _with_basis(patch, jnp.eye(10))
        assert _fit(*arguments, "--seconds", 30, "--resume") == 0
    stopped = json.loads((tmp_path / "fit" / "history.json").read_text())
    assert len(stopped["loss"]) == 7
    assert _fit(six, "--out", tmp_path / "whole", "--steps", 6, "--method", "gradient") == 0
    whole = json.loads((tmp_path / "whole" / "history.json").read_text())
    np.testing.assert_allclose(stopped["loss"], whole["loss"], rtol=1e-6)
    bases = [stabilizer.load(tmp_path / name / "params.npz").basis for name in ("fit", "whole")]
    np.testing.assert_array_equal(*bases)
    assert abs(bases[0] - np.eye(10)).max() > 0.5
    assert "--resume" not in capsys.readouterr().out


def test_an_interrupted_fit_saves_its_state(six, tmp_path, monkeypatch, capsys):
    from tqdm import tqdm

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tqdm, "update", interrupted)
    arguments = (six, "--out", tmp_path / "fit", "--method", "nelder-mead", "--share-scales", "--holdout", 0)
    assert _fit(*arguments, "--seconds", 1) == cli.INTERRUPTED
    monkeypatch.undo()
    assert not (tmp_path / "fit" / "params.npz").exists()
    assert _fit(*arguments, "--seconds", 0.05, "--resume") == 0
    capsys.readouterr()


def test_results_of_a_fit_among_the_tracks_are_not_read_as_tracks(folder, tmp_path):
    for name in ("one", "two"):
        assert _fit(folder, "--out", folder / name, "--seconds", 0.02, "--method", "nelder-mead", "--share-scales") == 0


@pytest.mark.parametrize(
    "option",
    [("--seconds", "nan"), ("--seconds", "inf"), ("--lambda1", "inf"), ("--lambda3", "nan"), ("--steps", "0")],
)
def test_non_finite_numbers_and_zero_steps_are_refused(folder, tmp_path, capsys, option):
    assert _fit(folder, "--out", tmp_path / "fit", *option) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert option[0] in lines[0]


@pytest.mark.parametrize(
    "option",
    [("--seconds", "0"), ("--lambda1", "-1"), ("--nonsense", "1"), ("--holdout", "3"), ("--holdout", "-1")],
)
def test_bad_options_are_refused(folder, tmp_path, capsys, option):
    assert _fit(folder, "--out", tmp_path / "fit", *option) == 2
    assert option[0] in capsys.readouterr().err


def _still():
    return {"predictions": np.ones((9, 4, 2)), "truth": np.ones((9, 4, 2))}


def _one_frame():
    observed, truth = _track(0, frames=1)
    return {"predictions": observed, "truth": truth}


def _apart():
    observed, truth = _track(0)
    return {"predictions": np.where(np.arange(60)[:, None, None] < 30, np.nan, observed),
            "truth": np.where(np.arange(60)[:, None, None] < 30, truth, np.nan)}  # fmt: skip


@pytest.mark.parametrize("make", [_still, _one_frame, _apart])
def test_tracks_without_information_are_refused_and_nothing_is_written(tmp_path, capsys, make):
    np.savez(tmp_path / "t.npz", **make())
    assert _fit(tmp_path / "t.npz", "--out", tmp_path / "fit") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "fit").exists()


GOLDEN = Path(__file__).parents[1] / "golden" / "fit_runs_before"


@pytest.mark.parametrize(
    ("name", "options"), [("simplex", ("--method", "nelder-mead", "--share-scales")), ("adam", ("--steps", 6))]
)
def test_a_run_of_an_earlier_version_is_resumed(six, tmp_path, monkeypatch, capsys, name, options):
    """Its config.json has `tied` and `held_out` (a share); its losses without interruption lie beside it.

    Its fit.npz lacks the initial parameters. These tracks do not move in most directions, where the basis is arbitrary:
    JAX 0.12 finds another one than 0.10, which made this run and whose basis lies beside it.
    """
    shutil.copytree(GOLDEN / name, tmp_path / name)
    six.rename(tmp_path / "tracks")
    monkeypatch.chdir(tmp_path)
    _with_basis(monkeypatch, jnp.asarray(np.load(GOLDEN / "basis.npy")))
    arguments = ("tracks", "--out", name, *options)
    assert _fit(*arguments, "--seconds", 60, "--resume", "--holdout", 2) == 2
    assert "holds a fit with holdout = 1, not 2" in capsys.readouterr().err
    seconds = 0.4 if name == "simplex" else 60
    assert _fit(*arguments, "--seconds", seconds, "--resume") == 0
    resumed = json.loads((tmp_path / name / "history.json").read_text())
    whole = json.loads((GOLDEN / name / "whole.json").read_text())
    for key in ("loss", "held_out"):
        common = min(len(resumed[key]), len(whole[key]))
        assert common > len(json.loads((GOLDEN / name / "history.json").read_text())[key])
        np.testing.assert_allclose(resumed[key][:common], whole[key][:common], rtol=1e-3)
    assert json.loads((tmp_path / name / "config.json").read_text())["holdout"] == 1
    assert stabilizer.load(tmp_path / name / "params.npz").outliers is not None
    assert "init_params.basis" in npz.read(tmp_path / name / "fit.npz")


def test_the_defaults_of_the_command_are_those_of_the_library():
    """The command does not import the library before it runs, so its defaults are copies."""
    from fhr_jax.cli.fit import FitOptions, _resolved
    from fhr_jax.losses import PAPER_WEIGHTS
    from fhr_jax.stabilizer.fit import careful, loop, recommended

    options = FitOptions()
    assert _resolved(options).steps == careful.STEPS
    assert _resolved(FitOptions(method="gradient")).steps == recommended.STEPS
    assert options.patience == loop.PATIENCE
    weights = (options.lambda1, options.lambda2, options.lambda3)
    assert weights == (PAPER_WEIGHTS.smooth, PAPER_WEIGHTS.delay, PAPER_WEIGHTS.even_steps)


def test_the_number_of_tracks_held_out_may_be_given(folder, tmp_path, capsys):
    arguments = (folder, "--out", tmp_path / "fit", "--method", "nelder-mead", "--share-scales", "--seconds", 0.05)
    assert _fit(*arguments, "--holdout", 2) == 0
    assert "1 tracks to fit, 2 held out" in capsys.readouterr().out


def test_without_tracks_it_fits_synthetic_ones(tmp_path):
    assert _fit("--out", tmp_path, "--seconds", 0.05, "--videos", 2, "--frames", 40, "--method", "nelder-mead") == 0
    assert stabilizer.load(tmp_path / "params.npz").noise.shape == (136,)


def test_what_was_assumed_about_a_file_is_printed_once(tmp_path, capsys):
    observed, truth = _track(2)
    observed, truth = observed + 300, truth + 300
    observed[7], observed[9, 2] = 0, 0
    npz.write(tmp_path / "d.npz", {"predictions": observed, "truth": truth})
    assert _fit(tmp_path / "d.npz", "--out", tmp_path / "fit", "--seconds", 0.05) == 0
    assert capsys.readouterr().out.count("6 points at (0, 0) read as missing") == 1
