"""Read and write files of landmark tracks; each kind of file is a module in `data.io.formats`, listed in `FORMATS`.

Points are (x, y) in pixels, counted from 0. Only .pts files count from 1, and `data.io.pts` converts them.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import (
    coco,
    csv_tables,
    deeplabcut_hdf5,
    matlab,
    mediapipe,
    mmpose,
    numpy_files,
    openpose,
    pts_folder,
    sleap_hdf5,
)
from fhr_jax.data.io.formats.base import Format, LandmarkTrack, OpenedFile, Recording
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from fhr_jax.files import check_name, check_new_folder

__all__ = [
    "FORMATS",
    "LandmarkTrack",
    "Recording",
    "check_output",
    "kind_of",
    "read",
    "read_track",
    "sentence",
    "write",
]

HDF5 = (".h5", ".hdf5", ".hdf")
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"\x1aE\xdf\xa3")
"""First bytes of pictures and videos."""
PARTED = ("openpose", "mediapipe")
"""Kinds of files that may hold several sets of points."""
TABLES = (".csv", ".tsv", ".txt")


def _parts(module: Any) -> tuple[Any, Any, Any]:
    return module.recognise, module.read, module.write


_KINDS = (
    Format("npz", "an .npz", (".npz",), numpy_files.is_npz, numpy_files.read_npz, numpy_files.write_npz),
    Format("npy", "an .npy", (".npy",), numpy_files.is_npy, numpy_files.read_npy, numpy_files.write_npy),
    Format("mat", "a MATLAB file", (".mat",), *_parts(matlab)),
    Format("sleap", "an HDF5 file of SLEAP", HDF5, *_parts(sleap_hdf5)),
    Format("deeplabcut", "an HDF5 file of DeepLabCut", HDF5, *_parts(deeplabcut_hdf5)),
    Format("coco", "keypoints of COCO", (".json",), *_parts(coco)),
    Format("mmpose", "keypoints of mmpose", (".json",), *_parts(mmpose)),
    Format("mediapipe", "landmarks of MediaPipe", (".json", ".jsonl", ".ndjson"), *_parts(mediapipe)),
    Format("csv", "a .csv of OpenFace, DeepLabCut, SLEAP or OpenSeeFace", TABLES, *_parts(csv_tables)),
    Format("openpose", "a folder of OpenPose", (), *_parts(openpose)),
    Format("pts", "a folder of .pts", (), *_parts(pts_folder)),
)
FORMATS = {format.kind: format for format in _KINDS}
"""The kinds of files, in the order in which they are tried."""


def read(path: str | os.PathLike[str], *, options: ReadOptions = landmark_arrays.DEFAULT) -> Recording:
    """Read a file of tracks; its content decides its kind, and not its name.

    Missing points are NaN, whether the file writes NaN, `success` 0, or (0, 0) or (-1, -1) far from the face.

    Args:
        path: the file or folder.
        options: how its numbers are read.

    Raises:
        InputError: the file cannot be read, is of no known kind, has no frames, arrays of another shape, or coordinates
            that are no pixels.
        ModuleNotFoundError: the file is HDF5, and h5py is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    source = OpenedFile(path)
    if not source.start and not path.is_dir():
        raise InputError(f"{path}: the file is empty, expected {_expected(path)}")
    found = next((format for format in FORMATS.values() if format.recognise(source)), None)
    if found is None and path.is_dir():
        raise InputError(f"{path}: no .pts files in this folder, and no files *_keypoints.json of OpenPose")
    if found is None and path.name.lower().endswith(openpose.END):
        raise InputError(f"{path}: a single frame of OpenPose, expected the folder that holds a file for each frame")
    if found is None and source.is_hdf5:
        names = ", ".join(list(source.hdf5.items)[:8]) or "nothing"
        raise InputError(
            f"{path}: HDF5, but neither a table of DeepLabCut nor an analysis of SLEAP (Export Analysis HDF5 makes one "
            f"from a project); it holds {names}"
        )
    if found is None and source.is_json and mediapipe.is_single_frame(source.json.value):
        raise InputError(
            f"{path}: a single frame of MediaPipe, expected a list of frames, or a line with each of them (JSON Lines)"
        )
    if found is None and source.is_json:
        raise InputError(f"{path}: JSON, but neither keypoints of COCO or mmpose nor landmarks of MediaPipe")
    # The reader of the kind that the name promises tells best what is wrong with the content.
    promised = [format for format in FORMATS.values() if path.suffix.lower() in format.suffixes[:1]]
    found = found or next((format for format in promised if format.suffixes != HDF5), None)
    if found is None:
        raise InputError(f"{path}: {_seen(source)}, expected {_expected()}")
    if options.part is not None and found.kind not in PARTED:
        raise InputError(f"{path}: --part {options.part}: {found.title} has no parts, expected OpenPose or MediaPipe")
    recording = found.read(source, options)
    for track in recording.tracks:
        landmark_arrays.check_pixels(path, track.points)
    return recording


