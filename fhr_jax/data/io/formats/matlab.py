"""MATLAB files: of version 5 to 7.2 through SciPy, of version 7.3, which are HDF5, through h5py.

The landmarks have the names that they have in an .npz. (T, M, 2) is read, and (M, 2, T), as MATLAB code often has it;
several faces are (F, T, M, 2).
"""

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats import arrays, hdf5
from fhr_jax.data.io.formats.arrays import ArrayTracks
from fhr_jax.data.io.formats.base import Recording, Source
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 2 * 2**30
VECTORS = (*landmark_arrays.TIME, "fps", arrays.FACE_ID, *landmark_arrays.CONFIDENCE)
"""Names of arrays that MATLAB stores with a further axis of length 1."""


class MatlabContent(NamedTuple):
    """What `write` needs.

    Attributes:
        arrays: all of a file of version 5; None for one of version 7.3.
        found: the tracks.
        axes: of the array in the file, in the order frames, points, coordinates.
        stored: type of the array in the file.
    """

    arrays: dict[str, Any] | None
    found: ArrayTracks
    axes: tuple[int, ...]
    stored: np.dtype


def recognise(source: Source) -> bool:
    """Whether it begins with the header of MATLAB."""
    return source.start.startswith(b"MATLAB ") and len(source.start) >= 128


def read(source: Source, options: ReadOptions) -> Recording:
    """Read a MATLAB file.

    Raises:
        InputError: it cannot be read, or has no landmarks.
    """
    path = source.path
    content = None
    if hdf5.is_hdf5(source):
        with hdf5.opened(path) as file:
            wanted = [name for name in (*landmark_arrays.OBSERVED, *VECTORS) if name in file]
            if not set(landmark_arrays.OBSERVED) & set(wanted):
                names = ", ".join(name for name in file if not name.startswith("#")) or "nothing"
                raise InputError(f"{path}: no array predictions or landmarks in it, only {names}")
            # MATLAB stores by columns, so that the axes come in the opposite order.
            own = {name: hdf5.dataset(path, file, name)[()].T for name in wanted}
    else:
        content = _load(path)
        own = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
    key = landmark_arrays.first_name(own, landmark_arrays.OBSERVED)
    if key is None:
        raise InputError(f"{path}: no array predictions or landmarks in it, only {', '.join(own) or 'nothing'}")
    array = own[key]
    axes = tuple(range(array.ndim))
    notes = []
    if array.ndim == 3 and array.shape[2] not in (2, 3) and array.shape[1] in (2, 3):
        axes = (2, 0, 1)
        notes.append(f"{key} is {array.shape}: read as (M, {array.shape[1]}, T)")
    named = {name: own[name].squeeze() if name in VECTORS else own[name] for name in own if own[name].dtype.kind != "O"}
    found = arrays.read(path, named | {key: array.transpose(axes)}, (key,), options)
    title = f"array {key} of a MATLAB file"
    saved = MatlabContent(content, found, axes, array.dtype)
    return Recording(path, "mat", found.tracks, saved, (*notes, *found.notes), found.fps, title)


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the file with other landmarks; a file of version 7.3 is copied, one of version 5 saved anew.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, d) in pixels.

    Raises:
        InputError: the file holds something that SciPy cannot write, such as objects of MATLAB.
    """
    content: MatlabContent = recording.content
    values = arrays.replaced(content.found, points).transpose(np.argsort(content.axes))
    key = content.found.key
    if content.arrays is None:
        with hdf5.changed_copy(path, source=recording.path) as file:
            if content.stored.kind == "f":
                file[key][...] = values.T
            else:
                attributes = dict(file[key].attrs)
                del file[key]
                file[key] = values.T.astype(np.float64)
                file[key].attrs.update(attributes | {"MATLAB_class": np.bytes_(b"double")})
        return
    from scipy.io import savemat

    buffer = io.BytesIO()
    named = {name: value for name, value in content.arrays.items() if not name.startswith("__")}
    try:
        savemat(buffer, named | {key: values}, do_compression=True, long_field_names=True)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{path}: not written: {recording.path} holds something that cannot be saved again ({error})"
        ) from error
    with atomic_file(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _load(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES} bytes")
    try:
        # The types of MATLAB, and not those of the numbers on disk, so that they are the same when saved again.
        return loadmat(path, mat_dtype=True)
    except (MatReadError, ValueError, TypeError, KeyError, IndexError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a MATLAB file, or cut off ({str(error).strip()[:120]})") from error
    except (NotImplementedError, MemoryError, OverflowError, AssertionError) as error:
        raise InputError(f"{path}: this MATLAB file cannot be read ({str(error).strip()[:120]})") from error
