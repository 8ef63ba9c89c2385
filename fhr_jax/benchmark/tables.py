"""Tables of an experiment: Markdown to read, CSV to compute with."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fhr_jax.files import atomic_file


def write_table(folder: Path, name: str, *, text: str, rows: Iterable[Sequence[Any]]) -> None:
    """Write NAME.md and NAME.csv, each whole or not at all.

    Args:
        folder: for both files.
        name: of both files, without suffix.
        text: the table in Markdown.
        rows: of the CSV, the header first.
    """
    with atomic_file(folder / f"{name}.md") as path:
        path.write_text(text + "\n")
    with atomic_file(folder / f"{name}.csv") as path, path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
