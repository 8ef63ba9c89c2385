"""A face detector in one .npz file: its arrays by path, and its configuration as JSON text."""

import json
import math
import os
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from fhr_jax import npz
from fhr_jax.detector.net import DetectorConfig, DetectorNet, init
from fhr_jax.errors import InputError

_ENTRY = "fhr_jax_detector"
_MAX_CHANNELS, _MAX_UNITS, _MAX_SIDE = 512, 32, 4096


def save(path: str | os.PathLike[str], net: DetectorNet, *, dtype: Literal["float32", "float16"] = "float32") -> None:
    """Write a detector atomically: the file is complete or absent.

    Args:
        path: a name that ends in .npz.
        net: the detector.
        dtype: type of the stored parameters; statistics of batch normalization stay float32.

    Raises:
        InputError: the folder cannot be written to, or a parameter is not finite (in `dtype`).
    """
    arrays: dict[str, np.ndarray] = {}
    for name, value in traverse_util.flatten_dict(net.variables, sep="/").items():
        with np.errstate(over="ignore"):  # reported below
            array = np.asarray(value, dtype if name.startswith("params/") else "float32")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: not written: {name} is not finite in {array.dtype}")
        arrays[name] = array
    arrays[_ENTRY] = np.array(json.dumps(net.config._asdict()))
    npz.write(path, arrays)


DEFAULT = Path(__file__).parents[1] / "nets" / "detector.npz"
"""The detector in the package; docs/detector.md tells how it was trained."""


def load(path: str | os.PathLike[str] | None = None) -> DetectorNet:
    """Read a detector; without a path the one in the package.

    Raises:
        InputError: the file cannot be read, holds no detector, or its arrays are not those of its configuration.
    """
    path = DEFAULT if path is None else Path(path)
    arrays = npz.read(path)
    config = _config(path, arrays.pop(_ENTRY, None))
    template = jax.eval_shape(lambda: init(jax.random.key(0), config))
    shapes = {name: leaf.shape for name, leaf in traverse_util.flatten_dict(template, sep="/").items()}
    npz.check_parameters(path, arrays, shapes, name="its configuration")
    variables = {name: jnp.asarray(array, jnp.float32) for name, array in arrays.items()}
    return DetectorNet(config, traverse_util.unflatten_dict(variables, sep="/"))


def _config(path: Path, entry: np.ndarray | None) -> DetectorConfig:
    if entry is None or entry.dtype.kind != "U" or entry.ndim:
        raise InputError(f"{path}: is not a face detector of fhr_jax (it has no text entry {_ENTRY!r})")
    try:
        values: dict[str, Any] = json.loads(entry.item())
        values |= {name: tuple(values[name]) for name in ("features", "units")}
        config = DetectorConfig(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: its configuration cannot be read ({error})") from error
    for name, limit in (("features", _MAX_CHANNELS), ("units", _MAX_UNITS)):
        numbers = getattr(config, name)
        if len(numbers) != 3 or any(type(number) is not int or not 1 <= number <= limit for number in numbers):
            raise InputError(f"{path}: {name} is {numbers!r}, expected three whole numbers from 1 to {limit}")
    if type(config.side) is not int or not 32 <= config.side <= _MAX_SIDE:
        raise InputError(f"{path}: side is {config.side!r}, expected a whole number from 32 to {_MAX_SIDE}")
    for name in ("smallest", "largest", "sigma", "threshold"):
        value = getattr(config, name)
        if type(value) not in (int, float) or not 0 < value < math.inf:
            raise InputError(f"{path}: {name} is {value!r}, expected a positive number")
    if not config.smallest < config.largest:
        raise InputError(f"{path}: smallest is {config.smallest:g}, expected less than largest, {config.largest:g}")
    return config
