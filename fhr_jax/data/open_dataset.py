"""Open annotated faces by name or folder: built datasets, TFDS catalogue datasets, a user's own folder."""

import os
from pathlib import Path

from fhr_jax.data.datasets import names
from fhr_jax.data.datasets import open as open_built_dataset
from fhr_jax.data.records import Records
from fhr_jax.data.sources import boxes as boxes_module
from fhr_jax.data.sources import clips, user_folder
from fhr_jax.data.sources.boxes import BoxJitter
from fhr_jax.errors import InputError


def open_dataset(
    name: str | os.PathLike[str],
    *,
    directory: str | os.PathLike[str] | None = None,
    split: str | None = None,
    clip: int | None = None,
    stride: int | None = None,
    boxes: str | os.PathLike[str] | BoxJitter = "truth",
) -> Records:
    """Open annotated faces.

    Args:
        name: a dataset that `fhr-jax data build` made, "face300w", "face300vw", "face300vw/clips16", "talking_face";
            or of the TFDS catalogue, "the300w_lp", "aflw2k3d"; or a folder: one of those that were built, or the
            user's own images or videos with .pts (`data.sources.user_folder`).
        directory: for a name, the --out of the build; default: ./datasets, or where TFDS keeps its data.
        split: "train", "common", ..., or TFDS's "train[:90%]", "common+challenging"; may be left out where there is
            one only. The user's own folder has none.
        clip: frames of a video to a clip, each with a leading axis, for models of your own (`crops.Crops` and the
            commands want single frames); None gives what is stored, which but for "clips16" is single frames.
        stride: from the start of a clip to the next; default: `clip`.
        boxes: "truth", the boxes of the landmarks; a detector's file (`data.sources.boxes.from_file` says its form); or
            `data.sources.boxes.BoxJitter`, the truth moved at random.

    Raises:
        InputError: there is no such dataset, folder or split, or it has no videos to make clips of.
    """
    source = _open(name, directory, split)
    if clip is not None:
        source = clips.Clips(source, length=clip, stride=stride or clip)
    elif stride is not None:
        raise InputError("stride goes with clip: the number of frames of one")
    return boxes_module.choose(source, boxes)


def _open(name: str | os.PathLike[str], directory: str | os.PathLike[str] | None, split: str | None) -> Records:
    if isinstance(name, str) and name.split("/")[0] in names.NAMES:
        return open_built_dataset.open_named(name, directory, split)
    folder = Path(name)
    if not folder.is_dir():
        known = ", ".join(names.NAMES)
        raise InputError(f"{folder}: no such folder, and no dataset: those are {known}")
    if directory is not None:
        raise InputError(f"{folder}: a folder; directory goes with the name of a dataset")
    built = open_built_dataset.find_built(folder)
    if built is not None:
        return open_built_dataset.open_built(built, split)
    if split is not None:
        raise InputError(f"{folder}: no dataset that was built, so it has no split {split!r}")
    return user_folder.open_folder(folder)
