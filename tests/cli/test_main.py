"""The command line itself: help, versions, unknown things, and that errors are one line with exit code 2."""

import dataclasses
import errno
import importlib
import json
import os
import subprocess
import sys
import typing
from pathlib import Path

import jax
import numpy as np
import pytest

from fhr_jax import cli
from fhr_jax.errors import InputError

PROGRAM = [sys.executable, "-c", "import sys; from fhr_jax.cli import main; sys.exit(main())"]


def call(*arguments, **options):
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=120, **options)


def test_help_lists_every_command_without_loading_jax():
    code = "import sys; from fhr_jax.cli import main; main(['--help']); print('jax' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    for name in cli.COMMANDS:
        assert f"\n  {name} " in result.stdout
    assert "Example:" in result.stdout
    assert result.stdout.endswith("False\n")


HELP = """
import sys
from fhr_jax import cli
for name in cli.COMMANDS:
    assert cli.main([name, "--help"]) == 0
assert cli.main(["smooth", "in.npz", "out.npz", "--lag", "two"]) == 2
print({"jax", "numpy", "scipy", "tqdm"} & set(sys.modules))
"""


def test_the_help_of_a_command_and_a_wrong_option_need_neither_jax_nor_numpy():
    result = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, timeout=60)
    assert result.stdout.endswith("set()\n"), result.stderr
    assert "invalid" in result.stderr


def test_every_command_is_there(capsys):
    for name, command in cli.COMMANDS.items():
        for folder in (Path(cli.__file__).parent, Path(cli.__file__).parent / "arguments"):
            assert (folder / f"{command.module}.py").exists(), name
        assert cli.main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert "Example:" in text
        assert f"fhr-jax {name}" in text


def _option_classes():
    """Classes of options with their module; a union, of subcommands, has several."""
    for command in cli.COMMANDS.values():
        options = getattr(importlib.import_module(f"fhr_jax.cli.arguments.{command.module}"), command.options)
        for part in (options,) if isinstance(options, type) else typing.get_args(options):
            yield command.module, part if isinstance(part, type) else typing.get_args(part)[0]


@pytest.mark.parametrize("name", [*cli.COMMANDS, "data build", "data show"])
def test_help_says_defaults_in_words_and_nothing_twice(capsys, name):
    assert cli.main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "None" not in text
    assert "(default: )" not in text
    assert "action options" not in text


SHARED = ("data", "directory", "split", "boxes", "net", "decoder", "mirror", "covariance")
OTHERWISE = (("track", "boxes"),)
"""A video has no true boxes to choose, so there the option takes a file alone."""


def test_shared_options_have_one_help_and_one_default():
    seen = {}
    for module, options in _option_classes():
        hints = typing.get_type_hints(options, include_extras=True)
        for field in dataclasses.fields(options):
            if field.name in SHARED and (module, field.name) not in OTHERWISE:
                described = (hints[field.name].__metadata__, field.default)
                assert seen.setdefault(field.name, described) == described, (module, field.name)
    assert set(seen) == set(SHARED)


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("fhr-jax ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stabilize"], "unknown command 'stabilize'"),
        (["--verbose"], "unknown option '--verbose'"),
        (["smooth"], "IN"),
        (["smooth", "a.npz", "b.npz", "--speed", "3"], "--speed"),
        (["smooth", "a.npz", "b.npz", "--covariance", "half"], "half"),
        (["track", "a.mp4"], "--out"),
    ],
)
def test_wrong_command_lines_give_one_line(capsys, arguments, message):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("fhr-jax: error: ")
    assert error.count("\n") == 1


def test_without_arguments_it_says_how_to_use_it(capsys):
    assert cli.main([]) == 2
    assert "usage" in capsys.readouterr().out


def test_errors_have_no_traceback_in_a_process_of_their_own(tmp_path):
    result = call("smooth", str(tmp_path / "missing.npz"), str(tmp_path / "out.npz"))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == f"fhr-jax: error: {tmp_path / 'missing.npz'}: no such file or folder\n"
    assert not list(tmp_path.iterdir())


