"""Named arrays of landmarks, as .npz and .mat files hold them: one face (T, M, d), or several (F, T, M, d)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax import axis_order
from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats.base import LandmarkTrack, make_track, with_markers
from fhr_jax.data.io.formats.frame_gaps import track_where_present
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

FACE_ID = "face_id"
"""Name of the numbers of the faces (F,)."""

EXACT = 2**24
"""Largest whole number up to which float32 has them all."""


class ArrayTracks(NamedTuple):
    """The tracks in an array.

    Attributes:
        key: name of the array.
        array: as it is written: numbers of at least float32.
        tracks: one for each face.
        rows: of several faces the frames of each, (R,); None for one face, which has all.
        notes: what to tell the user.
        fps: frames a second, or None.
    """

    key: str
    array: np.ndarray
    tracks: tuple[LandmarkTrack, ...]
    rows: tuple[tuple[int, np.ndarray], ...] | None
    notes: tuple[str, ...]
    fps: float | None = None


def read(path: Path, arrays: Mapping[str, np.ndarray], names: tuple[str, ...], options: ReadOptions) -> ArrayTracks:
    """The tracks of arrays by name: landmarks, and perhaps `confidence`, `time`, `fps` and `face_id`.

    Args:
        path: of the file, for error messages.
        arrays: of the file.
        names: that the landmarks may have.
        options: how they are read.

    Raises:
        InputError: there are no landmarks, or they have another shape or type.
    """
    key = landmark_arrays.first_name(arrays, names)
    if key is not None and arrays[key].ndim == 4:
        return _several_faces(path, arrays, key, options)
    key, array, order = landmark_arrays.landmarks(path, arrays, names)
    array, wide = _wide(key, array)
    coordinates, score, notes = landmark_arrays.split_third(array, options)
    confidence, more = landmark_arrays.confidence(arrays, (array.shape[0], array.shape[1]))
    time, fps, unused = landmark_arrays.time(arrays, len(array))
    trust = score if confidence is None else confidence
    track, missing = make_track(coordinates, options, confidence=trust, time=time)
    return ArrayTracks(key, array, (track,), None, (*order, *wide, *notes, *more, *unused, *missing), fps)


def replaced(found: ArrayTracks, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> np.ndarray:
    """The array with other points for each track, (T, M, d) in pixels of the track; a third column of scores stays.

    Args:
        found: from `read`.
        points: for each track.
    """
    new = found.array.copy()
    rows = ((..., ...),) if found.rows is None else found.rows
    for track, (face, own), one in zip(found.tracks, rows, points, strict=True):
        values = with_markers(track, one)
        if found.rows is None:
            new[..., : values.shape[-1]] = values
        else:
            new[face, own, :, : values.shape[-1]] = values[track.present]
    return new


def _wide(key: str, array: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The array in a type that holds smoothed coordinates, and what to tell the user."""
    if array.dtype.kind in "iu":
        largest = int(max(abs(int(array.max(initial=0))), abs(int(array.min(initial=0)))))
        return array.astype(np.float32 if largest <= EXACT else np.float64), []
    if array.dtype != np.float16:
        return array, []
    largest = np.abs(array[np.isfinite(array)]).max(initial=np.float16(0))
    steps = f"which has steps of {np.spacing(largest):g} at {largest:g}"
    return array.astype(np.float32), [f"{key} is float16, {steps}: written as float32"]


def _several_faces(path: Path, arrays: Mapping[str, np.ndarray], key: str, options: ReadOptions) -> ArrayTracks:
    array = arrays[key]
    faces, frames, landmarks, dims = array.shape
    if dims not in (2, 3) or array.dtype.kind not in "fiu" or not landmarks:
        raise InputError(
            f"{path}: {key} is {array.dtype} {array.shape}, expected numbers of shape (T, M, 2), or (F, T, M, 2) for "
            "several faces"
        )
    if not faces or not frames:
        raise InputError(f"{path}: the track is empty: {key} has {faces} faces and {frames} frames")
    array, notes = _wide(key, array)
    try:
        axis_order.check_faces(array, name=key)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for face in array:
        try:
            warning = axis_order.check(face, name=key)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        notes += [] if warning is None or warning in notes else [warning]
    coordinates, score, more = landmark_arrays.split_third(array.reshape(-1, landmarks, dims), options)
    coordinates = np.asarray(coordinates, np.float64).reshape(faces, frames, landmarks, -1)
    trust = None if score is None else score.reshape(faces, frames, landmarks)
    name = landmark_arrays.first_name(arrays, landmark_arrays.CONFIDENCE)
    if name is not None and arrays[name].shape in (array.shape[:3], array.shape[:2]):
        flat, said = landmark_arrays.scaled_confidence(name, arrays[name].reshape(faces * frames, -1))
        trust = None if flat is None else flat.reshape(arrays[name].shape)
        more += said
    elif name is not None:
        more.append(f"{name} is {arrays[name].dtype} {arrays[name].shape}, not (F, T) or (F, T, M): not used")
    time, fps, unused = landmark_arrays.time(arrays, frames)
    ids = arrays.get(FACE_ID)
    if ids is None or ids.shape != (faces,) or ids.dtype.kind not in "iu":
        unused += [] if ids is None else [f"{FACE_ID} is {ids.dtype} {ids.shape}, not whole numbers (F,): not used"]
        ids = np.arange(faces)
    tracks, rows = [], []
    for face in range(faces):
        track, own, said = track_where_present(
            path,
            coordinates[face],
            options,
            name=f"face {ids[face]}",
            confidence=None if trust is None else trust[face],
            time=time,
            face=int(ids[face]),
        )
        more += [f"face {ids[face]}: {note}" for note in said]
        if track is None:
            more.append(f"face {ids[face]} is in no frame: left as it is")
        else:
            tracks.append(track)
            rows.append((face, own))
    if not tracks:
        raise InputError(f"{path}: no landmark in any frame, expected at least one that is not missing")
    return ArrayTracks(key, array, tuple(tracks), tuple(rows), (*notes, *more, *unused), fps)
