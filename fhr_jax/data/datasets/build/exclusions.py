"""The user's list of unreliable frames, videos and photographs, which a build excludes.

One entry a line: `VIDEO FRAME`, `VIDEO FIRST-LAST`, `VIDEO` or `PHOTOGRAPH`.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError

_FRAMES = re.compile(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?")
_MAX_FRAME = 10_000_000


class Exclusions(NamedTuple):
    """What a list excludes.

    Attributes:
        path: the file that was read; None for no list.
        frames: excluded frames, from 1, by the name of their video; None excludes the whole video or photograph.
    """

    path: Path | None
    frames: dict[str, frozenset[int] | None]

    def whole(self, name: str) -> bool:
        """Whether a video or photograph is excluded as a whole."""
        return name in self.frames and self.frames[name] is None

    def frames_of(self, name: str) -> frozenset[int]:
        """The excluded frames of a video, listed by its name (001) or by that of its file (001/vid.avi)."""
        listed = (frames for key, frames in self.frames.items() if key == name or key.startswith(f"{name}/"))
        return frozenset().union(*(frames for frames in listed if frames))

    def unmatched(self, skipped: Sequence[Skipped]) -> list[Skipped]:
        """A warning about listed names for which nothing was excluded: misspelt, or not in the user's folder.

        Args:
            skipped: everything that was skipped according to the plan of the build.
        """
        excluded = [item.file for item in skipped if item.reason.endswith(self.reason)]
        names = [name for name in self.frames if not any(_matches(name, file) for file in excluded)]
        if self.path is None or not names:
            return []
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return [Skipped(self.path.name, f"lists what is not there, or has no landmarks: {', '.join(names[:5])}{more}")]

    @property
    def reason(self) -> str:
        """The reason given for what is excluded."""
        return f"listed in {self.path.name}" if self.path else ""


def _matches(name: str, file: str) -> bool:
    """Whether a listed name means a file of the dataset: by its full name, its video, or its name without folder."""
    return file == name or file.startswith(f"{name}/") or file.endswith(f"/{name}")


NO_EXCLUSIONS = Exclusions(None, {})


def read_exclusions(path: str | os.PathLike[str] | None) -> Exclusions:
    """Read a list.

    Args:
        path: a text file, or None for an empty list. Spaces, tabs or a comma separate video and frames. Blank lines,
            comments (from # on) and a heading line `video,frame` are ignored.

    Raises:
        InputError: the file cannot be read, or a line has another form.
    """
    if path is None:
        return NO_EXCLUSIONS
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file, expected a list of frames") from error
    frames: dict[str, frozenset[int] | None] = {}
    for number, line in enumerate(lines, start=1):
        line = line.split("#", 1)[0].strip()
        if not line or (number == 1 and line.replace(" ", "").lower() == "video,frame"):
            continue
        name, listed = _entry(path, number, line)
        before = frames.get(name, frozenset())
        frames[name] = None if before is None or listed is None else before | listed
    return Exclusions(path, frames)


def _entry(path: Path, number: int, line: str) -> tuple[str, frozenset[int] | None]:
    name, separator, last = line.rpartition(",")
    if not separator:
        name, last = [*line.rsplit(None, 1), ""][:2]
    match = _FRAMES.fullmatch(last.strip())
    if name and match:
        first = int(match[1])
        end = int(match[2] or first)
        if not 1 <= first <= end <= _MAX_FRAME:
            raise InputError(f"{path}: line {number}: {last.strip()!r}, expected frame numbers from 1")
        return name.strip(), frozenset(range(first, end + 1))
    if separator or not (Path(line).suffix or " " not in line):
        raise InputError(f"{path}: line {number}: {line[:60]!r}: expected VIDEO FRAME, VIDEO FIRST-LAST or FILE")
    return line, None
