"""left_out.csv: files that are not in a dataset or an evaluation, and why."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

NAME = "left_out.csv"


class Skipped(NamedTuple):
    """Something of the user's files that is not in the dataset, and why."""

    file: str
    reason: str


def skipped_for(file: str, error: InputError, *paths: Path) -> Skipped:
    """The reason without the path on this machine; with the name of the file to blame where that is another one."""
    said = str(error)
    for path in paths:
        if said.startswith(f"{path}: "):
            said = said.removeprefix(f"{path}: ").replace(str(path), path.name)
            return Skipped(file, said if file.endswith(path.name) else f"{path.name}: {said}")
    return Skipped(file, said)


def write(folder: Path, left_out: Sequence[Skipped]) -> None:
    """Write the file into a folder: a row for each, file and reason."""
    with atomic_file(folder / NAME) as path, path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([Skipped._fields, *left_out])


def read(folder: Path) -> list[Skipped]:
    """Read the file of a folder."""
    with (folder / NAME).open(newline="", encoding="utf-8") as stream:
        return [Skipped(row["file"], row["reason"]) for row in csv.DictReader(stream)]
