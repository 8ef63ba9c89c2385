"""A trained network in one .npz file: its arrays by path, and its configuration as JSON text.

`load` also reads a folder that `export.write` made.
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
from fhr_jax.markup import FACE7, FACE68, Markup, definition, from_definition, unknown

DEFAULT = Path(__file__).parent / "nets" / "small.npz"
"""The file of the default net."""

LOSSES = ("squared", "cross_entropy")
_ENTRY = "fhr_jax"
_WITHOUT_MARKUP = {markup.size: markup for markup in (FACE68, FACE7)}
"""What nets learned before their files named the markup."""
_CALIBRATION = "calibration/"
_CALIBRATION_KEYS = {
    "log_scale": "level",
    "exponent": "size",
    "saturation": "bend",
    "anisotropy": "shape",
    "dof": "tail",
    "typical": "typical",
}
"""Fields of `Calibration` and their names on disk, which files of older versions have too."""
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
        config: its architecture.
        variables: {"params": ..., "batch_stats": ...}, float32.
        loss: the loss that trained it: "squared" (its outputs are heatmaps) or "cross_entropy" (they are logits).
        calibration: predicts its errors from the covariance of its peaks; None if it was not calibrated.
        markup: of its landmarks; None if its file does not tell. `markup_of` then takes that of 68 or 7 landmarks.
    """

    config: Config
    variables: dict[str, Any]
    loss: str
    calibration: Calibration | None = None
    markup: Markup | None = None

    def __repr__(self) -> str:
        """One line: architecture, size, loss, and whether it is calibrated."""
        config, preset = self.config, _preset_name(self.config)
        parameters = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(self.variables.get("params", {})))
        parts = [
            f"preset {preset}" if preset else "no preset",
            f"crop {config.crop}",
            f"heatmap {config.heatmap}",
            f"{config.landmarks} landmarks{f' of {self.markup.name}' if self.markup else ''}",
            f"{parameters:,} parameters",
            f"loss {self.loss}",
            "not calibrated" if self.calibration is None else "calibrated",
        ]
        return f"Net({', '.join(parts)})"


def markup_of(net: Net) -> Markup:
    """The markup of a net; `markup.unknown` if neither the net nor its number of landmarks tells."""
    landmarks = net.config.landmarks
    return net.markup or _WITHOUT_MARKUP.get(landmarks) or unknown(landmarks)


def with_markup(net: Net, markup: Markup) -> Net:
    """The net with another markup.

    Raises:
        InputError: the markup has another number of landmarks.
    """
    if markup.size != net.config.landmarks:
        raise InputError(f"markup {markup.label}: the net has {net.config.landmarks} landmarks")
    return net._replace(markup=markup)


def first_stacks(net: Net, stacks: int) -> Net:
    """The net that ends after its first stacks: faster and less accurate.

    Every stack was trained to predict the landmarks, so the maps of each can be decoded. A calibration is that of the
    last stack, and is dropped with it.

    Args:
        net: the net.
        stacks: how many of its stacks to keep.

    Raises:
        InputError: the net has fewer stacks, or `stacks` is less than 1.
    """
    if not 1 <= stacks <= net.config.stacks:
        raise InputError(f"stacks is {stacks}, expected 1 to {net.config.stacks}, as many as the net has")
    if stacks == net.config.stacks:
        return net
    config = net.config._replace(stacks=stacks)
    arrays = traverse_util.flatten_dict(net.variables, sep="/")
    kept = {name: arrays[name] for name in shapes_of(config)}
    return net._replace(config=config, variables=traverse_util.unflatten_dict(kept, sep="/"), calibration=None)


def save(path: str | os.PathLike[str], net: Net, *, dtype: Literal["float32", "float16"] = "float32") -> None:
    """Write a net atomically: the file is complete or absent.

    Args:
        path: a name that ends in .npz.
        net: the net.
        dtype: type of the stored parameters. Statistics of batch normalization stay float32, because a variance can
            exceed the range of float16.

    Raises:
        InputError: the folder cannot be written to, or a parameter is not finite (in `dtype`).
    """
    contents = named_arrays(path, net, dtype=dtype)
    contents[_ENTRY] = np.array(json.dumps(header(net)))
    npz.write(path, contents)


def header(net: Net) -> dict[str, Any]:
    """Everything about a net except its arrays, ready for JSON."""
    named = {} if net.markup is None else {"markup": definition(net.markup)}
    return {"config": net.config._asdict(), "loss": net.loss} | named


