"""The command `fhr-jax`: one module a subcommand, imported only when it is asked for.

A module has a frozen dataclass of options, whose docstrings are the help, and `run(options)`. To add a command,
write the module and a line in `COMMANDS`.
"""

import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fhr_jax import memory
from fhr_jax.cli.signals import Stopped
from fhr_jax.errors import InputError


class Command(NamedTuple):
    """A subcommand: the module below fhr_jax.cli, its class of options, and a line for the list of commands."""

    module: str
    options: str
    summary: str


COMMANDS = {
    "demo": Command("demo", "Demo", "the whole method on synthetic faces, with a report; a few minutes"),
    "track": Command("track", "Track", "follow the landmarks of a face through a video"),
    "smooth": Command("smooth", "Smooth", "steady a file of landmarks (.npz, OpenFace .csv, folder of .pts)"),
    "evaluate": Command("evaluate", "Evaluate", "measure the error of predictions, or of a net on photographs"),
    "data": Command("data", "Data", "build the datasets 300W, 300-VW and Talking Face, and look at one"),
    "train": Command("train", "Train", "train a network"),
    "export": Command("export", "Export", "write a net for use without its code: safetensors and StableHLO"),
    "import": Command("import_net", "Import", "read a net of PyTorch, or one that was exported"),
    "fit": Command("fit", "Fit", "fit the stabilizer's parameters"),
}

BAD_INPUT = 2
INTERRUPTED = 130

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""What the system says where a disk is full, or fails."""

_EXTRAS = {"av": "video", "cv2": "video", "PIL": "video", "matplotlib": "plots", "tensorboardX": "tensorboard"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, 2 for bad input, 130 when interrupted.

    Bad input gives one line on stderr that says what is wrong and what was expected.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _main(arguments)
    except InputError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        return _refuse(f'this needs {error.name}, which is not installed: pip install "fhr-jax[{_EXTRAS[error.name]}]"')
    except Stopped as stopped:
        print(f"fhr-jax: {stopped}", file=sys.stderr)
        return stopped.code
    except (RuntimeError, AssertionError, MemoryError) as error:
        trouble = _out_of_memory(error, arguments[0]) or _missing_device()
        if trouble is None:
            raise
        return _refuse(trouble)
    except KeyboardInterrupt:
        print("fhr-jax: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone; nothing is wrong here, and Python must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        return _refuse(f"{error.filename or 'writing'}: {error.strerror}; what was there before is still there")


def _refuse(message: str) -> int:
    print(f"fhr-jax: error: {message}", file=sys.stderr)
    return BAD_INPUT


def _main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(_help())
        return 0 if arguments else BAD_INPUT
    if name == "--version":
        from importlib.metadata import version

        print(f"fhr-jax {version('fhr-jax')}")
        return 0
    if name not in COMMANDS:
        kind = "option" if name.startswith("-") else "command"
        raise InputError(f"unknown {kind} {name!r}, expected one of {', '.join(COMMANDS)}; see fhr-jax --help")
    memory.tune_malloc()
    _keep_programs()
    command = COMMANDS[name]
    module = importlib.import_module(f"fhr_jax.cli.{command.module}")
    options = _options(getattr(module, command.options), name, arguments[1:])
    if options is not None:
        module.run(options)
    return 0


def _keep_programs() -> None:
    """Compiled programs are kept for the next run, unless JAX_COMPILATION_CACHE_DIR names another place or is empty."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a user without a home, as in some containers
        return
    # Read by JAX when it is imported, which `fhr-jax --help` does not wait for; processes that are started have it too.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(home) / "fhr_jax" / "programs")


_LESS_MEMORY = {
    "train": "take a smaller --batch, --dtype bfloat16, more --devices or a smaller --preset (fhr-jax train --dry-run "
    "tells what each needs)",
    "fit": "give it fewer or shorter tracks, and leave out --covariance full",
    "smooth": "give it a shorter file, and leave out --covariance full",
    "data": "take fewer --processes",
    "track": "take a smaller --net",
    "evaluate": "take a smaller --net",
    "export": "take a smaller --net",
}
"""What to change where a device, or the host, has no more memory."""
_ELSEWHERE = "run it on the CPU: JAX_PLATFORMS=cpu"


def _out_of_memory(error: BaseException, name: str) -> str | None:
    said = str(error)
    device = "RESOURCE_EXHAUSTED" in said or "out of memory" in said.lower()
    if not device and not isinstance(error, MemoryError):
        return None
    advice = [_LESS_MEMORY[name]] if name in _LESS_MEMORY else []
    advice += [_ELSEWHERE] if device and name != "train" else []
    return f"out of memory{' of the device' if device else ''}: {', or '.join(advice) or 'close other programs'}"


def _missing_device() -> str | None:
    """What is missing where a device was asked for that is not there.

    Only asked after an error: looking for devices before would keep processes from joining a cluster.
    """
    asked = os.environ.get("JAX_PLATFORMS")
    if not asked:
        return None
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # jax asserts where CUDA is asked for and no GPU is visible
        reason = (str(error).split(" (set JAX_PLATFORMS")[0].splitlines() or ["no NVIDIA GPU is visible"])[0]
        return f"JAX_PLATFORMS={asked}: no such device here ({reason}); unset it to run on what there is"
    return None


def _options(options: Any, name: str, arguments: list[str]) -> Any:
    """Parse with tyro, whose box of several lines becomes one; None where only help was asked for."""
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(options, prog=f"fhr-jax {name}", args=arguments)
    except SystemExit as exit:
        if not exit.code:
            return None
        raise InputError(f"{_first_paragraph(said.getvalue())} (see fhr-jax {name} --help)") from None


def _first_paragraph(box: str) -> str:
    lines = [line.strip("│ ") for line in box.splitlines()[1:]]
    paragraph = []
    for line in lines:
        if line.startswith(("─", "╰")):
            break
        paragraph.append(line)
    return " ".join(paragraph) or "the options cannot be read"


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    return f"""usage: fhr-jax COMMAND [OPTIONS]

Face landmarks to the fraction of a pixel, and steady over time.

commands:
{commands}

fhr-jax COMMAND --help tells the options of a command, with an example.
fhr-jax --version tells the version.

Example:  fhr-jax track video.mp4 --out runs/video"""
