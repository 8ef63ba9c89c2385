"""Files that a dataset or an evaluation skips, each with its reason: `Skipped`, and the file skipped.csv."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

SKIPPED_FILE = "skipped.csv"
_FORMER_FILE = "left_out.csv"
"""The same file in folders that were written before it had its present name."""


class Skipped(NamedTuple):
    """A file, folder or video of the user that is not used.

    Attributes:
        file: its name below the user's folder, parts joined by /.
        reason: why it is skipped, on one line and without a path of this machine.
    """

    file: str
    reason: str


def skipped_for(file: str, error: InputError, *paths: Path) -> Skipped:
    """The record of a file that raised an error.

    Args:
        file: name of the file in the dataset.
        error: what was raised. Its message begins with the path of the file at fault.
        *paths: paths that the message may begin with. The path is removed, and where the file at fault is not `file`
            itself (the landmarks of a photograph), its name takes the place of the path.
    """
    message = str(error)
    for path in paths:
        if message.startswith(f"{path}: "):
            message = message.removeprefix(f"{path}: ").replace(str(path), path.name)
            return Skipped(file, message if file.endswith(path.name) else f"{path.name}: {message}")
    return Skipped(file, message)


def write_skipped(folder: Path, skipped: Sequence[Skipped]) -> None:
    """Write skipped.csv into a folder: a heading line, then file and reason of each."""
    with atomic_file(folder / SKIPPED_FILE) as path, path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([Skipped._fields, *skipped])


def find_skipped(folder: Path) -> Path | None:
    """The path of the file in a folder, under its present or its former name; None if there is none."""
    return next((folder / name for name in (SKIPPED_FILE, _FORMER_FILE) if (folder / name).is_file()), None)


def read_skipped(folder: Path) -> list[Skipped]:
    """Read skipped.csv of a folder, or left_out.csv of a folder written before.

    Raises:
        InputError: the folder has neither, or the file is damaged.
    """
    path = find_skipped(folder)
    if path is None:
        raise InputError(f"{folder}: no {SKIPPED_FILE} in this folder")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    if any(row.get(name) is None for row in rows for name in Skipped._fields):
        raise InputError(f"{path}: expected a CSV with the columns {','.join(Skipped._fields)}")
    return [Skipped(row["file"], row["reason"]) for row in rows]
