"""NumPy files: an .npz of named arrays, and an .npy with the landmarks alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fhr_jax import npz
from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import arrays
from fhr_jax.data.io.formats.base import OpenedFile, Recording
from fhr_jax.data.io.landmark_arrays import ReadOptions

_ONLY = "its array"


def is_npz(source: OpenedFile) -> bool:
    """Whether it is a zip archive, as an .npz is."""
    return source.start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_npy(source: OpenedFile) -> bool:
    """Whether it is an array of NumPy."""
    return source.start.startswith(b"\x93NUMPY")


def read_npz(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read an .npz with `predictions` or `landmarks`.

    Raises:
        InputError: it cannot be read, or has no such array.
    """
    content = npz.read(source.path)
    found = arrays.read(source.path, content, landmark_arrays.OBSERVED, options)
    title = f"array {found.key} of an .npz"
    return Recording(source.path, "npz", found.tracks, (content, found), found.notes, found.fps, title)


def write_npz(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the .npz with other landmarks.

    Args:
        path: the file.
        recording: from `read_npz`.
        points: for each track, (T, M, d) in pixels.
    """
    content, found = recording.content
    npz.write(path, content | {found.key: arrays.replaced(found, points)})


def read_npy(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read an .npy.

    Raises:
        InputError: it cannot be read, or has another shape.
    """
    found = arrays.read(source.path, {_ONLY: npz.read_array(source.path)}, (_ONLY,), options)
    return Recording(source.path, "npy", found.tracks, found, found.notes, title="an .npy")


def write_npy(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the .npy with other landmarks.

    Args:
        path: the file.
        recording: from `read_npy`.
        points: for each track, (T, M, d) in pixels.
    """
    npz.write_array(path, arrays.replaced(recording.content, points))
