"""What a careful fit has found so far: saved as .npz after each fold, and read back to continue."""

import os
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax import npz
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import params_io
from fhr_jax.stabilizer.params import Params

_INIT_PARAMS = "init_params."
"""Prefix of the initial parameters, whose keys are those of a parameter file."""


class CarefulState(NamedTuple):
    """What a careful fit has found so far.

    Attributes:
        losses: (F, C, V) loss of each video of each fold that was left out, after 0 steps and after each checkpoint;
            NaN where the fold was not left out yet, or no frame of the video is scored.
        points: (F, C, n) unconstrained parameters there; NaN where the fold was not left out yet.
        seconds: () since the start, without compiling.
        init_params: the parameters that it began with.
    """

    losses: Float[np.ndarray, "f c v"]
    points: Float[np.ndarray, "f c n"]
    seconds: Float[np.ndarray, ""]
    init_params: Params


def save_careful(path: str | os.PathLike[str], state: CarefulState) -> None:
    """Write the state of a careful fit to an .npz file.

    Raises:
        InputError: the folder cannot be written to.
    """
    begun = {_INIT_PARAMS + key: array for key, array in params_io.as_arrays(state.init_params).items()}
    arrays = {f"careful.{name}": np.asarray(getattr(state, name)) for name in ("losses", "points", "seconds")}
    npz.write(path, arrays | begun)


def load_careful(path: str | os.PathLike[str]) -> CarefulState:
    """Read the state of a careful fit.

    Raises:
        InputError: the file is missing or broken, or holds a fit by another method.
    """
    arrays = npz.read(path)
    begun = {name.removeprefix(_INIT_PARAMS): a for name, a in arrays.items() if name.startswith(_INIT_PARAMS)}
    losses, points, seconds = (arrays.get(f"careful.{name}") for name in ("losses", "points", "seconds"))
    if losses is None or points is None or seconds is None or not losses.ndim == points.ndim == 3 or not begun:
        raise InputError(f"{path}: holds another fit, expected a careful one")
    return CarefulState(losses, points, seconds, params_io.from_arrays(begun, source=str(path)))
