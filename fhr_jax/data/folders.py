"""A user's own folder as records, without building anything.

Told by what lies in it:

* ``NAME.jpg`` (or .png, ...) beside ``NAME.pts``: photographs;
* folders, each with one video file and ``annot/000001.pts``, ... (or the .pts beside it): videos, as 300-VW has them;
* folders, each with the images of a video's frames beside their .pts, in the natural order of their names.

Frames of video files are decoded when they are asked for: in order that is cheap, at random it is not (see
`video_frames`). What is wrong with a file is said when it is read.
"""

import functools
import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data import pts
from fhr_jax.data.clips import runs
from fhr_jax.data.datasets import tree
from fhr_jax.data.datasets.units import LeftOut
from fhr_jax.data.images import read_image
from fhr_jax.data.records import Record, Records, Run, record
from fhr_jax.data.video_frames import VideoFrames
from fhr_jax.errors import InputError

VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".wmv", ".mpg", ".m4v")


class Frame(NamedTuple):
    """A frame of a video: the name of the video, the number from 1, the landmarks, and the video or the image."""

    file: str
    number: int
    landmarks: Path
    video: Path | None
    image: Path | None


class FolderPhotographs:
    """The annotated photographs of a folder; all with as many landmarks as the first."""

    def __init__(self, folder: Path, pairs: list[tree.Pair], left_out: Sequence[LeftOut] = ()):
        self._folder, self._pairs, self.left_out = folder, pairs, tuple(left_out)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Record:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])}

    def encoded(self, index: int) -> Record:
        """The record with the path of its image."""
        pair = self._pairs[int(index)]
        points = _points(pair.landmarks, self._landmarks)
        return record(pair.image, points, dataset=self._folder.name, file=pair.file)

    def __repr__(self) -> str:  # compared when a run resumes
        return f"FolderPhotographs({self._folder.name!r}, {len(self)} {_hash(pair.file for pair in self._pairs)})"

    @functools.cached_property
    def _landmarks(self) -> int:
        return len(pts.read(self._pairs[0].landmarks))


class FolderVideos:
    """The annotated frames of the videos of a folder, one by one; all with as many landmarks as the first."""

    def __init__(self, folder: Path, frames: list[Frame], left_out: Sequence[LeftOut] = ()):
        self._folder, self._frames, self.left_out = folder, frames, tuple(left_out)
        self._of_thread = threading.local()

    @functools.cached_property
    def runs(self) -> tuple[Run, ...]:
        """Frames that follow one another in one video."""
        return runs([frame.file for frame in self._frames], np.array([frame.number for frame in self._frames]))

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Record:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])} if isinstance(record["image"], Path) else record

    def encoded(self, index: int) -> Record:
        """The record with the path of its image, if the frame has a file of its own."""
        frame = self._frames[int(index)]
        points = _points(frame.landmarks, self._landmarks)
        image = frame.image if frame.video is None else self._video(frame.video)[frame.number - 1]
        assert image is not None
        return record(image, points, dataset=self._folder.name, file=frame.file, frame=frame.number)

    def __repr__(self) -> str:  # compared when a run resumes
        names = (f"{frame.file} {frame.number}" for frame in self._frames)
        return f"FolderVideos({self._folder.name!r}, {len(self)} {_hash(names)})"

    def __reduce__(self) -> tuple[Any, ...]:  # without open files
        return FolderVideos, (self._folder, self._frames, self.left_out)

    @functools.cached_property
    def _landmarks(self) -> int:
        return len(pts.read(self._frames[0].landmarks))

    def _video(self, path: Path) -> VideoFrames:
        """Each thread has its own: taking turns at one, they would jump back and forth."""
        videos = self._of_thread.__dict__.setdefault("videos", {})
        return videos.setdefault(path, VideoFrames(path))


def open_folder(folder: str | os.PathLike[str]) -> Records:
    """The records of a user's folder, with `left_out`: files that stay alone, an image without its .pts.

    Raises:
        InputError: there is none, or it holds neither photographs nor videos with landmarks, or both, or a link that
            leads out of it.
    """
    root = tree.root(folder)
    here = tree.listing(root, root)
    pairs, left_out = tree.pairs(here, here, name="")
    frames: list[Frame] = []
    for name, path in here.folders.items():
        found, outside = _video(name, path, root)
        frames += found
        left_out += outside
    for left in left_out:
        if left.reason == tree.OUTSIDE:
            raise InputError(f"{root / left.file}: {left.reason}")
    if pairs and frames:
        raise InputError(f"{folder}: both photographs and folders of videos with .pts in it, expected one kind")
    if frames:
        return FolderVideos(root, frames, left_out)
    if pairs:
        return FolderPhotographs(root, pairs, left_out)
    raise InputError(
        f"{folder}: no landmarks: expected images NAME.jpg and NAME.pts, or folders with a video and annot/000001.pts, "
        "or folders with the images and .pts of frames"
    )


def _video(name: str, path: Path, root: Path) -> tuple[list[Frame], list[Any]]:
    """The frames of one folder, and what was left out of it."""
    here = tree.listing(path, root, name=name)
    pairs, left_out = tree.pairs(here, here, name=name)
    if pairs:
        return [Frame(name, i, pair.landmarks, None, pair.image) for i, pair in enumerate(pairs, start=1)], left_out
    videos = [path for path in here.files.values() if path.suffix.lower() in VIDEO_SUFFIXES]
    annotations = tree.find(path, root, "annot")
    if len(videos) != 1:
        return [], left_out
    inside = here if annotations is None else tree.listing(annotations, root, name=f"{name}/{annotations.name}")
    numbered = {int(p.stem): p for p in inside.files.values() if p.suffix.lower() == ".pts" and _is_number(p.stem)}
    file = f"{name}/{videos[0].name}"
    frames = [Frame(file, number, numbered[number], videos[0], None) for number in sorted(numbered) if number > 0]
    return frames, [*left_out, *inside.left_out]


def _points(path: Path, landmarks: int) -> Float[np.ndarray, "m 2"]:
    points = pts.read(path, landmarks=landmarks)
    if not np.ptp(points, axis=0).max() > 0:
        raise InputError(f"{path}: all landmarks lie at one place")
    return points


def _hash(names: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(names).encode(), digest_size=6).hexdigest()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
