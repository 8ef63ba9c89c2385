"""MATLAB files: of version 5 to 7.2 (`mat5`), and of version 7.3, which are HDF5, through h5py.

The landmarks have the names that they have in an .npz. (T, M, 2) is read, and (M, 2, T), as MATLAB code often has it;
several faces are (F, T, M, 2).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import arrays, hdf5, mat5
from fhr_jax.data.io.formats.arrays import ArrayTracks
from fhr_jax.data.io.formats.base import OpenedFile, Recording
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

VECTORS = (*landmark_arrays.TIME, "fps", arrays.FACE_ID, *landmark_arrays.CONFIDENCE)
"""Names of arrays that MATLAB stores with a further axis of length 1."""


class MatlabContent(NamedTuple):
    """What `write` needs.

    Attributes:
        file: of version 5; None for one of version 7.3.
        found: the tracks.
        axes: of the array in the file, in the order frames, points, coordinates.
        stored: type of the array in the file.
    """

    file: mat5.MatFile | None
    found: ArrayTracks
    axes: tuple[int, ...]
    stored: np.dtype


def recognise(source: OpenedFile) -> bool:
    """Whether it begins with the header of MATLAB."""
    return source.start.startswith(b"MATLAB ") and len(source.start) >= 128


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read a MATLAB file.

    Raises:
        InputError: it cannot be read, or has no landmarks.
    """
    path = source.path
    file = None
    if source.is_hdf5:
        wanted = [name for name in (*landmark_arrays.OBSERVED, *VECTORS) if name in source.hdf5.items]
        if not set(landmark_arrays.OBSERVED) & set(wanted):
            names = ", ".join(name for name in source.hdf5.items if not name.startswith("#")) or "nothing"
            raise InputError(f"{path}: no array predictions or landmarks in it, only {names}")
        # MATLAB stores by columns, so that the axes come in the opposite order.
        own = {name: hdf5.values(path, source.hdf5, name).T for name in wanted}
    else:
        file = mat5.read(path)
        wanted = [name for name in (*landmark_arrays.OBSERVED, *VECTORS) if name in file.variables]
        if not set(landmark_arrays.OBSERVED) & set(wanted):
            names = ", ".join(file.variables) or "nothing"
            raise InputError(f"{path}: no array predictions or landmarks in it, only {names}")
        own = {name: mat5.array(path, file, name) for name in wanted}
    key = next(name for name in landmark_arrays.OBSERVED if name in own)
    array = own[key]
    axes = tuple(range(array.ndim))
    notes = []
    if array.ndim == 3 and array.shape[2] not in (2, 3) and array.shape[1] in (2, 3):
        axes = (2, 0, 1)
        notes.append(f"{key} is {array.shape}: read as (M, {array.shape[1]}, T)")
    named = {name: own[name].squeeze() if name in VECTORS else own[name] for name in own}
    found = arrays.read(path, named | {key: array.transpose(axes)}, (key,), options)
    title = f"array {key} of a MATLAB file"
    saved = MatlabContent(file, found, axes, array.dtype)
    return Recording(path, "mat", found.tracks, saved, (*notes, *found.notes), found.fps, title)


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write a copy of the file with other landmarks.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, d) in pixels.
    """
    content: MatlabContent = recording.content
    values = arrays.replaced(content.found, points).transpose(np.argsort(content.axes))
    key = content.found.key
    if content.file is not None:
        mat5.write(path, content.file, key, values)
        return
    change = hdf5.Change(values.T)
    if content.stored.kind != "f":
        change = hdf5.Change(values.T.astype(np.float64), {"MATLAB_class": "double"})
    hdf5.write_copy(path, source=recording.path, changes={key: change})
