"""What a run leaves behind besides its checkpoints: config.json and metrics.jsonl."""

import json
import os
from pathlib import Path
from typing import Any

from fhr_jax.errors import InputError
from fhr_jax.files import write_json

CONFIG = "config.json"
METRICS = "metrics.jsonl"


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


def append_metrics(folder: Path, metrics: dict[str, float | int]) -> None:
    """Add one line to metrics.jsonl; a line is written at once, so that a stop never leaves half of one."""
    line = (json.dumps(metrics) + "\n").encode()
    descriptor = os.open(folder / METRICS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read_metrics(folder: Path) -> list[dict[str, float | int]]:
    """All lines of metrics.jsonl; a last line that a kill cut short is left out."""
    lines = []
    for line in (folder / METRICS).read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines
