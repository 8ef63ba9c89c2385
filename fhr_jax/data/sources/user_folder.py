"""A user's own folder as records, without building anything.

Told by what lies in it:

* ``NAME.jpg`` (or .png, ...) beside ``NAME.pts``, here or in folders one below: photographs;
* a video file and ``annot/000001.pts``, ... (or the .pts beside it), here or in folders below: videos, as 300-VW has
  them;
* folders of images beside their .pts whose names differ in a number at their end only (``frame_0012.png``): videos by
  their frames; such a video is named by its first image, and its frames count from that one's number.

Frames of video files are decoded when they are asked for: in order that is cheap, at random it is not (see
`video_frames`). What is wrong with a file is said when it is read, or by `sound`, which looks through all of them and
leaves out what cannot be read.
"""

import functools
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from fhr_jax.data.io import file_tree, pts, video
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.io.images import check_image, read_image
from fhr_jax.data.io.video_frames import VideoFrames
from fhr_jax.data.records import FrameRun, Record, Records, frame_runs, record
from fhr_jax.data.skipped import Skipped, skipped_for
from fhr_jax.errors import InputError

VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".wmv", ".mpg", ".m4v")

Report = Callable[[], object]
"""Called once for every record that was looked at."""


class FolderFrame(NamedTuple):
    """A frame of a video: the video's name, the number from 1, the landmarks, and the video or the image."""

    file: str
    number: int
    landmarks: Path
    video: Path | None
    image: Path | None


class FolderPhotographs:
    """The annotated photographs of a folder; all with as many landmarks as the first."""

    def __init__(self, folder: Path, pairs: list[ImagePair], left_out: Sequence[Skipped] = ()):
        self._folder, self._pairs, self.left_out = folder, pairs, tuple(left_out)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Record:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])}

    def encoded(self, index: int) -> Record:
        """The record with the path of its image."""
        pair = self._pairs[int(index)]
        points = pts.read_face(pair.landmarks, landmarks=self._landmarks)
        return record(pair.image, points, dataset=self._folder.name, file=pair.file)

    def sound(self, report: Report = lambda: None) -> "FolderPhotographs":
        """Those that can be read, each looked at once; the others go to `left_out`."""

        def check(pair: ImagePair) -> None:
            _check_image(pair.image, pair.landmarks, self._landmarks)

        kept, left_out = _sound(self._pairs, check, lambda pair: (pair.file, pair.image, pair.landmarks), report)
        return FolderPhotographs(self._folder, kept, [*self.left_out, *left_out])

    def __repr__(self) -> str:  # compared when a run resumes: by names, so that a file may be mended
        return f"FolderPhotographs({self._folder.name!r}, {len(self)} {_hash(pair.file for pair in self._pairs)})"

    @functools.cached_property
    def _landmarks(self) -> int:
        return _number_of_landmarks(pair.landmarks for pair in self._pairs)


class FolderVideos:
    """The annotated frames of the videos of a folder, one by one; all with as many landmarks as the first."""

    def __init__(self, folder: Path, frames: list[FolderFrame], left_out: Sequence[Skipped] = ()):
        self._folder, self._frames, self.left_out = folder, frames, tuple(left_out)
        self._of_thread = threading.local()

    @functools.cached_property
    def runs(self) -> tuple[FrameRun, ...]:
        """Frames that follow one another in one video."""
        return frame_runs([frame.file for frame in self._frames], np.array([frame.number for frame in self._frames]))

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Record:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])} if isinstance(record["image"], Path) else record

    def encoded(self, index: int) -> Record:
        """The record with the path of its image, if the frame has a file of its own."""
        frame = self._frames[int(index)]
        points = pts.read_face(frame.landmarks, landmarks=self._landmarks)
        image = frame.image if frame.video is None else self._video(frame.video)[frame.number - 1]
        assert image is not None
        return record(image, points, dataset=self._folder.name, file=frame.file, frame=frame.number)

    def sound(self, report: Report = lambda: None) -> "FolderVideos":
        """Frames that can be read, the others go to `left_out`; of video files only their lengths are looked at."""
        lengths: dict[Path, int] = {}

        def check(frame: FolderFrame) -> None:
            if frame.image is not None:
                _check_image(frame.image, frame.landmarks, self._landmarks)
            elif frame.video is not None:
                pts.read_face(frame.landmarks, landmarks=self._landmarks)
                if frame.video not in lengths:
                    lengths[frame.video] = video.count(frame.video)
                if frame.number > lengths[frame.video]:
                    raise InputError(f"{frame.video}: ends after {lengths[frame.video]} frames")

        def place(frame: FolderFrame) -> tuple[str, Path, Path]:
            if frame.image is not None:
                return str(PurePosixPath(frame.file).with_name(frame.image.name)), frame.image, frame.landmarks
            return f"{frame.file} {frame.number}", frame.video or frame.landmarks, frame.landmarks

        kept, left_out = _sound(self._frames, check, place, report)
        return FolderVideos(self._folder, kept, [*self.left_out, *left_out])

    def __repr__(self) -> str:  # compared when a run resumes: by names, so that a file may be mended
        names = (f"{frame.file} {frame.number}" for frame in self._frames)
        return f"FolderVideos({self._folder.name!r}, {len(self)} {_hash(names)})"

    def __reduce__(self) -> tuple[Any, ...]:  # without open files
        return FolderVideos, (self._folder, self._frames, self.left_out)

    @functools.cached_property
    def _landmarks(self) -> int:
        return _number_of_landmarks(frame.landmarks for frame in self._frames)

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
    root = file_tree.root(folder)
    here = file_tree.listing(root, root)
    pairs, left_out = file_tree.pairs(here, here, name="")
    frames: list[FolderFrame] = []
    if not pairs:
        frames, outside = _video("", root, root)
        left_out = [*(left for left in left_out if left.reason != file_tree.NO_IMAGE), *outside]
    is_video = bool(frames)
    for name, path in here.folders.items():
        # What lies in the folder of annotations belongs to the video beside it.
        if not (is_video and name.lower() == "annot"):
            more, outside = _subfolder(name, path, root)
            pairs += [each for each in more if isinstance(each, ImagePair)]
            frames += [each for each in more if isinstance(each, FolderFrame)]
            left_out += outside
    left_out = list(dict.fromkeys(left_out))
    for left in left_out:
        if left.reason == file_tree.OUTSIDE:
            raise InputError(f"{root / left.file}: {left.reason}")
    if pairs and frames:
        raise InputError(f"{folder}: both photographs and videos with .pts in it, expected one kind")
    if frames:
        return FolderVideos(root, frames, left_out)
    if pairs:
        return FolderPhotographs(root, pairs, left_out)
    first = f"; {left_out[0].file}: {left_out[0].reason}" if left_out else ""
    raise InputError(
        f"{folder}: no landmarks: expected images NAME.jpg and NAME.pts, or folders with a video and annot/000001.pts, "
        f"or folders with the images and .pts of frames{first}"
    )


