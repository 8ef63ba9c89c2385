"""Reading and writing .safetensors: a header of JSON and plain numbers, so nothing in them can run."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file
from fhr_jax.npz import MAX_BYTES

_OF_TORCH = 'in PyTorch: safetensors.torch.save_file(state_dict, "net.safetensors")'
"""How a file of PyTorch, which would have to be unpickled, becomes one of these."""


def read(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """All arrays of a .safetensors file, by name; bfloat16 comes as `ml_dtypes.bfloat16`.

    Raises:
        InputError: there is no such file, it is another kind of file, is cut off, has more than `max_bytes`, or
            holds numbers that NumPy has no type for.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path}: {size} bytes; at most {max_bytes} are read")
        with safe_open(path, framework="np") as file:  # the library checks its header against the file's length
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        advice = _OF_TORCH if Path(path).suffix in (".pth", ".pt", ".tar", ".bin", ".ckpt") else str(error)
        raise InputError(f"{path}: not a .safetensors file, or cut off ({advice})") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: numbers of a type that cannot be read here ({error})") from error


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a .safetensors file, whole or not at all.

    Raises:
        InputError: the folder cannot be written to.
    """
    # The library copies memory as it lies, so it must lie in order.
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with atomic_file(path) as temporary:
        temporary.write_bytes(save(ordered))  # `save_file` would leave it readable by its owner alone
