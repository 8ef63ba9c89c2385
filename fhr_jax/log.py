"""The log of a run: config.json (its options) and metrics.jsonl (one JSON object a line)."""

import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, write_json

CONFIG = "config.json"
METRICS = "metrics.jsonl"

Writer = Callable[[int, Mapping[str, float | int]], None]
"""writer(step, values) records the values elsewhere too, for example for TensorBoard."""


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the options of a run to config.json, atomically."""
    write_json(folder / CONFIG, config)


def read_config(folder: Path) -> dict[str, Any] | None:
    """Read the options of the run in `folder`; None if there is no config.json.

    Raises:
        InputError: config.json cannot be read or holds no JSON object.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as the options of a run: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected a JSON object with the options of a run")
    return config


def same_run(
    folder: Path,
    options: Mapping[str, Any],
    *,
    may_change: Sequence[str] = (),
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Check that the run in `folder`, if there is one, has the same options.

    Args:
        folder: of the run.
        options: the options now, in values that JSON can hold.
        may_change: names of options that may differ.
        renamed: old names of options to new ones, for a config.json written before they were renamed.

    Raises:
        InputError: an option differs.
    """
    earlier = read_config(folder)
    if earlier is None:
        return
    earlier = {renamed.get(name, name): value for name, value in earlier.items()}
    for name, value in json.loads(json.dumps(options)).items():
        if name not in may_change and earlier.get(name) != value:
            raise InputError(
                f"{folder}: holds a run with {name} = {earlier.get(name)}, not {value}; "
                "resume it with the same options, or name another --out"
            )


def append_metrics(folder: Path, metrics: dict[str, float | int]) -> None:
    """Append one line to metrics.jsonl in a single write, so that stopping the process leaves no partial line."""
    line = (json.dumps(metrics) + "\n").encode()
    descriptor = os.open(folder / METRICS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read_metrics(folder: Path) -> list[dict[str, float | int]]:
    """Read the lines of metrics.jsonl: none without the file. A partial or damaged line ends it.

    Raises:
        InputError: the file cannot be read.
    """
    path, lines = folder / METRICS, []
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    for line in content.splitlines():
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(values, dict) or not isinstance(values.get("step"), int):
            break
        lines.append(values)
    return lines


def cut_metrics(folder: Path, step: int) -> None:
    """Drop the lines after a step: a run that resumes from it writes them again."""
    if not (folder / METRICS).exists():
        return
    kept = [line for line in read_metrics(folder) if line["step"] <= step]
    with atomic_file(folder / METRICS) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))


@contextmanager
def tensorboard(folder: Path) -> Generator[Writer]:
    """Yield a writer of TensorBoard event files in a folder.

    Raises:
        ModuleNotFoundError: tensorboardX is not installed; it writes these files without TensorFlow.
    """
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder), flush_secs=10) as events:

        def write(step: int, values: Mapping[str, float | int]) -> None:
            for name, value in values.items():
                events.add_scalar(name, value, step)

        yield write
