"""Where the photographs, videos and landmarks of a user's folder are: walk through it and pair them by their names.

Landmarks lie beside their images or videos, in a folder of landmarks among them (``annot/``, ``landmarks/``, ...), or
in one that stands beside the folder of images or videos and has the same folders in it:

    images/a/one.jpg    landmarks/a/one.pts
    videos/one.mp4      landmarks/one/000001.pts

Names of folders and suffixes are compared without regard to case.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fhr_jax.data.io import file_tree
from fhr_jax.data.io.file_tree import ImagePair, Listing
from fhr_jax.data.io.images import SUFFIXES
from fhr_jax.data.skipped import Skipped

VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".wmv", ".mpg", ".m4v")
LANDMARK_FOLDERS = (
    "annot",
    "annots",
    "annotation",
    "annotations",
    "landmark",
    "landmarks",
    "label",
    "labels",
    "pts",
    "points",
)
"""Names of folders that hold the landmarks of what is beside them."""
IMAGE_FOLDERS = (
    "image",
    "images",
    "img",
    "imgs",
    "photo",
    "photos",
    "photograph",
    "photographs",
    "picture",
    "pictures",
)
"""Names of folders of photographs, also where these are numbered."""
_MEDIA_FOLDERS = (*IMAGE_FOLDERS, "frame", "frames", "video", "videos", "clip", "clips")
"""Names of folders beside which a folder of their landmarks may stand."""
MAX_DEPTH = 4
"""Folders farther below the user's folder are not looked into."""
_LAST_NUMBER = re.compile(r"(.*?)(\d+)", re.DOTALL)


class FolderFrame(NamedTuple):
    """An annotated frame of a video.

    Attributes:
        file: name of the video below the folder.
        number: of the frame, from 1.
        landmarks: path of its .pts file.
        video: path of the video file; None where the frame is an image file.
        image: path of the image file; None where the frame is in a video file.
    """

    file: str
    number: int
    landmarks: Path
    video: Path | None
    image: Path | None


class FolderLayout(NamedTuple):
    """What a folder holds.

    Attributes:
        pairs: photographs with their landmarks.
        frames: annotated frames of videos.
        skipped: what is not used, with the reasons.
    """

    pairs: list[ImagePair]
    frames: list[FolderFrame]
    skipped: list[Skipped]


def find(root: Path) -> FolderLayout:
    """Pair what lies in the user's folder, whose symbolic links are resolved, and below it."""
    tree = _Tree(root)
    layout = FolderLayout([], [], list(tree.skipped))
    used: set[str] = set()
    for name, here in tree.folders.items():
        pairs, skipped = _pairs(tree, name, here, used)
        frames: list[FolderFrame] = []
        if pairs:
            frames = _numbered_images(name, pairs)
        else:
            skipped = [item for item in skipped if item.reason != file_tree.NO_IMAGE]
            frames, more = _video_frames(tree, name, here, used)
            skipped += more
        layout.frames.extend(frames)
        layout.pairs.extend([] if frames else pairs)
        layout.skipped.extend(skipped)
    for name, here in tree.folders.items():
        if name not in used and _with_suffix(here, ".pts") and not _with_suffix(here, *SUFFIXES, *VIDEO_SUFFIXES):
            layout.skipped.append(Skipped(name or root.name, "landmarks without a video or images of their names"))
    return layout._replace(skipped=list(dict.fromkeys(layout.skipped)))


