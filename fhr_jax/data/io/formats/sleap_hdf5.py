"""The analysis file of SLEAP in HDF5: `tracks` (tracks, 2, nodes, frames), and perhaps `point_scores`.

Newer files may have the axes in another order, which the attribute `dims` of each array names.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import hdf5
from fhr_jax.data.io.formats.base import OpenedFile, Recording, with_markers
from fhr_jax.data.io.formats.frame_gaps import track_where_present
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

AXES = {"tracks": ("track", "xy", "node", "frame"), "point_scores": ("track", "node", "frame")}
"""Order of the axes where a file does not name them."""
ORDER = ("track", "frame", "node", "xy")


class SleapContent(NamedTuple):
    """What `write` needs.

    Attributes:
        axes: of the array in the file, in the order of `ORDER`.
        values: (tracks, T, M, 2) in pixels.
        rows: number of each track, and its frames.
        stored: type of the array in the file.
    """

    axes: tuple[int, ...]
    values: np.ndarray
    rows: tuple[tuple[int, np.ndarray], ...]
    stored: np.dtype


def recognise(source: OpenedFile) -> bool:
    """Whether it is HDF5 with the arrays of an analysis."""
    names = source.hdf5.items.keys()
    return "tracks" in names and bool({"node_names", "track_occupancy"} & names)


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read an analysis file of SLEAP; each track is a face, and frames without it stay so.

    Raises:
        InputError: its arrays have other shapes, or no track has a point.
    """
    path, file = source.path, source.hdf5
    values, axes = _array(path, file, "tracks")
    scores = _array(path, file, "point_scores")[0] if "point_scores" in file.items else None
    has_names = "track_names" in file.items
    names = [hdf5.text(name) for name in hdf5.values(path, file, "track_names").ravel()] if has_names else []
    notes: list[str] = []
    if scores is not None and scores.shape != values.shape[:3]:
        notes.append(f"point_scores is {scores.shape}, expected {values.shape[:3]}: not used")
        scores = None
    trust = None
    # A score of a missing point is no number.
    if scores is not None and np.nan_to_num(scores).any():
        flat, more = landmark_arrays.of_points_set_by_hand(
            scores.reshape(-1, scores.shape[-1]), values.reshape(-1, *values.shape[2:])
        )
        notes += more
        flat, more = landmark_arrays.scaled_confidence("point_scores", flat)
        trust = None if flat is None else flat.reshape(scores.shape)
        notes += more
    tracks, rows = [], []
    for number, points in enumerate(values):
        name = names[number] if number < len(names) and names[number] else str(number)
        track, own, more = track_where_present(
            path,
            points,
            options,
            name=f"track {name}",
            confidence=None if trust is None else trust[number],
            face=number,
        )
        notes += [f"track {name}: {note}" for note in more]
        if track is not None:
            tracks.append(track)
            rows.append((number, own))
    if not tracks:
        raise InputError(f"{path}: no track has a point in any frame, expected some")
    content = SleapContent(axes, values, tuple(rows), hdf5.dataset(path, file, "tracks").dtype)
    return Recording(path, "sleap", tuple(tracks), content, tuple(notes), title="an analysis file of SLEAP (HDF5)")


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write a copy of the file with other points.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, 2) in pixels.
    """
    content: SleapContent = recording.content
    values = content.values.copy()
    for track, (number, rows), new in zip(recording.tracks, content.rows, points, strict=True):
        values[number, rows] = with_markers(track, new)[track.present]
    change = hdf5.change(content.stored, values.transpose(np.argsort(content.axes)))
    hdf5.write_copy(path, source=recording.path, changes={"tracks": change})


def _array(path: Path, file: hdf5.Group, name: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """An array with its axes in the order of `ORDER`, in float64, and which axes of the file these are."""
    found = hdf5.dataset(path, file, name)
    dims = found.attrs.get("dims")
    names = AXES[name]
    if dims is not None:
        try:
            names = tuple(str(one).removesuffix("s") for one in json.loads(hdf5.text(dims)))
        except (ValueError, TypeError):
            raise InputError(f"{path}: dims of {name} is {hdf5.text(dims)[:60]!r}, expected a list of names") from None
    wanted = tuple(axis for axis in ORDER if axis in AXES[name])
    if sorted(names) != sorted(wanted) or len(found.shape) != len(wanted):
        raise InputError(f"{path}: {name} is {found.shape} of {', '.join(names)}, expected {', '.join(AXES[name])}")
    axes = tuple(names.index(axis) for axis in wanted)
    if found.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name} is {found.dtype}, expected numbers")
    values = landmark_arrays.as_float64(hdf5.values(path, file, name)).transpose(axes)
    if name == "tracks" and (values.shape[3] != 2 or not values.size):
        raise InputError(f"{path}: {name} is {found.shape}, expected 2 coordinates, and at least one track and frame")
    return values, axes