def named_arrays(
    path: str | os.PathLike[str], net: Net, *, dtype: Literal["float32", "float16"] = "float32"
) -> dict[str, np.ndarray]:
    """The arrays of a net by name, such as "params/Conv_0/kernel".

    Args:
        path: where they will be written; named in error messages.
        net: the net.
        dtype: type of the parameters, as for `save`.

    Raises:
        InputError: a parameter is not finite (in `dtype`).
    """
    result = {}
    for name, value in traverse_util.flatten_dict(net.variables, sep="/").items():
        with np.errstate(over="ignore"):  # reported below
            array = np.asarray(value, dtype if name.startswith("params/") else "float32")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: not written: {name} is not finite in {array.dtype}")
        result[name] = array
    if net.calibration is not None:
        fields = net.calibration._asdict().items()
        result |= {_CALIBRATION + _CALIBRATION_KEYS[name]: np.asarray(value, "float32") for name, value in fields}
    return result


def with_arrays(net: Net, arrays: Mapping[str, jax.Array]) -> Net:
    """The net with other arrays, under the names that `named_arrays` gives; accepts tracers."""
    variables = {name: array for name, array in arrays.items() if not name.startswith(_CALIBRATION)}
    calibration = None
    if len(variables) < len(arrays):
        calibration = Calibration(**{name: arrays[_CALIBRATION + key] for name, key in _CALIBRATION_KEYS.items()})
    return net._replace(variables=traverse_util.unflatten_dict(variables, sep="/"), calibration=calibration)


@cache
def shapes_of(config: Config) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's arrays by name; nothing is computed."""
    template = jax.eval_shape(lambda: hourglass.init(jax.random.key(0), config))
    return {name: leaf.shape for name, leaf in traverse_util.flatten_dict(template, sep="/").items()}


def load(path: str | os.PathLike[str] | None = None) -> Net:
    """Read a net.

    Args:
        path: an .npz file or an exported folder; None reads the default net.

    Raises:
        InputError: the file cannot be read, holds no net, or its arrays are not those of its configuration.
    """
    path = Path(path) if path is not None else DEFAULT
    if path.is_dir() and not (path / exported.HEADER).exists() and (path / "config.json").exists():
        raise InputError(f"{path}: is the folder of a run; expected its net.npz, or best.npz while training runs")
    if path.is_dir():
        entry = np.array(json.dumps(exported.header(path)))
        arrays = tensors.read(path / exported.PARAMS)
    else:
        arrays = npz.read(path)
        entry = arrays.pop(_ENTRY, None)
    config, loss, markup = _header(path, entry)
    calibration = _calibration(path, arrays, config.landmarks)
    shapes = shapes_of(config)
    preset = _preset_name(config)
    name = f"preset {preset!r}" if preset else "its configuration"
    npz.check_parameters(path, arrays, shapes, name=name)
    variables = {key: jnp.asarray(array, jnp.float32) for key, array in arrays.items()}
    return Net(config, traverse_util.unflatten_dict(variables, sep="/"), loss, calibration, markup)


def _preset_name(config: Config) -> str | None:
    return next((name for name, preset in PRESETS.items() if preset == config), None)


def _calibration(path: Path, arrays: dict[str, np.ndarray], landmarks: int) -> Calibration | None:
    """Take the calibration out of the arrays; None if there is none."""
    keys = {name: _CALIBRATION + key for name, key in _CALIBRATION_KEYS.items()}
    found = {name: arrays.pop(key) for name, key in keys.items() if key in arrays}
    if not found:
        return None
    for name, key in keys.items():
        array, shape = found.get(name), (landmarks,) if name == "log_scale" else ()
        if array is None or array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise InputError(f"{path}: {key}: expected finite numbers of shape {shape}")
    if found["dof"] <= 2 or found["typical"] <= 0:
        raise InputError(f"{path}: expected {keys['dof']} above 2 and {keys['typical']} above 0")
    return Calibration(**{name: jnp.asarray(array, jnp.float32) for name, array in found.items()})


def _header(path: Path, entry: np.ndarray | None) -> tuple[Config, str, Markup | None]:
    if entry is None or entry.dtype.kind != "U" or entry.ndim:
        raise InputError(f"{path}: is not a net of fhr_jax (it has no text entry {_ENTRY!r})")
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
        raise InputError(
            f"{path}: a crop of {config.crop} pixels does not fit heatmaps of {config.heatmap} pixels "
            f"with {config.depth} levels"
        )
    if type(config.pool) is not bool or type(config.sigma) not in (int, float) or not 0 < config.sigma < math.inf:
        raise InputError(f"{path}: expected true or false for pool, and a positive number for sigma")
    return config, loss, _markup(path, header.get("markup"), config.landmarks)


def _markup(path: Path, table: Any, landmarks: int) -> Markup | None:
    if table is None:
        return None
    markup = from_definition(table, where=f"{path}: markup")
    if markup.size != landmarks:
        raise InputError(f"{path}: markup: points is {markup.size}, but the net has {landmarks} landmarks")
    return markup
