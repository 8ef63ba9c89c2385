"""A user's own folder as records, without building anything.

Told by what lies in it:

* ``NAME.jpg`` (or .png, ...) beside ``NAME.pts``: photographs;
* folders, each with one video file and ``annot/000001.pts``, ... (or the .pts beside it): videos, as 300-VW has them;
* folders, each with the images of a video's frames beside their .pts, in the natural order of their names.

Frames of video files are decoded when they are asked for: in order that is cheap, at random it is not (see
`video_frames`). What is wrong with a file is said when it is read.
"""

import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fhr_jax.data import pts
from fhr_jax.data.clips import runs
from fhr_jax.data.datasets import tree
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
    """The annotated photographs of a folder."""

    def __init__(self, folder: Path, pairs: list[tree.Pair]):
        self._folder, self._pairs = folder, pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Record:
        pair = self._pairs[int(index)]
        points = pts.read(pair.landmarks)
        return record(read_image(pair.image), points, dataset=self._folder.name, file=pair.file)

    def __repr__(self) -> str:  # Grain compares it when it restores an iterator.
        return f"FolderPhotographs({self._folder.name!r}, {len(self)})"


class FolderVideos:
    """The annotated frames of the videos of a folder, one by one; all with as many landmarks as the first."""

    def __init__(self, folder: Path, frames: list[Frame]):
        self._folder, self._frames = folder, frames

    @functools.cached_property
    def runs(self) -> tuple[Run, ...]:
        """Frames that follow one another in one video."""
        return runs([frame.file for frame in self._frames], np.array([frame.number for frame in self._frames]))

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Record:
        frame = self._frames[int(index)]
        points = pts.read(frame.landmarks, landmarks=self._landmarks)
        if frame.image is not None:
            image = read_image(frame.image)
        else:
            assert frame.video is not None
            image = self._videos[frame.video][frame.number - 1]
        return record(image, points, dataset=self._folder.name, file=frame.file, frame=frame.number)

    def __repr__(self) -> str:
        return f"FolderVideos({self._folder.name!r}, {len(self)})"

    def __reduce__(self) -> tuple[Any, ...]:  # without open files
        return FolderVideos, (self._folder, self._frames)

    @functools.cached_property
    def _landmarks(self) -> int:
        return len(pts.read(self._frames[0].landmarks))

    @functools.cached_property
    def _videos(self) -> dict[Path, VideoFrames]:
        return {frame.video: VideoFrames(frame.video) for frame in self._frames if frame.video is not None}


def open_folder(folder: str | os.PathLike[str]) -> Records:
    """The records of a user's folder.

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
        return FolderVideos(root, frames)
    if pairs:
        return FolderPhotographs(root, pairs)
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


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
