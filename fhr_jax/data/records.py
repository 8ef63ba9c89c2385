"""What a record is: one annotated face, in the same form for built datasets, folders and the TFDS catalogue.

A source of records has a length, and source[i] is a dict:

* ``image``: uint8 (H, W, 3), RGB.
* ``points``: float32 (M, 2), landmarks (x, y) in pixels of that image, counted from 0.
* ``box``: float32 (4,), x, y, width, height in the same pixels.
* ``dataset``, ``file``: str, where the record comes from; ``file`` is relative to the dataset, parts joined by /.
* ``frame``: int32 (), number of the frame in its video, from 1; 0 for photographs.

In a clip ``image``, ``points``, ``box`` and ``frame`` have a leading axis of frames.

The `repr` of a source is the same whenever the same data is opened: a run that resumes compares it. Sources can be
pickled, which the workers of a loader need. A source may also have ``encoded(index)``: the record with the path or the
content of the image file as ``image``, so that `crops.Crops` decodes only the part that it needs.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8

from fhr_jax.geometry import box_of

Record = dict[str, Any]
"""One face, or the frames of a clip; see the module."""


@runtime_checkable
class Records(Protocol):
    """Random access to records."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record: ...


def encoded(records: Records, index: int) -> Record:
    """Record `index`, with its image not decoded if the source supports that."""
    read = getattr(records, "encoded", None)
    return records[index] if read is None else read(index)


class FrameRun(NamedTuple):
    """Records `start` to `stop` - 1 of a source are consecutive frames of the video `file`."""

    start: int
    stop: int
    file: str


@runtime_checkable
class Frames(Records, Protocol):
    """Records that are single frames of videos; `runs` tells which are consecutive."""

    @property
    def runs(self) -> tuple[FrameRun, ...]:
        """Runs of consecutive frames of one video."""
        ...


class Identity(NamedTuple):
    """Where a record comes from; of a clip, its first frame."""

    dataset: str
    file: str
    frame: int


def identity(record: Record) -> Identity:
    """The dataset, file and frame of a record."""
    return Identity(record["dataset"], record["file"], int(np.ravel(record["frame"])[0]))


def record(
    image: UInt8[np.ndarray, "*t h w 3"] | Path | bytes,
    points: Float[np.ndarray, "*t m 2"],
    *,
    dataset: str,
    file: str,
    frame: Any = 0,
) -> Record:
    """Make a record, with the box of its landmarks.

    Args:
        image: pixels (H, W, 3), of a clip (T, H, W, 3), or the path or content of an image file.
        points: landmarks (M, 2), of a clip (T, M, 2), in pixels (x, y).
        dataset: name of the dataset.
        file: name of the file in the dataset.
        frame: number of the frame in its video, from 1; of a clip (T,); 0 for photographs.
    """
    points = np.asarray(points, np.float32)
    return {
        "image": image,
        "points": points,
        "box": box_of(points),
        "dataset": dataset,
        "file": file,
        "frame": np.asarray(frame, np.int32),
    }


def frame_runs(files: Sequence[str], frames: Int[np.ndarray, " n"]) -> tuple[FrameRun, ...]:
    """The runs of consecutive frames, from the file and the frame number (N,) of each record."""
    if not len(files):
        return ()
    names = np.asarray(files)
    cuts = np.flatnonzero((np.diff(frames) != 1) | (names[1:] != names[:-1])) + 1
    ends = [0, *cuts.tolist(), len(files)]
    return tuple(FrameRun(start, stop, files[start]) for start, stop in pairwise(ends))