def _expected(path: Path | None = None) -> str:
    """The kinds of files, or those that the name of a file promises."""
    promised = [format for format in FORMATS.values() if path is not None and path.suffix.lower() in format.suffixes]
    return ", ".join(format.title for format in promised or FORMATS.values())


def _seen(source: OpenedFile) -> str:
    """What a file of no known kind seems to be."""
    start = source.start
    if start.startswith(PICTURES) or start[4:8] == b"ftyp":
        return "a picture or a video (fhr-jax track finds landmarks in it)"
    if source.path.suffix.lower() == ".pts":
        return "a single .pts, whose folder would be read"
    first, *_ = start.decode("utf-8", "replace").strip().splitlines() or [""]
    if b"\0" not in start and first.isprintable() and "\ufffd" not in first:
        return f"a text without landmarks (it begins with {first[:30]!r})"
    return "no known kind of file"


def kind_of(path: Path) -> str | None:
    """The kind of a file or folder, by its content; None where it is none of `FORMATS`.

    Raises:
        InputError: it cannot be read.
        ModuleNotFoundError: it is HDF5, and h5py is not installed.
    """
    source = OpenedFile(path)
    return next((kind for kind, format in FORMATS.items() if format.recognise(source)), None)


def read_track(path: str | os.PathLike[str]) -> Float[np.ndarray, "t m d"]:
    """Read the track (T, M, 2) of a file that holds one face; see `read`."""
    recording = read(path)
    if len(recording.tracks) != 1:
        raise InputError(f"{path}: {len(recording.tracks)} faces, expected one")
    return recording.tracks[0].points


def sentence(recording: Recording) -> str:
    """What was read, such as "read as COCO keypoints, 2 people, 120 frames, 17 points"."""
    faces, word = len(recording.tracks), recording.face_word
    plural = {"person": "people"}.get(word, f"{word}s")
    numbers = sorted({track.points.shape[1] for track in recording.tracks})
    points = " or ".join(map(str, numbers))
    if recording.images:
        return f"read as {recording.title}, {faces} single images, {points} points"
    frames = max(int(track.present.sum()) for track in recording.tracks)
    return (
        f"read as {recording.title}, {faces} {word if faces == 1 else plural}, {frames} frame{'s' * (frames != 1)}, "
        f"{points} point{'s' * (points != '1')}"
    )


def check_output(path: str | os.PathLike[str], recording: Recording) -> None:
    """Check, before the work is done, that `write` will accept `path`.

    Raises:
        InputError: the suffix of `path` is none of the kind of the input, and not the input's either; or `path` is a
            folder that is not empty.
    """
    path = Path(path)
    check_name(path)
    suffixes = FORMATS[recording.kind].suffixes
    if not suffixes:
        check_new_folder(path)
    elif path.suffix.lower() not in (*suffixes, recording.path.suffix.lower()):
        raise InputError(f"{path}: expected a name that ends in {suffixes[0]}, like the input's kind")


def write(path: str | os.PathLike[str], recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write a file of tracks with other landmarks and everything else unchanged, atomically.

    A missing point that the file writes as (0, 0) or (-1, -1) and that is NaN in `points` stays as the file has it.

    Args:
        path: with a suffix of the kind of the input, or a new folder for kinds that are folders.
        recording: from `read`.
        points: for each track, landmarks (T, M, 2) of its shape, in its pixels.

    Raises:
        InputError: `path` has another suffix, or cannot be written to.
    """
    check_output(path, recording)
    for track, new in zip(recording.tracks, points, strict=True):
        if new.shape != track.points.shape:
            raise InputError(f"points of shape {new.shape}, expected {track.points.shape}")
    FORMATS[recording.kind].write(Path(path), recording, points)
