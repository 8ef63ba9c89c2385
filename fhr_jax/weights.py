"""A trained network in one .npz file: its arrays by path, and its configuration as JSON text.

A folder that `export.write` made is read alike.
"""

import json
import math
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from fhr_jax import exported, hourglass, npz, tensors
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Calibration
from fhr_jax.hourglass import PRESETS, Config

DEFAULT = Path(__file__).parent / "nets" / "small.npz"
"""The net that ships with the package."""

LOSSES = ("squared", "cross_entropy")
_ENTRY = "fhr_jax"
_CALIBRATION = "calibration/"
_LIMITS = {
    "crop": 2048,
    "heatmap": 1024,
    "stacks": 16,
    "features": 1024,
    "units": 16,
    "depth": 10,
    "landmarks": 4096,
}


class Net(NamedTuple):
    """A network ready to use.

    Attributes:
        config: its shape.
        variables: {"params": ..., "batch_stats": ...}, float32.
        loss: what its maps were trained with: "squared" (they are heatmaps) or "cross_entropy" (logits).
        calibration: what the spread of its peaks says of its errors, or None.
    """

    config: Config
    variables: dict[str, Any]
    loss: str
    calibration: Calibration | None = None


def save(path: str | os.PathLike[str], net: Net, *, dtype: Literal["float32", "float16"] = "float32") -> None:
    """Write a net, whole or not at all.

    Args:
        path: a name that ends in .npz.
        net: the net.
        dtype: how parameters are stored; statistics of the normalizations stay float32, since a variance may
            be larger than float16 holds.

    Raises:
        InputError: the folder cannot be written to, or a parameter is not finite (in `dtype`).
    """
    contents = named_arrays(net, path, dtype=dtype)
    contents[_ENTRY] = np.array(json.dumps(header(net)))
    npz.write(path, contents)


def header(net: Net) -> dict[str, Any]:
    """All of a net but its arrays, as JSON has it."""
    return {"config": net.config._asdict(), "loss": net.loss}


def named_arrays(
    net: Net, path: str | os.PathLike[str], *, dtype: Literal["float32", "float16"] = "float32"
) -> dict[str, np.ndarray]:
    """The arrays of a net by path, such as "params/Conv_0/kernel", to be written to the file `path`.

    Raises:
        InputError: a parameter is not finite (in `dtype`).
    """
    result = {}
    for name, value in traverse_util.flatten_dict(net.variables, sep="/").items():
        with np.errstate(over="ignore"):  # said below
            array = np.asarray(value, dtype if name.startswith("params/") else "float32")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: not written: {name} is not finite in {array.dtype}")
        result[name] = array
    if net.calibration is not None:
        result |= {_CALIBRATION + k: np.asarray(v, "float32") for k, v in net.calibration._asdict().items()}
    return result


def filled(net: Net, arrays: Mapping[str, jax.Array]) -> Net:
    """The net with other arrays, named as `named_arrays` names them; works on tracers."""
    variables = {name: array for name, array in arrays.items() if not name.startswith(_CALIBRATION)}
    found = {name.removeprefix(_CALIBRATION): array for name, array in arrays.items() if name not in variables}
    calibration = Calibration(**found) if found else None
    return net._replace(variables=traverse_util.unflatten_dict(variables, sep="/"), calibration=calibration)


@cache
def shapes_of(config: Config) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's arrays by path; nothing is computed."""
    template = jax.eval_shape(lambda: hourglass.init(jax.random.key(0), config))
    return {name: leaf.shape for name, leaf in traverse_util.flatten_dict(template, sep="/").items()}


def load(path: str | os.PathLike[str] | None = None) -> Net:
    """Read a net from an .npz file or an exported folder, by default the one that ships with the package.

    Raises:
        InputError: the file cannot be read, holds no net, or its arrays are not those of its configuration.
    """
    path = Path(path) if path is not None else DEFAULT
    if path.is_dir() and not (path / exported.HEADER).exists() and (path / "config.json").exists():
        raise InputError(f"{path}: the folder of a run; expected its net.npz, or best.npz while it goes on")
    if path.is_dir():
        entry = np.array(json.dumps(exported.header(path)))
        arrays = tensors.read(path / exported.PARAMS)
    else:
        arrays = npz.read(path)
        entry = arrays.pop(_ENTRY, None)
    config, loss = _header(path, entry)
    calibration = _calibration(path, arrays, config.landmarks)
    shapes = shapes_of(config)
    name = next((f"preset {key!r}" for key, preset in PRESETS.items() if preset == config), "its configuration")
    if missing := sorted(set(shapes) - set(arrays)):
        raise InputError(f"{path}: lacks {missing[0]} (and {len(missing) - 1} more) of {name}")
    if extra := sorted(set(arrays) - set(shapes)):
        raise InputError(f"{path}: {extra[0]} (and {len(extra) - 1} more) does not belong to {name}")
    for key, array in arrays.items():
        if array.shape != shapes[key]:
            raise InputError(f"{path}: {key} is {array.shape}, expected {shapes[key]} for {name}")
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise InputError(f"{path}: {key} must hold finite floating-point numbers")
    variables = {key: jnp.asarray(array, jnp.float32) for key, array in arrays.items()}
    return Net(config, traverse_util.unflatten_dict(variables, sep="/"), loss, calibration)


def _calibration(path: Path, arrays: dict[str, np.ndarray], landmarks: int) -> Calibration | None:
    """Take the calibration out of the arrays; files without one are fine."""
    shapes = {name: (landmarks,) if name == "level" else () for name in Calibration._fields}
    found = {name: arrays.pop(_CALIBRATION + name) for name in shapes if _CALIBRATION + name in arrays}
    if not found:
        return None
    for name, shape in shapes.items():
        array = found.get(name)
        if array is None or array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise InputError(f"{path}: {_CALIBRATION}{name}, expected finite numbers of shape {shape}")
    if found["tail"] <= 2 or found["typical"] <= 0:
        raise InputError(f"{path}: {_CALIBRATION}tail must be more than 2, and {_CALIBRATION}typical positive")
    return Calibration(**{name: jnp.asarray(array, jnp.float32) for name, array in found.items()})


def _header(path: Path, entry: np.ndarray | None) -> tuple[Config, str]:
    if entry is None or entry.dtype.kind != "U" or entry.ndim:
        raise InputError(f"{path}: not a net of fhr_jax (no text entry {_ENTRY!r})")
    try:
        header = json.loads(entry.item())
        config, loss = Config(**header["config"]), header["loss"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: its configuration cannot be read ({error})") from error
    if loss not in LOSSES:
        raise InputError(f"{path}: loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    for name, limit in _LIMITS.items():
        value = getattr(config, name)
        if type(value) is not int or not 1 <= value <= limit:
            raise InputError(f"{path}: {name} is {value!r}, expected a whole number from 1 to {limit}")
    step = 4 if config.pool else 2
    if config.crop != step * config.heatmap or config.heatmap % 2**config.depth:
        raise InputError(f"{path}: a crop of {config.crop} and maps of {config.heatmap} pixels do not go together")
    if type(config.pool) is not bool or type(config.sigma) not in (int, float) or not 0 < config.sigma < math.inf:
        raise InputError(f"{path}: pool must be true or false and sigma a positive number")
    return config, loss
