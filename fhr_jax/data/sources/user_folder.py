"""A user's own folder as records, without building a dataset.

The content of the folder decides what it is:

* photographs: ``NAME.jpg`` (or .png, ...) and ``NAME.pts``;
* videos as in 300-VW: a video file and ``annot/000001.pts``, ... (or the .pts beside it);
* videos as images: folders of images and their .pts, with names that differ only in a number at their end
  (``frame_0012.png``). Such a video is called by the name of its first image, and its frames count from that image.

`folder_layout` says where the landmarks may lie.

Frames of video files are decoded on demand, which is cheap in order and slow at random (see `video_frames`). A file
that cannot be read raises when it is read. `only_readable` checks all files first and skips those that cannot be read.
"""

import functools
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from fhr_jax.data import chirality
from fhr_jax.data.io import file_tree, pts, video
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.io.images import check_image, read_image
from fhr_jax.data.io.video_frames import VideoFrames
from fhr_jax.data.records import FrameRun, Record, Records, frame_runs, record
from fhr_jax.data.skipped import Skipped, skipped_for
from fhr_jax.data.sources import folder_layout
from fhr_jax.data.sources.folder_layout import FolderFrame
from fhr_jax.errors import InputError
from fhr_jax.markup import Markup
from fhr_jax.progress import Progress, ProgressCallback, silent


class FolderPhotographs:
    """The annotated photographs of a folder; all have as many landmarks as the first.

    Args:
        folder: the user's.
        pairs: its photographs.
        skipped: files that are not used.
        flips: the order of the landmarks by number of the photograph, where right and left are exchanged.

    Attributes:
        skipped: files that are not used, with the reasons.
    """

    def __init__(
        self,
        folder: Path,
        pairs: list[ImagePair],
        *,
        skipped: Sequence[Skipped] = (),
        flips: Mapping[int, tuple[int, ...]] = MappingProxyType({}),
    ):
        self._folder, self._pairs, self.skipped, self._flips = folder, pairs, tuple(skipped), dict(flips)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Record:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])}

    def encoded(self, index: int) -> Record:
        """The record with the path of its image file as `image`."""
        pair = self._pairs[int(index)]
        return record(pair.image, self.points(index), dataset=self._folder.name, file=pair.file)

    def points(self, index: int) -> Float[np.ndarray, "m 2"]:
        """The landmarks (M, 2) of a photograph."""
        points = pts.read_face(self._pairs[int(index)].landmarks, landmarks=self._landmarks)
        return points[list(self._flips[int(index)])] if int(index) in self._flips else points

    def with_sides_exchanged(self, markup: Markup) -> "tuple[FolderPhotographs, int]":
        """The photographs with right and left exchanged in mirrored faces that kept their numbers, and how many."""
        side = chirality.sides(_all_points(self), markup=markup)
        flips = dict.fromkeys(chirality.mirrored(side, ()).exchange, markup.flip)
        return FolderPhotographs(self._folder, self._pairs, skipped=self.skipped, flips=flips), len(flips)

    def only_readable(self, *, progress: ProgressCallback = silent) -> "FolderPhotographs":
        """The photographs that can be read: each file is read once, and the others go to `skipped`.

        Args:
            progress: called with the number of photographs that were checked.
        """

        def check(pair: ImagePair) -> None:
            _check_image(pair.image, pair.landmarks, self._landmarks)

        def names(pair: ImagePair) -> tuple[str, Path, Path]:
            return pair.file, pair.image, pair.landmarks

        readable, skipped = _check_all(self._pairs, check, names=names, progress=progress)
        return FolderPhotographs(self._folder, readable, skipped=[*self.skipped, *skipped])

    def __repr__(self) -> str:  # a run compares it when it resumes; only names, so that a file may be mended
        names = (pair.file for pair in self._pairs)
        return f"FolderPhotographs({self._folder.name!r}, {len(self)} {_hash(names)}{_flipped(self._flips)})"

    @functools.cached_property
    def _landmarks(self) -> int:
        return _number_of_landmarks(pair.landmarks for pair in self._pairs)


