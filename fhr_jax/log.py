"""What a run leaves behind besides its checkpoints: config.json and metrics.jsonl."""

import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, write_json

CONFIG = "config.json"
METRICS = "metrics.jsonl"

Writer = Callable[[int, Mapping[str, float | int]], None]
"""writer(step, values) shows values elsewhere, too."""


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the options that made a run, whole or not at all."""
    write_json(folder / CONFIG, config)


def read_config(folder: Path) -> dict[str, Any] | None:
    """The options that made the run in `folder`; None if it holds no run.

    Raises:
        InputError: the file is there but is not what `write_config` writes.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as the options of a run: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected a JSON object with the options of a run")
    return config


def same_run(folder: Path, options: Mapping[str, Any], *, may_change: Sequence[str] = ()) -> None:
    """Whether the run in `folder`, if there is one, was made with these options, as JSON has them.

    Raises:
        InputError: it was made with others, apart from those that may change.
    """
    earlier = read_config(folder)
    if earlier is None:
        return
    for name, value in json.loads(json.dumps(options)).items():
        if name not in may_change and earlier.get(name) != value:
            raise InputError(
                f"{folder}: holds a run with {name} = {earlier.get(name)}, not {value}; "
                "resume it with the same options, or name another --out"
            )


def append_metrics(folder: Path, metrics: dict[str, float | int]) -> None:
    """Add one line to metrics.jsonl; a line is written at once, so that a stop never leaves half of one."""
    line = (json.dumps(metrics) + "\n").encode()
    descriptor = os.open(folder / METRICS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read_metrics(folder: Path) -> list[dict[str, float | int]]:
    """All lines of metrics.jsonl, none if it is not there; a last line that a kill cut short is left out."""
    path, lines = folder / METRICS, []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def cut_metrics(folder: Path, step: int) -> None:
    """Keep the lines up to a step: those of later ones come again when a run goes on from it."""
    if not (folder / METRICS).exists():
        return
    kept = [line for line in read_metrics(folder) if line["step"] <= step]
    with atomic_file(folder / METRICS) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))


@contextmanager
def tensorboard(folder: Path) -> Generator[Writer]:
    """A writer of TensorBoard's event files into a folder.

    Raises:
        ModuleNotFoundError: tensorboardX, which writes them without TensorFlow, is not installed.
    """
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder), flush_secs=10) as events:

        def write(step: int, values: Mapping[str, float | int]) -> None:
            for name, value in values.items():
                events.add_scalar(name, value, step)

        yield write
