"""left_out.csv: files that are not in a dataset or an evaluation, and why."""

import csv
from collections.abc import Sequence
from pathlib import Path

from fhr_jax.data.datasets.units import LeftOut
from fhr_jax.files import atomic_file

NAME = "left_out.csv"


def write(folder: Path, left_out: Sequence[LeftOut]) -> None:
    """Write the file into a folder: a row for each, file and reason."""
    with atomic_file(folder / NAME) as path, path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([LeftOut._fields, *left_out])


def read(folder: Path) -> list[LeftOut]:
    """Read the file of a folder."""
    with (folder / NAME).open(newline="", encoding="utf-8") as stream:
        return [LeftOut(row["file"], row["reason"]) for row in csv.DictReader(stream)]
