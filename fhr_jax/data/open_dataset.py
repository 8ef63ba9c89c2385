"""Open annotated faces by name or folder: a built dataset, one of the TFDS catalogue, or a user's own folder."""

import os
from pathlib import Path

from fhr_jax.data.datasets import names
from fhr_jax.data.datasets import open as open_built_dataset
from fhr_jax.data.records import Records
from fhr_jax.data.sources import clips, user_folder
from fhr_jax.data.sources.boxes import BoxJitter, with_boxes
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
        name: a dataset that `fhr-jax data build` built ("face300w", "face300vw", "face300vw/clips16", "talking_face"),
            one of the TFDS catalogue ("the300w_lp", "aflw2k3d"), or a folder: that of a built dataset, or your own
            images or videos with .pts (see `data.sources.user_folder`).
        directory: for a name, the folder of the datasets; default: ./datasets, then where TFDS keeps its data.
        split: "train", "common", ..., or a TFDS expression such as "train[:90%]" or "common+challenging". It may be
            omitted where there is only one. A user's folder has none.
        clip: frames of a clip; each record then has a leading axis of frames. With None records are as stored: single
            frames, except in "clips16". `crops.Crops` and the commands need single frames.
        stride: frames from the start of a clip to the start of the next; default: `clip`.
        boxes: "truth", the boxes of the landmarks; the file of a detector (see `data.sources.boxes.read_boxes`); or a
            `data.sources.boxes.BoxJitter`, the boxes of the landmarks moved at random.

    Returns:
        A sequence of records; `data.records` describes their fields, shapes and units.

    Raises:
        InputError: there is no such dataset, folder or split, or no videos to make clips of.
    """
    source = _open(name, directory, split)
    if clip is not None:
        source = clips.Clips(source, length=clip, stride=stride or clip)
    elif stride is not None:
        raise InputError("stride needs clip, the number of frames of a clip")
    return with_boxes(source, boxes)


def _open(name: str | os.PathLike[str], directory: str | os.PathLike[str] | None, split: str | None) -> Records:
    if isinstance(name, str) and name.split("/")[0] in names.NAMES:
        return open_built_dataset.open_named(name, directory, split)
    folder = Path(name)
    if not folder.is_dir():
        known = ", ".join(names.NAMES)
        raise InputError(f"{folder}: neither a folder nor a dataset; datasets: {known}")
    if directory is not None:
        raise InputError(f"{folder}: is a folder; give directory= only with the name of a dataset")
    built = open_built_dataset.find_built(folder)
    if built is not None:
        return open_built_dataset.open_built(built, split)
    if split is not None:
        raise InputError(f"{folder}: split={split!r} needs a built dataset")
    return user_folder.open_folder(folder)