def fake_command(monkeypatch, error):
    class Module:
        @staticmethod
        def Options():
            return 1

        @staticmethod
        def run(options):
            raise error

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: Module)
    monkeypatch.setattr(cli, "COMMANDS", {"do": cli.Command("do", "Options", "")})
    monkeypatch.setattr(cli, "_options", lambda *_, **__: 1)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("x.pts: bad"), 2, "fhr-jax: error: x.pts: bad\n"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: 9 bytes"),
            2,
            "out of memory on the device: run it on the CPU: JAX_PLATFORMS=cpu\n",
        ),
        (MemoryError(), 2, "out of memory: close other programs\n"),
        (KeyboardInterrupt(), 130, "fhr-jax: interrupted\n"),
        (ModuleNotFoundError("no cv2", name="cv2"), 2, 'pip install "fhr-jax[video]"\n'),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code, message):
    fake_command(monkeypatch, error)
    assert cli.main(["do"]) == code
    assert capsys.readouterr().err.endswith(message)


@pytest.mark.parametrize(
    ("name", "option"), [("track", "--net"), ("smooth", "--covariance"), ("data build", "--workers")]
)
def test_advice_on_memory_names_an_option_that_the_command_has(monkeypatch, capsys, name, option):
    assert cli.main([*name.split(), "--help"]) == 0
    assert option in capsys.readouterr().out
    fake_command(monkeypatch, MemoryError())
    monkeypatch.setattr(cli, "COMMANDS", {name.split()[0]: cli.Command("do", "Options", "")})
    assert cli.main(name.split()) == 2
    assert option in capsys.readouterr().err


def test_defects_of_the_program_are_not_hidden(monkeypatch):
    fake_command(monkeypatch, ModuleNotFoundError("no numpy", name="numpy"))
    with pytest.raises(ModuleNotFoundError):
        cli.main(["do"])


