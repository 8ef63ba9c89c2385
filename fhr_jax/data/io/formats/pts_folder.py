"""A folder with one .pts file a frame, in the natural order of their names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import pts
from fhr_jax.data.io.formats.base import OpenedFile, Recording, make_track, with_markers
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.io.natural_order import natural
from fhr_jax.files import atomic_folder


def recognise(source: OpenedFile) -> bool:
    """Whether it is a folder with .pts files."""
    return source.path.is_dir() and any(file.suffix.lower() == ".pts" for file in source.path.iterdir())


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read the folder.

    Raises:
        InputError: a file cannot be read, or has another number of points.
    """
    path = source.path
    names = sorted((p.name for p in path.iterdir() if p.suffix.lower() == ".pts"), key=natural)
    first = pts.read(path / names[0])
    points = np.stack([first, *(pts.read(path / name, landmarks=len(first)) for name in names[1:])])
    track, notes = make_track(points, options, offset=-1.0)
    return Recording(path, "pts", (track,), names, tuple(notes), title="a folder of .pts files")


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write a folder with files of the same names.

    Args:
        path: the new folder.
        recording: from `read`.
        points: of the one track, (T, M, 2) in pixels.
    """
    with atomic_folder(path) as folder:
        for name, frame in zip(recording.content, with_markers(recording.tracks[0], points[0]), strict=True):
            pts.write(folder / name, frame)
