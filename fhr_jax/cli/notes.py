"""Tell the user what a command assumed about the files that it read."""

from collections.abc import Iterable
from pathlib import Path

MAX_NAMED = 1
"""Number of files that a line names; the others are counted."""


def say(notes: Iterable[tuple[Path, str]]) -> None:
    """Print each note once, in the order in which they came.

    Args:
        notes: a file, and a sentence about it. Files with the same sentence share a line.
    """
    files: dict[str, list[Path]] = {}
    for path, text in notes:
        files.setdefault(text, []).append(path)
    for text, paths in files.items():
        named = ", ".join(map(str, dict.fromkeys(paths[:MAX_NAMED])))
        more = len(set(paths)) - MAX_NAMED
        print(f"{named}{f' and {more} more' if more > 0 else ''}: {text}")
