"""What all kinds of landmark files share: the tracks that they hold, and the interface of the module that reads one."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import hdf5, json_text
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

START = 2**16
"""Bytes at the start of a file that tell its kind."""


class LandmarkTrack(NamedTuple):
    """The landmarks of one face over time.

    Attributes:
        points: (T, M, 2) or (T, M, 3) float64, in the unit of the file, mostly pixels (x, y); NaN where a point is
            missing. T counts all frames from the first to the last one of the face, including those for which the file
            has no row; of a gap of more than `frame_gaps.LONGEST` frames it counts so many.
        present: (T,) true for the frames that the file has.
        confidence: (T,) or (T, M) in [0, 1], or None.
        face: number of the face in the file.
        time: (T,) in seconds as the file has it, NaN where it does not; or None.
        stored: (T, M, 2) the points as the file has them, where some are markers of missing points; else None.
        frame: (T,) number of each frame, which increases, where gaps are shortened; None: 0, 1, 2 and so on.
        first: number of the first frame in the file, as the file counts, or from 0.
    """

    points: Float[np.ndarray, "t m d"]
    present: np.ndarray
    confidence: np.ndarray | None = None
    face: int = 0
    time: Float[np.ndarray, " t"] | None = None
    stored: Float[np.ndarray, "t m d"] | None = None
    frame: Int[np.ndarray, " t"] | None = None
    first: int = 0


class Recording(NamedTuple):
    """The content of a file of tracks.

    Attributes:
        path: of the file.
        kind: name of its `Format`, such as "npz".
        tracks: one for each face.
        content: what the format needs to write the file again.
        notes: what was assumed about the file, one sentence each.
        fps: frames a second, or None.
        title: of the kind of file, for the user.
        images: whether each track is a single image of its own, and not a face over time.
        face_word: what the file calls a face.
    """

    path: Path
    kind: str
    tracks: tuple[LandmarkTrack, ...]
    content: Any
    notes: tuple[str, ...] = ()
    fps: float | None = None
    title: str = ""
    images: bool = False
    face_word: str = "face"


class OpenedFile:
    """A file or folder that is to be read; what tells its kind is read once, when it is asked for.

    Attributes:
        path: of it.
    """

    def __init__(self, path: Path):
        self.path = path

    @cached_property
    def start(self) -> bytes:
        """The first bytes of a file; none of a folder.

        Raises:
            InputError: the file cannot be read.
        """
        if self.path.is_dir():
            return b""
        try:
            with self.path.open("rb") as stream:
                return stream.read(START)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror or error}") from error

    @cached_property
    def is_hdf5(self) -> bool:
        """Whether it is HDF5."""
        return hdf5.begins_like_one(self.start)

    @cached_property
    def hdf5(self) -> hdf5.Group:
        """What is needed of an HDF5 file; nothing of another one.

        Raises:
            InputError: it is damaged.
            ModuleNotFoundError: h5py is not installed.
        """
        return hdf5.read(self.path) if self.is_hdf5 else hdf5.Group({}, {})

    @cached_property
    def is_json(self) -> bool:
        """Whether it begins as JSON does."""
        return self.start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")

    @cached_property
    def json(self) -> json_text.Document:
        """The content of a JSON file.

        Raises:
            InputError: it is no JSON, or exceeds the limits.
        """
        return json_text.read(self.path)


class Format(NamedTuple):
    """A kind of file of landmarks.

    Attributes:
        kind: its name.
        title: what the user is told.
        suffixes: that files of this kind may have, the usual one first; empty for folders.
        recognise: whether a file is of this kind, by its content.
        read: the file.
        write: to the path, the recording with other points of its tracks, everything else as it was.
    """

    kind: str
    title: str
    suffixes: tuple[str, ...]
    recognise: Callable[[OpenedFile], bool]
    read: Callable[[OpenedFile, ReadOptions], Recording]
    write: Callable[[Path, Recording, Sequence[np.ndarray]], None]


def make_track(
    stored: Float[np.ndarray, "t m d"], options: ReadOptions, *, offset: float = 0.0, **fields: Any
) -> tuple[LandmarkTrack, list[str]]:
    """A track from points (T, M, d) as the file has them, in its unit, and what to tell the user.

    Args:
        stored: the points.
        options: how they are read.
        offset: what reading the file added to its coordinates.
        fields: of `LandmarkTrack`.
    """
    points, notes = landmark_arrays.points_as_nan(stored, options, offset=offset)
    points, unsure = landmark_arrays.unsure_as_nan(points, fields.get("confidence"))
    notes += unsure
    fields.setdefault("present", np.ones(len(points), bool))
    track = LandmarkTrack(points, stored=np.asarray(stored, np.float64) if notes else None, **fields)
    return track, notes + landmark_arrays.in_one_place(points)


def with_markers(track: LandmarkTrack, new: Float[np.ndarray, "t m d"]) -> Float[np.ndarray, "t m d"]:
    """New points (T, M, d) in pixels of the track, and the markers of the file where they are missing."""
    return new if track.stored is None else np.where(np.isfinite(new), new, track.stored)
