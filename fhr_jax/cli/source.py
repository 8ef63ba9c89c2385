"""What `train --data` and `evaluate --images` name: faces to look at one by one, whatever they come from."""

from pathlib import Path
from typing import NamedTuple

from fhr_jax import pipeline
from fhr_jax.data import boxes
from fhr_jax.data.records import Frames, Records, Run, encoded, open_dataset
from fhr_jax.data.seven import comparable
from fhr_jax.data.singles import singles
from fhr_jax.errors import InputError


class Source(NamedTuple):
    """Single faces.

    Attributes:
        records: photographs, or frames of videos.
        landmarks: how many each has, 68 or 7.
        runs: of frames that follow one another; none of photographs, or where the data does not tell.
    """

    records: Records
    landmarks: int
    runs: tuple[Run, ...]


def open_source(name: str, *, directory: Path | None, split: str | None, choice: str, seed: int) -> Source:
    """Open a folder, or a dataset by its name, and tell which files of a folder are left out.

    Args:
        name: of a folder or a dataset; see `records.open_dataset`.
        directory: of the datasets.
        split: of a dataset.
        choice: of the boxes: "truth", "jitter" or a detector's file.
        seed: of the jitter.

    Raises:
        InputError: there are no such data, or with other landmarks than 68 or 7.
    """
    opened = open_dataset(name, directory=directory, split=split)
    for left in getattr(opened, "left_out", ()):
        print(f"{name}: left out: {left.file}: {left.reason}")
    if not len(opened):
        raise InputError(f"{name}: holds no faces")
    chosen = boxes.Jitter(seed) if choice == "jitter" else choice
    records = comparable(boxes.choose(singles(opened), chosen))
    first = encoded(records, 0)
    landmarks = len(first["points"])
    if landmarks not in pipeline.MARKUPS:
        raise InputError(f"{name}: {first['file']} has {landmarks} landmarks, expected 68 or 7")
    return Source(records, landmarks, opened.runs if isinstance(opened, Frames) else ())
