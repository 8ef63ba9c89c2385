"""summary.json of an experiment: its figures, and what one needs to know to make them again."""

import functools
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fhr_jax.files import write_json
from fhr_jax.xla_flags import processors

SUMMARY = "summary.json"
ORIGIN = "origin"
"""Key of `origin()` in a summary."""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy")
"""Whose versions are written down."""
_ROOT = Path(__file__).parents[2]


def write_summary(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write the figures and their `origin()` to summary.json.

    The processor time is that of this process and of those that wrote to the same file before, as experiments do that
    go on where they were stopped.

    Args:
        folder: of the results.
        figures: by name, a key `origin`, of a run that goes on, is replaced.
    """
    made = origin()
    made["processor_seconds"] += _seconds_before((folder / SUMMARY).resolve())
    write_json(folder / SUMMARY, dict(figures) | {ORIGIN: made})


@functools.cache  # so that it is read before this process writes the file for the first time
def _seconds_before(path: Path) -> int:
    try:
        return json.loads(path.read_text())[ORIGIN]["processor_seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def origin() -> dict[str, Any]:
    """The command of this process, its processor time so far, the commit, the machine, the versions and the date."""
    import jax

    program = Path(sys.argv[0]).resolve()
    shown = program.relative_to(_ROOT) if program.is_relative_to(_ROOT) else Path(program.name)
    return {
        "command": shlex.join(["python", shown.as_posix(), *sys.argv[1:]]),
        "processor_seconds": round(sum(os.times()[:4])),
        "commit": commit(),
        "machine": {
            "cpu": _processor(),
            "cores": processors(),
            "device": jax.devices()[0].device_kind,
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "date": date.today().isoformat(),
    }


def commit(*, root: Path = _ROOT) -> str | None:
    """The commit of the source, with a + where files differ from it; None outside of a repository.

    Args:
        root: folder of the source.
    """
    described = _git(root, "describe", "--always", "--abbrev=7", "--exclude=*")
    if described is None:
        return None
    return described + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *words: str) -> str | None:
    try:
        result = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
