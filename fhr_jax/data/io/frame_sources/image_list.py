"""The images of a folder or a pattern in their natural order, and their numbers."""

import glob
import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhr_jax.data.io.images import SUFFIXES
from fhr_jax.errors import InputError

MAX_NAMED = 3
"""Number of holes that a sentence names; the others are counted."""


class ImageList(NamedTuple):
    """Images in order.

    Attributes:
        files: their paths.
        numbers: of each of them as a frame, from 0; they increase, and jump where images are missing.
        notes: what is said about them.
    """

    files: tuple[Path, ...]
    numbers: tuple[int, ...]
    notes: tuple[str, ...]


def list_images(text: str) -> ImageList:
    """The images of a folder, of a pattern such as `frames/%05d.png`, or of one such as `frames/*.png`.

    Files that are no images are passed over. The last number in their names that differs orders the images and tells
    which are missing.

    Args:
        text: the name of the folder, or the pattern.

    Raises:
        InputError: there are no images.
    """
    folder = Path(text)
    if folder.is_dir():
        found, where = list(folder.iterdir()), "in this folder"
    elif re.search(r"%0?\d*d", folder.name):
        pattern = re.compile(_expression(folder.name))
        inside = folder.parent.iterdir() if folder.parent.is_dir() else ()
        found, where = [path for path in inside if pattern.fullmatch(path.name)], "of this pattern"
    else:
        found, where = [Path(path) for path in glob.glob(text)], "of this pattern"
    images = [p for p in found if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()]
    if not images:
        raise InputError(f"{text}: no images {where}, expected files such as 00001.png ({', '.join(SUFFIXES)})")
    return _numbered(sorted(images, key=natural_key))


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sorts names so that a number counts as a number: 9 comes before 10."""
    parts = re.split(r"(\d+)", str(path))
    return [(1, int(part), "") if number % 2 else (0, 0, part) for number, part in enumerate(parts)], str(path)


def _expression(name: str) -> str:
    """The regular expression of a name with one `%d` or `%05d`."""
    before, width, after = re.split(r"%(0\d+|\d*)d", name, maxsplit=1)
    digits = rf"(?:\d{{{int(width)}}}|[1-9]\d{{{int(width)},}})" if width.startswith("0") else r"\d+"
    return re.escape(before) + digits + re.escape(after)


def _numbered(files: Sequence[Path]) -> ImageList:
    values = _values([path.name for path in files])
    plain = ImageList(tuple(files), tuple(range(len(files))), ())
    if values is None or len(files) < 2:
        return plain
    steps = [b - a for a, b in itertools.pairwise(values)]
    unit = math.gcd(*steps)
    if min(steps) < 1:
        return plain
    numbers = tuple((value - values[0]) // unit for value in values)
    holes = numbers[-1] + 1 - len(files)
    if not holes:
        return plain
    if holes > len(files):
        note = "the numbers in the names do not count the images, which follow each other without gaps"
        return plain._replace(notes=(note,))
    missing = sorted(set(range(numbers[-1] + 1)) - set(numbers))
    named = ", ".join(str(values[0] + unit * number) for number in missing[:MAX_NAMED])
    more = f" and {holes - MAX_NAMED} more" if holes > MAX_NAMED else ""
    note = f"numbers that are missing: {holes} ({named}{more}); the other images keep their numbers and times"
    return ImageList(tuple(files), numbers, (note,))


def _values(names: Sequence[str]) -> list[int] | None:
    """The number in each name, at the one place where the names differ; None if they differ elsewhere too."""
    parts = [re.split(r"(\d+)", name) for name in names]
    if len({len(each) for each in parts}) != 1:
        return None
    different = [place for place, column in enumerate(zip(*parts, strict=True)) if len(set(column)) > 1]
    if len(different) != 1 or different[0] % 2 == 0:
        return None
    return [int(each[different[0]]) for each in parts]
