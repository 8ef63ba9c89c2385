"""The command `fhr-jax`. Each subcommand is a module here, imported only when it is used.

A module has a function `run(options)`; the module of the same name in `arguments` has a frozen dataclass of these
options, whose docstrings are the help text. Options that several commands share are in `options`. To add a command,
write both modules and add a line to `COMMANDS`.
"""

import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from fhr_jax import compilation_cache, memory, xla_flags
from fhr_jax.cli.signals import Stopped
from fhr_jax.errors import InputError


class Command(NamedTuple):
    """A subcommand.

    Attributes:
        module: name of its modules in fhr_jax.cli and fhr_jax.cli.arguments.
        options: name of its class of options.
        summary: its line in `fhr-jax --help`.
    """

    module: str
    options: str
    summary: str


COMMANDS = {
    "demo": Command("demo", "DemoOptions", "run the whole method on synthetic faces and write a report; five minutes"),
    "track": Command("track", "TrackOptions", "track the landmarks of faces through a video, images or a camera"),
    "smooth": Command(
        "smooth", "SmoothOptions", "stabilize a file of landmarks, of OpenFace, MediaPipe, COCO, DeepLabCut and others"
    ),
    "evaluate": Command("evaluate", "EvaluateOptions", "measure the error of predictions, or of a net on photographs"),
    "report": Command("report", "ReportOptions", "write a page to look at, of a tracked video or a file of landmarks"),
    "data": Command("data", "DataOptions", "build the datasets 300W, 300-VW and Talking Face; show a dataset"),
    "train": Command("train", "TrainOptions", "train a network"),
    "calibrate": Command("calibrate", "CalibrateOptions", "fit the confidence of a net on photographs of your own"),
    "export": Command(
        "export", "ExportOptions", "write a net as safetensors and StableHLO, to use without this package"
    ),
    "import": Command("import_net", "ImportOptions", "read a PyTorch net, or an exported one"),
    "fit": Command("fit", "FitOptions", "fit the parameters of the stabilizer"),
}

BAD_INPUT = 2
INTERRUPTED = 130

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""Error numbers of the system when a disk is full or fails."""

_EXTRAS = {
    "av": "video",
    "cv2": "video",
    "PIL": "video",
    "matplotlib": "plots",
    "tensorboardX": "tensorboard",
    "h5py": "formats",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, 2 for bad input, 130 when interrupted.

    Bad input prints one line on stderr: what is wrong and what was expected.

    Args:
        argv: the arguments after `fhr-jax`; default: those of this process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _escape_what_cannot_be_printed()
    try:
        return _flushed(arguments)
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
        message = _out_of_memory(error, arguments[0]) or _missing_device()
        if message is None:
            raise
        return _refuse(message)
    except KeyboardInterrupt:
        print("fhr-jax: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe has closed it. That is no error; Python must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        return _refuse(f"{error.filename or 'writing'}: {error.strerror}; existing files are unchanged")


def _flushed(arguments: list[str]) -> int:
    """Run a command line, and write all of its output, so that a pipe that is closed is met here and not at exit."""
    try:
        code = _main(arguments)
    except SystemExit:  # the help
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return code


def _escape_what_cannot_be_printed() -> None:
    """Print characters that the terminal or the log does not know as escapes; by default Python ends there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _refuse(message: str) -> int:
    print(f"fhr-jax: error: {message}", file=sys.stderr)
    return BAD_INPUT


def _main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(_help())
        return 0 if arguments else BAD_INPUT
    if name == "--version":
        from fhr_jax import __version__

        print(f"fhr-jax {__version__}")
        return 0
    if name not in COMMANDS:
        kind = "option" if name.startswith("-") else "command"
        raise InputError(f"unknown {kind} {name!r}, expected one of {', '.join(COMMANDS)}; see fhr-jax --help")
    memory.tune_malloc()
    compilation_cache.set_environment()
    xla_flags.set_environment()
    command = COMMANDS[name]
    taken = importlib.import_module(f"fhr_jax.cli.arguments.{command.module}")
    # Several subcommands are a union of classes, which has no docstring: its module has a DESCRIPTION.
    description = getattr(taken, "DESCRIPTION", None)
    options = _options(getattr(taken, command.options), name, arguments[1:], description=description)
    if options is not None:
        importlib.import_module(f"fhr_jax.cli.{command.module}").run(options)
    return 0


_LESS_MEMORY = {
    "train": "use a smaller --batch, --dtype bfloat16, more --devices or a smaller --preset (fhr-jax train --dry-run "
    "prints what each needs)",
    "fit": "give it fewer or shorter tracks, and leave out --covariance full",
    "smooth": "give it a shorter file, and leave out --covariance full",
    "data": "use fewer --workers",
    "track": "use a smaller --net",
    "evaluate": "use a smaller --net",
    "calibrate": "use a smaller --net or fewer --faces",
    "export": "use a smaller --net",
}
"""Advice of each command when a device, or the host, runs out of memory."""
_ON_CPU = "run it on the CPU: JAX_PLATFORMS=cpu"


def _out_of_memory(error: BaseException, name: str) -> str | None:
    text = str(error)
    device = "RESOURCE_EXHAUSTED" in text or "out of memory" in text.lower()
    if not device and not isinstance(error, MemoryError):
        return None
    advice = [_LESS_MEMORY[name]] if name in _LESS_MEMORY else []
    advice += [_ON_CPU] if device and name != "train" else []
    return f"out of memory{' on the device' if device else ''}: {', or '.join(advice) or 'close other programs'}"


def _missing_device() -> str | None:
    """The message if JAX_PLATFORMS names a device that does not exist here, else None.

    Called only after an error: listing devices earlier would prevent `jax.distributed.initialize`.
    """
    platforms = os.environ.get("JAX_PLATFORMS")
    if not platforms:
        return None
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # JAX asserts if CUDA is asked for and no GPU is visible
        reason = (str(error).split(" (set JAX_PLATFORMS")[0].splitlines() or ["no NVIDIA GPU is visible"])[0]
        return f"JAX_PLATFORMS={platforms}: no such device here ({reason}); unset it to use the devices that exist"
    return None


def _options(options: Any, name: str, arguments: list[str], *, description: str | None) -> Any:
    """Parse with tyro and reduce its error box to one line; None if only help was asked for."""
    import tyro

    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return tyro.cli(options, prog=f"fhr-jax {name}", description=description, args=arguments)
    except SystemExit as exit:
        if not exit.code:
            return None
        raise InputError(f"{_first_paragraph(errors.getvalue())} (see fhr-jax {name} --help)") from None


def _first_paragraph(box: str) -> str:
    """The text of a box of tyro below its title and up to a line; where the output is ASCII it has no frame."""
    lines = [line.strip("│ ") for line in box.strip().splitlines()[1:]]
    paragraph: list[str] = []
    for line in lines:
        if line.startswith(("─", "╰", "---")):
            if paragraph:
                break
        else:
            paragraph.append(line)
    return " ".join(paragraph) or "the options cannot be read"


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    return f"""usage: fhr-jax COMMAND [OPTIONS]

Face landmarks with sub-pixel accuracy, stable over time.

commands:
{commands}

fhr-jax COMMAND --help  shows the options of a command, with an example.
fhr-jax --version       shows the version.

Example:  fhr-jax track video.mp4 --out runs/video"""