class _Tree:
    """All folders from the user's on down, by name, parts joined by /, in natural order; the user's own is ""."""

    def __init__(self, root: Path):
        self.folders: dict[str, Listing] = {}
        self.skipped: list[Skipped] = []
        self._root, self._seen = root, set[str]()
        self._walk(root, "", 0)
        self._by_lower = {name.lower(): name for name in reversed(self.folders)}

    def _walk(self, folder: Path, name: str, depth: int) -> None:
        real = os.path.realpath(folder)
        if real in self._seen:  # through a symbolic link
            return
        if depth > MAX_DEPTH:
            self.skipped.append(Skipped(name, f"more than {MAX_DEPTH} folders deep"))
            return
        self._seen.add(real)
        here = file_tree.listing(folder, self._root, name=name)
        self.folders[name] = here
        self.skipped.extend(here.skipped)
        for below, path in here.folders.items():
            self._walk(path, _joined(name, below), depth + 1)

    def get(self, name: str) -> tuple[str, Listing] | None:
        """The folder of a name in any case, and its own name."""
        own = self._by_lower.get(name.lower())
        return None if own is None else (own, self.folders[own])

    def landmarks_of(self, name: str, *, below: str = "") -> Iterator[tuple[str, Listing]]:
        """Folders that may hold the landmarks of what lies in a folder, the nearest first.

        Args:
            name: of the folder.
            below: name of a folder in each of them, such as that of a video.
        """
        parts = name.split("/") if name else []
        places = [[*parts, each] for each in LANDMARK_FOLDERS]
        for i in reversed(range(len(parts))):
            if parts[i].lower() in _MEDIA_FOLDERS:
                places += [[*parts[:i], each, *parts[i + 1 :]] for each in LANDMARK_FOLDERS]
        for place in places:
            found = self.get("/".join([*place, below] if below else place))
            if found is not None and _with_suffix(found[1], ".pts"):
                yield found


def _pairs(tree: _Tree, name: str, here: Listing, used: set[str]) -> tuple[list[ImagePair], list[Skipped]]:
    """The photographs of a folder with landmarks beside them or in a folder of landmarks; and what is skipped."""
    pairs, skipped = file_tree.pairs(here, here, name=name)
    if pairs or not _with_suffix(here, *SUFFIXES):
        return pairs, skipped
    for place, landmarks in tree.landmarks_of(name):
        found, more = file_tree.pairs(here, landmarks, name=name, landmarks_name=place)
        if found:
            used.add(place)
            return found, more
    return [], skipped


def _numbered_images(name: str, pairs: list[ImagePair]) -> list[FolderFrame]:
    """The frames of a video whose images are numbered; none where the images are photographs."""
    if not name or name.rpartition("/")[2].lower() in IMAGE_FOLDERS:
        return []
    matches = [_LAST_NUMBER.fullmatch(pair.image.stem) for pair in pairs]
    numbers = [int(match[2]) for match in matches if match]
    if len({match and match[1] for match in matches}) > 1 or len(set(numbers)) < len(pairs):
        return []
    ordered = sorted(zip(numbers, pairs, strict=True))
    first, file = ordered[0][0], ordered[0][1].file
    return [FolderFrame(file, n - first + 1, pair.landmarks, None, pair.image) for n, pair in ordered]


def _video_frames(tree: _Tree, name: str, here: Listing, used: set[str]) -> tuple[list[FolderFrame], list[Skipped]]:
    """The annotated frames of the video files in a folder; and what is skipped."""
    videos = _with_suffix(here, *VIDEO_SUFFIXES)
    frames: list[FolderFrame] = []
    skipped: list[Skipped] = []
    alone = len(videos) == 1
    for path in videos:
        file = _joined(name, path.name)
        places = [place for place in [tree.get(_joined(name, path.stem))] if place and _with_suffix(place[1], ".pts")]
        places += tree.landmarks_of(name, below=path.stem)
        places += [*tree.landmarks_of(name), (name, here)] if alone else []
        numbers: dict[int, Path] = {}
        for place, landmarks in places:
            numbers, unnamed = file_tree.numbered(landmarks, name=place)
            if numbers:
                used.add(place)
                skipped += unnamed if place != name else []
                break
        if 0 in numbers:
            skipped.append(Skipped(file, f"{numbers[0].name}: {file_tree.FROM_ZERO}"))
        elif numbers:
            frames += [FolderFrame(file, number, at, path, None) for number, at in numbers.items()]
        elif alone:
            skipped.append(Skipped(file, "no .pts of its frames, expected annot/000001.pts"))
        else:
            skipped.append(Skipped(file, f"no .pts of its frames, expected annot/{path.stem}/000001.pts"))
    if not frames and len(videos) > 1 and all(item.reason.startswith("no .pts") for item in skipped):
        used.update(place for place, _ in tree.landmarks_of(name))
        several = f"{len(videos)} videos beside each other, expected one a folder"
        return [], [Skipped(name or Path(videos[0]).parent.name, several)]
    return frames, skipped


def _with_suffix(here: Listing, *suffixes: str) -> list[Path]:
    return [path for path in here.files.values() if path.suffix.lower() in suffixes]


def _joined(name: str, below: str) -> str:
    return f"{name}/{below}" if name else below