def test_a_closed_pipe_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        result = subprocess.run([*PROGRAM, "--help"], stdout=gone, stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.stderr == ""


def test_a_full_disk_gives_one_line(monkeypatch, tmp_path, capsys):
    def write(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "steady.npz")

    track = tmp_path / "track.npz"
    np.savez(track, predictions=np.zeros((3, 68, 2)))
    monkeypatch.setattr("fhr_jax.files.os.replace", write)
    assert cli.main(["smooth", str(track), str(tmp_path / "steady.npz")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "steady.npz: No space left on device" in error
    assert [path.name for path in tmp_path.iterdir()] == ["track.npz"]


EVERY_COMMAND = """
import importlib
from types import SimpleNamespace
from fhr_jax import cli

def run(options):
    import jax
    jax.numpy.zeros(1)

for name, command in cli.COMMANDS.items():  # whatever its options are, it computes something
    stand_in = SimpleNamespace(run=run, **{command.options: None})
    cli.importlib = SimpleNamespace(import_module=lambda name: stand_in)
    cli._options = lambda *_, **__: 1
    assert cli.main([name]) == 2, name
"""


@pytest.mark.parametrize("platform", ["cuda", "tpu", "nonsense"])
def test_a_device_that_is_not_there_gives_one_line_from_every_command(platform):
    if {"cuda": "gpu"}.get(platform, platform) in {device.platform for device in jax.devices()}:
        pytest.skip(f"there is a {platform} device here")
    environment = os.environ | {"JAX_PLATFORMS": platform}
    process = [sys.executable, "-c", EVERY_COMMAND]
    result = subprocess.run(process, capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == len(cli.COMMANDS)
    for line in lines:
        assert line.startswith(f"fhr-jax: error: JAX_PLATFORMS={platform}: no such device here (")
        assert line.endswith("; unset it to use the devices that exist")


SEVERAL = """
import json, sys
from fhr_jax import cli

for arguments in json.loads(sys.argv[1]):
    assert cli.main(arguments) == 2, arguments
    print("end of", arguments[0], file=sys.stderr)
"""


def test_a_device_that_is_not_there_leaves_nothing_behind(tmp_path):
    np.savez(tmp_path / "track.npz", predictions=np.random.default_rng(0).normal(size=(3, 68, 2)))
    commands = [
        ["smooth", f"{tmp_path}/track.npz", f"{tmp_path}/steady.npz"],
        ["export", "--out", f"{tmp_path}/net"],
        ["train", "--out", f"{tmp_path}/run", "--preset", "tiny", "--steps", "1"],
    ]
    process = [sys.executable, "-c", SEVERAL, json.dumps(commands)]
    environment = os.environ | {"JAX_PLATFORMS": "nonsense"}
    result = subprocess.run(process, capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    for command, *_ in commands:
        last = lines[lines.index(f"end of {command}") - 1]
        assert last.startswith("fhr-jax: error: JAX_PLATFORMS=nonsense: no such device here (")
    assert [path.name for path in tmp_path.iterdir()] == ["track.npz"]


OUTPUTS = {
    "demo": ["--out", "{out}"],
    "track": ["{video}", "--out", "{out}"],
    "smooth": ["{track}", "{out}.npz"],
    "evaluate": ["--predictions", "{results}", "--out", "{out}"],
    "evaluate data": ["--data", "{faces}", "--out", "{out}"],
    "data show": ["{faces}", "--out", "{out}.png"],
    "data build": ["face300w", "--source", "{faces}", "--out", "{out}"],
    "train": ["--steps", "1", "--preset", "tiny", "--out", "{out}"],
    "train data": ["--steps", "1", "--preset", "tiny", "--data", "{faces}", "--out", "{out}"],
    "calibrate": ["--data", "{faces}", "--out", "{out}"],
    "export": ["--out", "{out}"],
    "import": ["{exported}", "--out", "{out}.npz"],
    "fit": ["{track}", "--out", "{out}"],
}
"""What to write, by command, for names that no file or folder can have."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    from fractions import Fraction

    from fhr_jax import npz
    from fhr_jax.data.io import video
    from tests.photographs import write

    root = tmp_path_factory.mktemp("inputs")
    truth = np.random.default_rng(0).uniform(100, 300, (20, 68, 2))
    npz.write(root / "track.npz", {"predictions": truth, "truth": truth})
    write(root / "faces", list("abcdef"))
    with video.writer(root / "video.mp4", size=(64, 64), rate=Fraction(25)) as add:
        add(np.zeros((64, 64, 3), np.uint8), 0.0)
    (root / "exported").mkdir()
    return {name.split(".")[0]: root / name for name in ("track.npz", "faces", "video.mp4", "exported")} | {
        "results": root / "track.npz"
    }


@pytest.mark.parametrize("case", OUTPUTS)
def test_an_output_whose_name_is_too_long_is_refused_in_one_line(case, inputs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = case.removesuffix(" data").split()
    places = inputs | {"out": tmp_path / ("x" * 300)}
    assert cli.main([*name, *(word.format(**places) for word in OUTPUTS[case])]) == cli.BAD_INPUT
    last = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("fhr-jax: error: ")
    assert "xxxx" in last or name == ["import"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [*cli.COMMANDS, "data build", "data show"])
def test_a_terminal_that_knows_ascii_only_gets_help_and_errors(name):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    code = (
        "import sys; from fhr_jax.cli import main; a = sys.argv[1:]; sys.exit(main([*a, '--help']) or main([*a, '-ä']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *name.split()], capture_output=True, env=environment, timeout=60
    )
    assert result.returncode == cli.BAD_INPUT
    assert b"Example:" in result.stdout
    assert result.stderr.startswith(b"fhr-jax: error: ")
    assert result.stderr.count(b"\n") == 1
    (result.stdout + result.stderr).decode("ascii")
    assert b"----" not in result.stderr


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_names_beyond_ascii_are_printed_as_escapes(environment, tmp_path):
    folder = tmp_path / "Köpfe 顔"
    folder.mkdir()
    np.save(
        folder / "ä.npy",
        np.cumsum(np.random.default_rng(0).normal(size=(12, 5, 2)), 0) + 100 * np.arange(10).reshape(5, 2),
    )
    result = call("smooth", str(folder / "ä.npy"), str(folder / "ö.npy"), env=os.environ | environment)
    assert result.returncode == 0, result.stderr
    assert (result.stdout + result.stderr).isascii()
    assert "K\\" in result.stdout
    assert np.load(folder / "ö.npy").shape == (12, 5, 2)