class FolderVideos:
    """The annotated frames of the videos of a folder, one by one; all have as many landmarks as the first.

    Args:
        folder: the user's.
        frames: of its videos.
        skipped: files that are not used.
        flips: the order of the landmarks by number of the frame, where right and left are exchanged.

    Attributes:
        skipped: files that are not used, with the reasons.
    """

    def __init__(
        self,
        folder: Path,
        frames: list[FolderFrame],
        *,
        skipped: Sequence[Skipped] = (),
        flips: Mapping[int, tuple[int, ...]] = MappingProxyType({}),
    ):
        self._folder, self._frames, self.skipped, self._flips = folder, frames, tuple(skipped), dict(flips)
        self._per_thread = threading.local()

    @functools.cached_property
    def runs(self) -> tuple[FrameRun, ...]:
        """Runs of consecutive frames of one video."""
        return frame_runs([frame.file for frame in self._frames], np.array([frame.number for frame in self._frames]))

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Record:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])} if isinstance(record["image"], Path) else record

    def encoded(self, index: int) -> Record:
        """The record, with the path as `image` where the frame is an image file."""
        frame, points = self._frames[int(index)], self.points(index)
        image = frame.image if frame.video is None else self._video(frame.video)[frame.number - 1]
        assert image is not None
        return record(image, points, dataset=self._folder.name, file=frame.file, frame=frame.number)

    def points(self, index: int) -> Float[np.ndarray, "m 2"]:
        """The landmarks (M, 2) of a frame."""
        points = pts.read_face(self._frames[int(index)].landmarks, landmarks=self._landmarks)
        return points[list(self._flips[int(index)])] if int(index) in self._flips else points

    def with_sides_exchanged(self, markup: Markup) -> "tuple[FolderVideos, int]":
        """The frames with right and left exchanged in videos of mirrored faces, and how many of them.

        Single frames that are mirrored, unlike others of their video, go to `skipped`.
        """
        side = chirality.sides(_all_points(self), markup=markup)
        files: dict[str, list[int]] = {}
        for i, frame in enumerate(self._frames):
            files.setdefault(frame.file, []).append(i)
        found = chirality.mirrored(side, list(files.values()))
        kept = [i for i in range(len(self)) if i not in found.contradict]
        flips = {new: markup.flip for new, old in enumerate(kept) if old in found.exchange}
        lost = [self._frames[i] for i in sorted(found.contradict)]
        skipped = [*self.skipped, *(Skipped(f"{frame.file} {frame.number}", _CONTRADICTS) for frame in lost)]
        frames = [self._frames[i] for i in kept]
        return FolderVideos(self._folder, frames, skipped=skipped, flips=flips), len(flips)

    def only_readable(self, *, progress: ProgressCallback = silent) -> "FolderVideos":
        """The frames that can be read; the others go to `skipped`. Video files are decoded once to find them.

        Args:
            progress: called with the number of frames that were checked.
        """
        videos: dict[Path, video.Readable] = {}

        def check(frame: FolderFrame) -> None:
            if frame.image is not None:
                _check_image(frame.image, frame.landmarks, self._landmarks)
            elif frame.video is not None:
                pts.read_face(frame.landmarks, landmarks=self._landmarks)
                if frame.video not in videos:
                    videos[frame.video] = video.readable(frame.video)
                found = videos[frame.video]
                if frame.number > found.frames:
                    raise InputError(found.problem or f"{frame.video}: ends after {found.frames} frames")
                if frame.number in found.damaged:
                    raise InputError(f"{frame.video}: frame {frame.number} is damaged")

        def names(frame: FolderFrame) -> tuple[str, Path, Path]:
            if frame.image is not None:
                return str(PurePosixPath(frame.file).with_name(frame.image.name)), frame.image, frame.landmarks
            return f"{frame.file} {frame.number}", frame.video or frame.landmarks, frame.landmarks

        readable, skipped = _check_all(self._frames, check, names=names, progress=progress)
        return FolderVideos(self._folder, readable, skipped=[*self.skipped, *skipped])

    def __repr__(self) -> str:  # a run compares it when it resumes; only names, so that a file may be mended
        names = (f"{frame.file} {frame.number}" for frame in self._frames)
        return f"FolderVideos({self._folder.name!r}, {len(self)} {_hash(names)}{_flipped(self._flips)})"

    def __reduce__(self) -> tuple[Any, ...]:  # without open files
        options = {"skipped": self.skipped, "flips": self._flips}
        return functools.partial(FolderVideos, **options), (self._folder, self._frames)

    @functools.cached_property
    def _landmarks(self) -> int:
        return _number_of_landmarks(frame.landmarks for frame in self._frames)

    def _video(self, path: Path) -> VideoFrames:
        """The open video of this thread. Threads that shared one would make it jump back and forth."""
        videos = self._per_thread.__dict__.setdefault("videos", {})
        return videos.setdefault(path, VideoFrames(path))


