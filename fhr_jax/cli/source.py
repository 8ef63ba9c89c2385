"""What `train --data` and `evaluate --data` name: faces to look at one by one, whatever they come from."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from fhr_jax import pipeline
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Records, encoded
from fhr_jax.data.skipped import Skipped
from fhr_jax.data.sources import boxes
from fhr_jax.data.sources.holdout import videos
from fhr_jax.data.sources.single_frames import single_frames
from fhr_jax.data.sources.talking_face_subset import talking_face_subset
from fhr_jax.data.sources.user_folder import FolderPhotographs, FolderVideos
from fhr_jax.errors import InputError

MOST_LINES = 20
"""So many files that are left out are printed."""


class FaceSource(NamedTuple):
    """Single faces.

    Attributes:
        records: photographs, or frames of videos.
        landmarks: how many each has, 68 or 7.
        videos: numbers of the records of each video; none of photographs, or where the data does not tell.
        left_out: files of a folder that are none of them.
    """

    records: Records
    landmarks: int
    videos: tuple[Sequence[int], ...]
    left_out: tuple[Skipped, ...]


def open_sound(name: str, *, directory: Path | None, split: str | None) -> Records:
    """Open a folder, or a dataset by its name; of a folder what can be read, and say what cannot.

    Raises:
        InputError: there are no such data, or nothing of them can be read.
    """
    opened = open_dataset(name, directory=directory, split=split)
    if isinstance(opened, FolderPhotographs | FolderVideos):
        with tqdm(total=len(opened), unit="file", desc="look through", delay=2) as bar:
            opened = opened.sound(bar.update)
        for left in opened.left_out[:MOST_LINES]:
            print(f"{name}: left out: {left.file}: {left.reason}")
        if len(opened.left_out) > MOST_LINES:
            print(f"{name}: left out: {len(opened.left_out) - MOST_LINES} more")
    if not len(opened):
        told = [f"; {left.file}: {left.reason}" for left in getattr(opened, "left_out", ())]
        raise InputError(f"{name}: holds no faces that can be read" + "".join(told[-1:]))
    return opened


def open_source(name: str, *, directory: Path | None, split: str | None, choice: str, seed: int) -> FaceSource:
    """Open a folder, or a dataset by its name, with the boxes and landmarks to work with.

    Args:
        name: of a folder or a dataset; see `records.open_dataset`.
        directory: of the datasets.
        split: of a dataset.
        choice: of the boxes: "truth", "jitter" or a detector's file.
        seed: of the jitter.

    Raises:
        InputError: there are no such data, or with other landmarks than 68 or 7.
    """
    opened = open_sound(name, directory=directory, split=split)
    chosen = boxes.BoxJitter(seed) if choice == "jitter" else choice
    single = single_frames(opened)
    records = talking_face_subset(boxes.choose(single, chosen))
    first = encoded(records, 0)
    landmarks = len(first["points"])
    if landmarks not in pipeline.MARKUPS:
        raise InputError(f"{name}: {first['file']} has {landmarks} landmarks, expected 68 or 7")
    return FaceSource(records, landmarks, videos(single), getattr(opened, "left_out", ()))