_LAST_NUMBER = re.compile(r"(.*?)(\d+)", re.DOTALL)


def _subfolder(name: str, path: Path, root: Path) -> tuple[list[ImagePair] | list[FolderFrame], list[Skipped]]:
    """Photographs or the frames of a video in a folder, and what was left out of it."""
    here = file_tree.listing(path, root, name=name)
    pairs, left_out = file_tree.pairs(here, here, name=name)
    if not pairs:
        frames, outside = _video(name, path, root)
        return frames, [*(left for left in left_out if left.reason != file_tree.NO_IMAGE), *outside]
    matches = [_LAST_NUMBER.fullmatch(pair.image.stem) for pair in pairs]
    numbers = [int(match[2]) for match in matches if match]
    if len({match and match[1] for match in matches}) > 1 or len(set(numbers)) < len(pairs):
        return pairs, left_out
    ordered = sorted(zip(numbers, pairs, strict=True))
    first, file = ordered[0][0], ordered[0][1].file
    return [FolderFrame(file, n - first + 1, pair.landmarks, None, pair.image) for n, pair in ordered], left_out


def _video(name: str, path: Path, root: Path) -> tuple[list[FolderFrame], list[Skipped]]:
    """The frames of the video file of a folder, and what was left out of it."""
    here = file_tree.listing(path, root, name=name)
    prefix = f"{name}/" if name else ""
    videos = [path for path in here.files.values() if path.suffix.lower() in VIDEO_SUFFIXES]
    annotations = file_tree.find(path, root, "annot")
    inside, place = here, name
    if annotations is not None:
        place = prefix + annotations.name
        inside = file_tree.listing(annotations, root, name=place)
    numbers, unnamed = file_tree.numbered(inside, name=place)
    if not numbers and inside is not here:  # an empty folder of that name
        numbers = file_tree.numbered(here, name=name)[0]
    left_out = [*here.left_out, *(inside.left_out if inside is not here else ())]
    if len(videos) == 1:
        file = prefix + videos[0].name
        if numbers and 0 not in numbers:
            frames = [FolderFrame(file, number, at, videos[0], None) for number, at in numbers.items()]
            return frames, [*left_out, *unnamed]
        why = (
            f"{numbers[0].name}: {file_tree.FROM_ZERO}"
            if numbers
            else "no .pts of its frames, expected annot/000001.pts"
        )
        return [], [*left_out, Skipped(file, why)]
    if videos:
        left_out.append(Skipped(name or root.name, f"{len(videos)} videos beside each other, expected one a folder"))
    elif numbers or unnamed:
        left_out.append(Skipped(place or root.name, "landmarks without a video or images of their names"))
    return [], left_out


def _check_image(image: Path, landmarks: Path, number: int) -> None:
    points = pts.read_face(landmarks, landmarks=number)
    pts.check_inside(landmarks, points, check_image(image))


def _sound(
    items: Sequence[Any], check: Callable[[Any], None], place: Callable[[Any], tuple[str, Path, Path]], report: Report
) -> tuple[list[Any], list[Skipped]]:
    """Those that pass, and the others by name with the reason."""
    kept, left_out = [], []
    for item in items:
        try:
            check(item)
            kept.append(item)
        except InputError as error:
            file, *paths = place(item)
            left_out.append(skipped_for(file, error, *paths))
        report()
    return kept, left_out


def _number_of_landmarks(paths: Iterable[Path]) -> int:
    """As many as the first file has that can be read."""
    first: InputError | None = None
    for path in paths:
        try:
            return len(pts.read(path))
        except InputError as error:
            first = first or error
    assert first is not None
    raise first


def _hash(names: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(names).encode(), digest_size=6).hexdigest()
