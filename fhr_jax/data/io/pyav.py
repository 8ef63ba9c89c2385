"""PyAV, which reads and writes videos through FFmpeg; imported on first use."""

import os
from typing import Any

from fhr_jax.errors import InputError


def load() -> Any:
    """The module `av`.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InputError('reading and writing video needs PyAV: pip install "fhr-jax[video]"') from error
    return av


def why_not_opened(path: str | os.PathLike[str], error: BaseException) -> str:
    """Why FFmpeg does not open a file, on one line: what its first bytes show, else the reason in its own words."""
    words = reason(error)
    if not isinstance(error, load().InvalidDataError) or not os.path.isfile(path):
        return words
    with open(path, "rb") as stream:
        start = stream.read(1024)
    if not start:
        return "the file is empty"
    if start[4:8] in _BOXES:
        return f"it begins like an MP4, but its index is missing or damaged: probably cut off; {words}"
    if all(byte in _LETTERS for byte in start):
        return "it is a text file"
    return f"no video, or damaged at its start; {words}"


_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_LETTERS = frozenset((*b"\t\n\f\r", *range(32, 127)))


def reason(error: BaseException) -> str:
    """Why FFmpeg failed, in its own words, on one line."""
    return " ".join((getattr(error, "strerror", None) or str(error)).split())