def open_folder(folder: str | os.PathLike[str]) -> Records:
    """Open a user's folder.

    Returns:
        `FolderPhotographs` or `FolderVideos`. Their `skipped` lists files without a partner, such as an image without
        its .pts.

    Raises:
        InputError: there is no such folder, it holds neither photographs nor videos with landmarks, or both, or it
            holds a symbolic link that leads out of it.
    """
    root = file_tree.root(folder)
    pairs, frames, skipped = folder_layout.find(root)
    for item in skipped:
        if item.reason == file_tree.OUTSIDE:
            raise InputError(f"{root / item.file}: {item.reason}")
    if pairs and frames:
        raise InputError(f"{folder}: both photographs and videos with .pts in it, expected one kind")
    if frames:
        return FolderVideos(root, frames, skipped=skipped)
    if pairs:
        return FolderPhotographs(root, pairs, skipped=skipped)
    first = f"; {skipped[0].file}: {skipped[0].reason}" if skipped else ""
    raise InputError(
        f"{folder}: no landmarks: expected images NAME.jpg and NAME.pts, or folders with a video and annot/000001.pts, "
        f"or folders with the images and .pts of frames{first}"
    )


def _check_image(image: Path, landmarks: Path, number: int) -> None:
    points = pts.read_face(landmarks, landmarks=number)
    pts.check_inside(landmarks, points, check_image(image))


def _check_all(
    items: Sequence[Any],
    check: Callable[[Any], None],
    *,
    names: Callable[[Any], tuple[str, Path, Path]],
    progress: ProgressCallback,
) -> tuple[list[Any], list[Skipped]]:
    """The items that pass `check`, and the others with the reason; `names` gives an item's file and paths."""
    readable, skipped = [], []
    for done, item in enumerate(items, start=1):
        try:
            check(item)
            readable.append(item)
        except InputError as error:
            file, *paths = names(item)
            skipped.append(skipped_for(file, error, *paths))
        progress(Progress(done, len(items)))
    return readable, skipped


def _number_of_landmarks(paths: Iterable[Path]) -> int:
    """The number of landmarks in the first file that can be read."""
    first: InputError | None = None
    for path in paths:
        try:
            return len(pts.read(path))
        except InputError as error:
            first = first or error
    assert first is not None
    raise first


_CONTRADICTS = "right and left are exchanged in its landmarks, unlike those of other frames of the video"


def _all_points(source: "FolderPhotographs | FolderVideos") -> Float[np.ndarray, "n m 2"]:
    return np.stack([source.points(i) for i in range(len(source))])


def _flipped(flips: Mapping[int, tuple[int, ...]]) -> str:
    """What the name of a source says of faces whose sides are exchanged; nothing without, as in older checkpoints."""
    return f", {len(flips)} exchanged {_hash(map(str, flips))}" if flips else ""


def _hash(names: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(names).encode(), digest_size=6).hexdigest()
