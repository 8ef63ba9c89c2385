"""Read and write .safetensors files: a JSON header and plain numbers, so that no code in them can run."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file
from fhr_jax.npz import MAX_BYTES

_FROM_TORCH = 'in PyTorch: safetensors.torch.save_file(state_dict, "net.safetensors")'
"""How to convert a file of PyTorch, which would have to be unpickled."""


def read(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Read all arrays of a .safetensors file, by name; bfloat16 becomes `ml_dtypes.bfloat16`.

    Raises:
        InputError: there is no such file, it is another kind of file, is truncated, has more than `max_bytes`, or holds
            numbers of a type that NumPy lacks.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path}: {size} bytes; at most {max_bytes} are read")
        with safe_open(path, framework="np") as file:  # the library checks the header against the length of the file
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        advice = _FROM_TORCH if Path(path).suffix in (".pth", ".pt", ".tar", ".bin", ".ckpt") else str(error)
        raise InputError(f"{path}: not a .safetensors file, or cut off ({advice})") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: numbers of a type that cannot be read here ({error})") from error


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a .safetensors file, atomically.

    Raises:
        InputError: the folder cannot be written to.
    """
    # The library copies raw memory, so arrays must be contiguous.
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with atomic_file(path) as temporary:
        temporary.write_bytes(save(ordered))  # `save_file` would make it readable by its owner only
