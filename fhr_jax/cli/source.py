"""Open what `--data` names: single faces, from a folder of the user or from a dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Records, encoded
from fhr_jax.data.skipped import Skipped
from fhr_jax.data.sources import boxes
from fhr_jax.data.sources.holdout import records_by_video
from fhr_jax.data.sources.single_frames import single_frames
from fhr_jax.data.sources.talking_face_subset import talking_face_subset
from fhr_jax.data.sources.user_folder import FolderPhotographs, FolderVideos
from fhr_jax.errors import InputError
from fhr_jax.markup import Markup, built_in
from fhr_jax.progress import Progress

MAX_LINES = 20
"""Number of reasons for skipping files that are printed."""


class FaceSource(NamedTuple):
    """Single faces.

    Attributes:
        records: photographs, or single frames of videos.
        landmarks: number of landmarks of each record.
        videos: for each video the indices of its records; empty for photographs, or where the source does not tell.
        skipped: files of a folder that are not used.
    """

    records: Records
    landmarks: int
    videos: tuple[Sequence[int] | np.ndarray, ...]
    skipped: tuple[Skipped, ...]


def open_readable(name: str, *, directory: Path | None, split: str | None, markup: Markup | None = None) -> Records:
    """Open a folder or a dataset; of a folder, skip the files that cannot be read and print them.

    Of a folder, right and left landmarks of mirrored faces change places (`fhr_jax.data.chirality`), which is printed.

    Args:
        name: of a folder or a dataset; see `open_dataset`.
        directory: the folder of the datasets.
        split: of a dataset.
        markup: of the landmarks; default: the one of the package with as many.

    Raises:
        InputError: there are no such data, or none of them can be read.
    """
    opened = open_dataset(name, directory=directory, split=split)
    if isinstance(opened, FolderPhotographs | FolderVideos):
        with tqdm(total=len(opened), unit="file", desc="scan", delay=2) as bar:

            def advance(progress: Progress) -> None:
                bar.update(progress.done - bar.n)

            opened = opened.only_readable(progress=advance)
        exchanged, landmarks = 0, len(opened.points(0)) if len(opened) else 0
        if markup is None or markup.size != landmarks:
            markup = built_in(landmarks)
        if markup is not None and len(opened):
            opened, exchanged = opened.with_sides_exchanged(markup)
        if exchanged:
            print(
                f"{name}: {exchanged} of {len(opened)} faces are mirrored, but their landmarks kept their numbers: "
                "right and left change places"
            )
        for line in _in_words(opened.skipped):
            print(f"{name}: skipped: {line}")
    if not len(opened):
        reasons = [f"; {item.file}: {item.reason}" for item in getattr(opened, "skipped", ())]
        raise InputError(f"{name}: holds no faces that can be read" + "".join(reasons[-1:]))
    return opened


def _in_words(skipped: Sequence[Skipped]) -> list[str]:
    """Lines for the skipped files, one for all with the same reason, and one for those beyond `MAX_LINES` reasons."""
    files: dict[str, list[str]] = {}
    for item in skipped:
        files.setdefault(item.reason, []).append(item.file)
    shown = list(files.items())[:MAX_LINES]
    lines = [f"{names[0]}{f' and {len(names) - 1} more' * (len(names) > 1)}: {reason}" for reason, names in shown]
    if more := len(skipped) - sum(len(names) for _, names in shown):
        lines.append(f"{more} more")
    return lines


def open_source(
    name: str, *, directory: Path | None, split: str | None, choice: str, seed: int, markup: Markup | None = None
) -> FaceSource:
    """Open a folder or a dataset as single faces, with the chosen boxes.

    Args:
        name: of a folder or a dataset; see `open_dataset`.
        directory: the folder of the datasets.
        split: of a dataset.
        choice: of the boxes: "truth", "jitter" or the file of a detector.
        seed: of the jitter.
        markup: as for `open_readable`.

    Raises:
        InputError: there are no such data.
    """
    opened = open_readable(name, directory=directory, split=split, markup=markup)
    chosen = boxes.BoxJitter(seed) if choice == "jitter" else choice
    single = single_frames(opened)
    records = talking_face_subset(boxes.with_boxes(single, chosen))
    landmarks = len(encoded(records, 0)["points"])
    return FaceSource(records, landmarks, records_by_video(single), getattr(opened, "skipped", ()))
