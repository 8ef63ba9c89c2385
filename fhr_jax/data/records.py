"""Annotated faces in one form, wherever they come from: a dataset that was built, a folder, the TFDS catalogue.

A source has a length and gives record i as a dict:

* ``image``: uint8 (H, W, 3), RGB.
* ``points``: float32 (M, 2), landmarks (x, y) in pixels of that image, counted from 0.
* ``box``: float32 (4,), x, y, width, height in the same pixels.
* ``dataset``, ``file``: str, where the record comes from; ``file`` is below the dataset's folder, parts joined by /.
* ``frame``: int32 (), number of the frame in its video, from 1; 0 for photographs.

In a clip ``image``, ``points``, ``box`` and ``frame`` have a leading axis of frames. What `repr` says of a source is
the same whenever the same data is opened, by which a run that resumes knows them again; and sources can be pickled,
which the workers of a loader need.

A source may also have ``encoded(index)``: the record with the path or the content of the image's file as ``image``, so
that `crops.Crops` decodes only what it shows.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, UInt8

from fhr_jax.errors import InputError

if TYPE_CHECKING:
    from fhr_jax.data.boxes import Jitter

Record = dict[str, Any]
"""One face, or the frames of one; see the module."""


@runtime_checkable
class Records(Protocol):
    """Random access to records."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record: ...


def encoded(records: Records, index: int) -> Record:
    """Record `index`, its image not decoded if the source can do that."""
    read = getattr(records, "encoded", None)
    return records[index] if read is None else read(index)


class Run(NamedTuple):
    """Records `start` to `stop` - 1 of a source are frames of the video `file` that follow one another."""

    start: int
    stop: int
    file: str


@runtime_checkable
class Frames(Records, Protocol):
    """Records of single frames of videos; `runs` tells which belong together."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """Frames that follow one another in one video."""
        ...


class Identity(NamedTuple):
    """Where a record comes from; of a clip, its first frame."""

    dataset: str
    file: str
    frame: int


def identity(record: Record) -> Identity:
    """The dataset, file and frame of a record."""
    return Identity(record["dataset"], record["file"], int(np.ravel(record["frame"])[0]))


def box_of(points: Float[np.ndarray, "*t m 2"]) -> Float32[np.ndarray, "*t 4"]:
    """The box (x, y, width, height) of landmarks."""
    low, high = points.min(axis=-2), points.max(axis=-2)
    return np.concatenate([low, high - low], axis=-1).astype(np.float32)


def record(
    image: UInt8[np.ndarray, "*t h w 3"] | Path | bytes,
    points: Float[np.ndarray, "*t m 2"],
    *,
    dataset: str,
    file: str,
    frame: Any = 0,
) -> Record:
    """A record, its image decoded or not, with the box of its landmarks."""
    points = np.asarray(points, np.float32)
    return {
        "image": image,
        "points": points,
        "box": box_of(points),
        "dataset": dataset,
        "file": file,
        "frame": np.asarray(frame, np.int32),
    }


def open_dataset(
    name: str | os.PathLike[str],
    *,
    directory: str | os.PathLike[str] | None = None,
    split: str | None = None,
    clip: int | None = None,
    stride: int | None = None,
    boxes: "str | os.PathLike[str] | Jitter" = "truth",
) -> Records:
    """Open annotated faces.

    Args:
        name: a dataset that `fhr-jax data build` made, "face300w", "face300vw", "face300vw/clips16", "talking_face";
            or of the TFDS catalogue, "the300w_lp", "aflw2k3d"; or a folder: one of those that were built, or the
            user's own images or videos with .pts (`data.folders`).
        directory: for a name, the --out of the build; default: ./datasets, or where TFDS keeps its data.
        split: "train", "common", ..., or TFDS's "train[:90%]", "common+challenging"; may be left out where there is
            one only. The user's own folder has none.
        clip: frames of a video to a clip, each with a leading axis, for models of your own (`crops.Crops` and the
            commands want single frames); None gives what is stored, which but for "clips16" is single frames.
        stride: from the start of a clip to the next; default: `clip`.
        boxes: "truth", the boxes of the landmarks; a detector's file (`data.boxes.from_file` says its form); or
            `data.boxes.Jitter`, the truth moved at random.

    Raises:
        InputError: there is no such dataset, folder or split, or it has no videos to make clips of.
    """
    from fhr_jax.data import boxes as boxes_module
    from fhr_jax.data import clips

    source = _open(name, directory, split)
    if clip is not None:
        source = clips.Clips(source, length=clip, stride=stride or clip)
    elif stride is not None:
        raise InputError("stride goes with clip: the number of frames of one")
    return boxes_module.choose(source, boxes)


def _open(name: str | os.PathLike[str], directory: str | os.PathLike[str] | None, split: str | None) -> Records:
    # Grain and TFDS are imported only where data is read.
    from fhr_jax.data import datasets, folders

    if isinstance(name, str) and name.split("/")[0] in datasets.NAMES:
        return datasets.open_named(name, directory, split)
    folder = Path(name)
    if not folder.is_dir():
        known = ", ".join(datasets.NAMES)
        raise InputError(f"{folder}: no such folder, and no dataset: those are {known}")
    if directory is not None:
        raise InputError(f"{folder}: a folder; directory goes with the name of a dataset")
    built = datasets.find_built(folder)
    if built is not None:
        return datasets.open_built(built, split)
    if split is not None:
        raise InputError(f"{folder}: no dataset that was built, so it has no split {split!r}")
    return folders.open_folder(folder)
