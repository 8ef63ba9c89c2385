"""Listing the folder that a user unpacked: which images, landmark files and folders it holds.

Names are compared without regard to case. A symbolic link that leads out of the folder is skipped, so that a dataset
holds only what lies in the folder itself.
"""

import os
from pathlib import Path
from typing import NamedTuple

from fhr_jax.data.io.images import PLUGIN_SUFFIXES, SUFFIXES
from fhr_jax.data.io.natural_order import natural
from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError

OUTSIDE = "a symbolic link that leads out of the folder"
NO_IMAGE = f"no image of its name ({', '.join(SUFFIXES)})"
FROM_ZERO = "the first frame of a video is 1, so this numbering cannot be right"


class ImagePair(NamedTuple):
    """A photograph with its landmarks.

    Attributes:
        file: its name in the dataset, parts joined by /.
        image: path of the image.
        landmarks: path of the .pts file.
    """

    file: str
    image: Path
    landmarks: Path


class Listing(NamedTuple):
    """The content of one folder.

    Attributes:
        files: paths of the files by name, in natural order.
        folders: paths of the folders by name, in natural order.
        skipped: entries that are not used.
    """

    files: dict[str, Path]
    folders: dict[str, Path]
    skipped: tuple[Skipped, ...]


def root(source: str | os.PathLike[str]) -> Path:
    """The user's folder with its symbolic links resolved.

    Raises:
        InputError: there is no such folder.
    """
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    return folder.resolve()


def listing(folder: Path, root: Path, *, name: str = "") -> Listing:
    """List a folder.

    Args:
        folder: the folder to list.
        root: the user's folder; links that lead out of it are skipped.
        name: what the folder is called in the dataset.
    """
    files, folders, skipped = {}, {}, []
    prefix = f"{name}/" if name else ""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
    except OSError as error:
        return Listing({}, {}, (Skipped(name or folder.name, f"cannot be read: {error.strerror or error}"),))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if not entry.name.isprintable():
            skipped.append(Skipped(prefix + _printable(entry.name), "its name is not of printable characters"))
        elif entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
            skipped.append(Skipped(prefix + entry.name, OUTSIDE))
        elif entry.is_dir():
            folders[entry.name] = Path(entry.path)
        else:
            files[entry.name] = Path(entry.path)
    return Listing(files, folders, tuple(skipped))


def find(folder: Path, root: Path, *names: str) -> Path | None:
    """The folder at `folder`/NAME/NAME/..., the names in any case; None if there is none."""
    for name in names:
        below = listing(folder, root).folders
        match = next((path for found, path in below.items() if found.lower() == name.lower()), None)
        if match is None:
            return None
        folder = match
    return folder


def pairs(
    images: Listing, landmarks: Listing, *, name: str, landmarks_name: str | None = None
) -> tuple[list[ImagePair], list[Skipped]]:
    """Match images with the .pts files of the same name.

    Args:
        images: the folder of the images.
        landmarks: the folder of the .pts files; may be the same.
        name: what the folder of the images is called in the dataset.
        landmarks_name: what that of the landmarks is called; default: the same.

    Returns:
        The pairs, called NAME/FILE, and the files without a partner.
    """
    points = {path.stem: path for path in landmarks.files.values() if path.suffix.lower() == ".pts"}
    found: dict[str, ImagePair] = {}
    skipped = [*images.skipped, *(landmarks.skipped if landmarks is not images else ())]
    linked = {Path(item.file).stem for item in skipped}
    # Of two images of one name that which every installation reads comes first.
    for path in sorted(images.files.values(), key=lambda path: path.suffix.lower() in PLUGIN_SUFFIXES):
        file = f"{name}/{path.name}" if name else path.name
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            skipped.append(Skipped(file, f"{found[path.stem].image.name} has the same name and comes before it"))
        elif path.stem in points:
            found[path.stem] = ImagePair(file, path, points[path.stem])
        elif path.stem not in linked:
            skipped.append(Skipped(file, "no .pts of its name"))
    place = name if landmarks_name is None else landmarks_name
    for stem, path in points.items():
        if stem not in found and stem not in linked:
            skipped.append(Skipped(f"{place}/{path.name}" if place else path.name, NO_IMAGE))
    return sorted(found.values(), key=lambda pair: natural(pair.image.name)), skipped


def numbered(landmarks: Listing, *, name: str) -> tuple[dict[int, Path], list[Skipped]]:
    """The .pts files of a video by frame number, which is their name, and those whose name is no number.

    Args:
        landmarks: the folder of the .pts files.
        name: what the folder is called in the dataset.
    """
    frames, skipped = {}, []
    for path in landmarks.files.values():
        if path.suffix.lower() != ".pts":
            continue
        if path.stem.isascii() and path.stem.isdigit():
            frames[int(path.stem)] = path
        else:
            skipped.append(Skipped(f"{name}/{path.name}" if name else path.name, "its name is no frame's number"))
    return dict(sorted(frames.items())), skipped


def _printable(name: str) -> str:
    """The name as text on one line, unprintable characters replaced."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "�" for c in text)
