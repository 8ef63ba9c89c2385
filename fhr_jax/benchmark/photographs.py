"""Photographs to learn from and photographs to test on, and how large they were before they were cut out."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fhr_jax.data.records import Records, encoded
from fhr_jax.data.sources import holdout
from fhr_jax.data.sources.holdout import Subset
from fhr_jax.errors import InputError

ORIGINALS = "original_inter_ocular.csv"
"""In a folder of photographs: a table with the columns `name` (of the file, without suffix) and `scale` (pixels of the
file for each pixel of the original photograph)."""


def keep_aside(records: Records, *, name: object, share: int = 5) -> tuple[Subset, Subset]:
    """Split photographs into those to learn from and those to test on.

    Files `NAME_1.jpg` and `NAME_2.jpg` are faces of one photograph; none is learned from if another is tested on.

    Args:
        records: the faces.
        name: of the data, for error messages.
        share: one face in so many is tested on; the same ones at every call.

    Returns:
        The faces to learn from, without those of tested photographs, and the faces to test on.

    Raises:
        InputError: there are fewer than two faces.
    """
    rest, test = holdout.split_holdout(records, max(1, len(records) // share), seed=0, name=name)
    aside = set(_photographs(test))
    learn = [i for i, photograph in enumerate(_photographs(rest)) if photograph not in aside]
    return Subset(rest, learn), test


def _photographs(records: Records) -> list[str]:
    """The photograph of each face: its file without the number at the end."""
    return [encoded(records, i)["file"].rsplit("_", 1)[0] for i in range(len(records))]


def original_pixels(folder: Path, records: Records) -> Float[np.ndarray, " n"]:
    """How many pixels of the original photograph one pixel of each face's file is.

    Args:
        folder: where the photographs lie; see `ORIGINALS`.
        records: N single faces of it.

    Returns:
        Factors (N,), original pixels for each pixel of the file; ones if the folder has no such table.

    Raises:
        InputError: the table lacks a column or a face, or a scale is no positive number.
    """
    path = folder / ORIGINALS
    if not path.exists():
        return np.ones(len(records))
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        if not {"name", "scale"} <= set(rows.fieldnames or ()):
            raise InputError(f"{path}: expected the columns name and scale")
        scales = {row["name"]: row["scale"] for row in rows}
    names = [Path(encoded(records, i)["file"]).stem for i in range(len(records))]
    if missing := [name for name in names if name not in scales]:
        raise InputError(f"{path}: no row for {missing[0]}")
    return np.array([1 / _positive(scales[name], name, path) for name in names])


def _positive(text: str | None, name: str, path: Path) -> float:
    try:
        scale = float(text or "")
    except ValueError:
        scale = np.nan
    if not 0 < scale < np.inf:
        raise InputError(f"{path}: scale of {name} is {text!r}, expected a positive number")
    return scale
