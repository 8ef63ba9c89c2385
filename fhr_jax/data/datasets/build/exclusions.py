"""The user's list of what is unreliable and stays out: a line `VIDEO FRAME`, `VIDEO FIRST-LAST`, or `FILE`."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError

_FRAMES = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")
_MOST = 10_000_000


class Exclusions(NamedTuple):
    """Frames by the name of their video; None where the whole video or photograph stays out."""

    path: Path | None
    frames: dict[str, frozenset[int] | None]

    def whole(self, name: str) -> bool:
        """Whether a video or photograph stays out altogether."""
        return name in self.frames and self.frames[name] is None

    def of(self, name: str) -> frozenset[int]:
        """The frames of a video that stay out; it may be listed with the name of its file, 001/vid.avi."""
        listed = (frames for key, frames in self.frames.items() if key == name or key.startswith(f"{name}/"))
        return frozenset().union(*(frames for frames in listed if frames))

    def unknown(self, left_out: Sequence[Skipped]) -> list[Skipped]:
        """What is said of names that nothing was left out for: a slip of the pen, or a video that is not there."""
        listed = [left.file for left in left_out if left.reason.endswith(self.reason)]
        names = [name for name in self.frames if not any(_is(name, file) for file in listed)]
        if self.path is None or not names:
            return []
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return [Skipped(self.path.name, f"lists what is not there, or has no landmarks: {', '.join(names[:5])}{more}")]

    @property
    def reason(self) -> str:
        """What is said of them."""
        return f"listed in {self.path.name}" if self.path else ""


def _is(name: str, file: str) -> bool:
    """Whether a listed name is that of a file in the dataset, or of its video, or the file's without its folder."""
    return file == name or file.startswith(f"{name}/") or file.endswith(f"/{name}")


NOTHING = Exclusions(None, {})


def read(path: str | os.PathLike[str] | None) -> Exclusions:
    """Read a list; None is an empty one.

    Between video and frames stand spaces, tabs or a comma. Blank lines, comments from # on and a heading line
    `video,frame` are passed over.

    Raises:
        InputError: the file cannot be read, or a line is none of these.
    """
    if path is None:
        return NOTHING
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a list of frames: it is no text") from error
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
        if not 1 <= first <= end <= _MOST:
            raise InputError(f"{path}: line {number}: {last.strip()!r} are no frames; they count from 1")
        return name.strip(), frozenset(range(first, end + 1))
    if separator or not (Path(line).suffix or " " not in line):
        raise InputError(f"{path}: line {number}: {line[:60]!r}: expected VIDEO FRAME, VIDEO FIRST-LAST or FILE")
    return line, None
