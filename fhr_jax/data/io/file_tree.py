"""Looking through the folder that a user has unpacked: what is there, whatever the case of its names, and no further.

A symbolic link that leads out of the folder is left out, so that a dataset holds nothing but what lies in it.
"""

import os
from pathlib import Path
from typing import NamedTuple

from fhr_jax.data.io.images import SUFFIXES
from fhr_jax.data.io.landmark_files import natural
from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError

OUTSIDE = "a symbolic link that leads out of the folder"
NO_IMAGE = f"no image of its name ({', '.join(SUFFIXES)})"
FROM_ZERO = "the first frame of a video is 1, so this numbering cannot be right"


class ImagePair(NamedTuple):
    """A photograph, its landmarks, and its name in the dataset."""

    file: str
    image: Path
    landmarks: Path


class Listing(NamedTuple):
    """The files and folders in a folder, by name, and what was left out of it."""

    files: dict[str, Path]
    folders: dict[str, Path]
    left_out: tuple[Skipped, ...]


def root(source: str | os.PathLike[str]) -> Path:
    """The folder itself, with its links resolved.

    Raises:
        InputError: there is none.
    """
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    return folder.resolve()


def listing(folder: Path, root: Path, *, name: str = "") -> Listing:
    """Look into a folder, in the natural order of its names; `name` is what it is called in the dataset."""
    files, folders, left_out = {}, {}, []
    prefix = f"{name}/" if name else ""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
    except OSError as error:
        return Listing({}, {}, (Skipped(name or folder.name, f"cannot be read: {error.strerror or error}"),))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if not entry.name.isprintable():
            left_out.append(Skipped(prefix + printable(entry.name), "its name is not of printable characters"))
        elif entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
            left_out.append(Skipped(prefix + entry.name, OUTSIDE))
        elif entry.is_dir():
            folders[entry.name] = Path(entry.path)
        else:
            files[entry.name] = Path(entry.path)
    return Listing(files, folders, tuple(left_out))


def find(folder: Path, root: Path, *names: str) -> Path | None:
    """The folder below `folder` with these names, in letters of any case."""
    for name in names:
        below = listing(folder, root).folders
        match = next((path for found, path in below.items() if found.lower() == name.lower()), None)
        if match is None:
            return None
        folder = match
    return folder


def pairs(images: Listing, landmarks: Listing, *, name: str) -> tuple[list[ImagePair], list[Skipped]]:
    """The images that have a .pts of their name, in the dataset NAME/FILE, and the files that stay alone."""
    points = {path.stem: path for path in landmarks.files.values() if path.suffix.lower() == ".pts"}
    found: dict[str, ImagePair] = {}
    left_out = [*images.left_out, *(landmarks.left_out if landmarks is not images else ())]
    linked = {Path(left.file).stem for left in left_out}
    for path in images.files.values():
        file = f"{name}/{path.name}" if name else path.name
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            left_out.append(Skipped(file, f"{found[path.stem].image.name} has the same name and comes before it"))
        elif path.stem in points:
            found[path.stem] = ImagePair(file, path, points[path.stem])
        elif path.stem not in linked:
            left_out.append(Skipped(file, "no .pts of its name"))
    for stem, path in points.items():
        if stem not in found and stem not in linked:
            left_out.append(Skipped(f"{name}/{path.name}" if name else path.name, NO_IMAGE))
    return list(found.values()), left_out


def numbered(landmarks: Listing, *, name: str) -> tuple[dict[int, Path], list[Skipped]]:
    """The .pts files of a video by the numbers that are their names, and those with other names."""
    frames, left_out = {}, []
    for path in landmarks.files.values():
        if path.suffix.lower() != ".pts":
            continue
        if path.stem.isascii() and path.stem.isdigit():
            frames[int(path.stem)] = path
        else:
            left_out.append(Skipped(f"{name}/{path.name}" if name else path.name, "its name is no frame's number"))
    return dict(sorted(frames.items())), left_out


def printable(name: str) -> str:
    """A name that can be written as text on one line."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "�" for c in text)
