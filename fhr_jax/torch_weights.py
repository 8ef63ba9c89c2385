"""Read the parameters of a PyTorch stacked hourglass from .safetensors as a `Net`.

The names are the usual ones of such networks (scale n counts from the innermost, 0; unit u from 0):

| PyTorch | here |
|---|---|
| conv1, bn1; layer1.0, layer2.0, layer3.0 | Conv_0, BatchNorm_0; Residual_0, 1, 2 |
| hg.i.hg.n.0.u, .1.u, .2.u and, for n = 0, .3.u | in _Scale_i: skip connection, down, up, and innermost |
| res.i.u; fc.i.0, fc.i.1; score.i; fc_.i; score_.i | _Units_i; Dense and BatchNorm; maps_i; two Dense |
| bn1, conv1, bn2, conv2, bn3, conv3, downsample.0 | of a Residual |

A kernel is (out, in, height, width) in PyTorch and (height, width, in, out) here; a 1 x 1 kernel is a matrix (in, out)
here. A bias before a normalization only shifts its running mean, so it may be missing in the file or here.
PyTorch itself is not needed; there, `safetensors.torch.save_file(state_dict, path)` writes such a file.
"""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from fhr_jax import tensors
from fhr_jax.errors import InputError
from fhr_jax.hourglass import PRESETS, Config
from fhr_jax.weights import LOSSES, Net, shapes_of

Colour = tuple[float, float, float]
"""Red, green and blue."""

GRAY: Colour = (0.5, 0.5, 0.5)
"""The mean that our network itself subtracts from images."""
UNIT: Colour = (1.0, 1.0, 1.0)
"""No division."""

_LEAVES = {"kernel": "weight", "bias": "bias", "scale": "weight", "mean": "running_mean", "var": "running_var"}
_RESIDUAL = {
    "BatchNorm_0": "bn1",
    "Dense_0": "conv1",
    "BatchNorm_1": "bn2",
    "Conv_0": "conv2",
    "BatchNorm_2": "bn3",
    "Dense_1": "conv3",
    "Dense_2": "downsample.0",
}


def load(path: str | os.PathLike[str], config: Config, *, loss: str, mean: Colour = GRAY, std: Colour = UNIT) -> Net:
    """Read a network.

    Args:
        path: a .safetensors file with the names of the table above, with or without the prefix "module.".
        config: shape of the network. The number of landmarks is that of the file.
        loss: what it was trained with: "squared" (its maps are heatmaps) or "cross_entropy" (they are logits).
        mean: red, green and blue, subtracted from its images, whose values lie in [0, 1].
        std: red, green and blue, that the images were then divided by.

    Returns:
        The net for images in [0, 1]; see `fold` for where that is exact.

    Raises:
        InputError: the file cannot be read, or its arrays do not have the shapes of `config`.
    """
    if loss not in LOSSES:
        raise InputError(f"loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    path = Path(path)
    arrays = {name: array for name, array in tensors.read(path).items() if not name.endswith("num_batches_tracked")}
    if arrays and all(name.startswith("module.") for name in arrays):  # saved by a DataParallel model
        arrays = {name.removeprefix("module."): array for name, array in arrays.items()}
    if "conv1.weight" not in arrays:
        raise InputError(f"{path}: not a PyTorch stacked hourglass: it has no conv1.weight")
    config = _same_shape(path, arrays, config)
    shapes, names = shapes_of(config), modules(config)
    theirs, shifts = {name: _name(name, names) for name in shapes}, _shifts(names)
    if missing := sorted(set(theirs.values()) - set(shifts) - set(arrays)):
        raise InputError(f"{path}: lacks {missing[0]} (and {len(missing) - 1} more) of {_preset(config)}")
    if extra := sorted(set(arrays) - set(shifts) - set(theirs.values())):
        raise InputError(f"{path}: {extra[0]} (and {len(extra) - 1} more) does not belong to {_preset(config)}")
    arrays = {bias: np.zeros(shapes[shift.mean], np.float32) for bias, shift in shifts.items()} | arrays
    variables = {name: _converted(path, theirs[name], arrays[theirs[name]], shape) for name, shape in shapes.items()}
    for bias, shift in shifts.items():
        if shift.bias not in shapes:
            variables[shift.mean] -= _converted(path, bias, arrays[bias], shapes[shift.mean])
    net = Net(config, traverse_util.unflatten_dict(variables, sep="/"), loss)
    return fold(net, mean=mean, std=std)


def fold(net: Net, *, mean: Colour, std: Colour) -> Net:
    """Fold the normalization (images - mean) / std into the first convolution, to get a net for images in [0, 1].

    The result is exact where the 7 x 7 kernel lies inside the crop, and everywhere if `mean` is 0.5. Otherwise the
    first two and the last rows and columns after the first convolution differ: the zero padding means `mean` to the
    original network and mid gray to the new one. Measured on 64 synthetic faces with the net in the package, as if it
    had been trained with another mean: landmarks move by 0.05 px of the 128 px crop on average for a mean of
    (0.485, 0.456, 0.406) and by 0.24 px for 0; their error stays 1.60 px. Without folding,
    `pipeline.predict(net, 0.5 + (images - mean) / std)` is exact everywhere.

    Args:
        net: trained on normalized images.
        mean: red, green and blue.
        std: red, green and blue.

    Raises:
        InputError: `std` is not positive, or a number is not finite.
    """
    centre, scale = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    if not (np.isfinite(centre).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise InputError(f"mean {mean} and std {std}: expected finite numbers, and std above 0")
    variables = {name: np.asarray(array) for name, array in traverse_util.flatten_dict(net.variables, sep="/").items()}
    kernel = variables["params/Conv_0/kernel"] / scale[:, None]
    shift = ((0.5 - centre)[:, None] * kernel).sum(axis=(0, 1, 2))
    variables["params/Conv_0/kernel"] = kernel
    if "params/Conv_0/bias" in variables:
        variables["params/Conv_0/bias"] = variables["params/Conv_0/bias"] + shift
    else:
        variables["batch_stats/BatchNorm_0/mean"] = variables["batch_stats/BatchNorm_0/mean"] - shift
    arrays = {name: jnp.asarray(array, jnp.float32) for name, array in variables.items()}
    return net._replace(variables=traverse_util.unflatten_dict(arrays, sep="/"))


def modules(config: Config) -> dict[str, str]:
    """The PyTorch name of each module that has parameters, by its path here."""
    residuals = {f"Residual_{i}": f"layer{i + 1}.0" for i in range(3)}
    plain = {"Conv_0": "conv1", "BatchNorm_0": "bn1"}
    for i in range(config.stacks):
        residuals |= _scales(config, f"_Scale_{i}", f"hg.{i}.hg", config.depth - 1)
        residuals |= _units(config, f"_Units_{i}", f"res.{i}")
        plain |= {f"Dense_{3 * i}": f"fc.{i}.0", f"BatchNorm_{i + 1}": f"fc.{i}.1", f"maps_{i}": f"score.{i}"}
        plain |= {f"Dense_{3 * i + 1}": f"fc_.{i}", f"Dense_{3 * i + 2}": f"score_.{i}"}
    inner = {f"{ours}/{a}": f"{theirs}.{b}" for ours, theirs in residuals.items() for a, b in _RESIDUAL.items()}
    return plain | inner


def _scales(config: Config, ours: str, theirs: str, n: int) -> dict[str, str]:
    """Residual units of scale n and of the scales inside it, in the order in which Flax numbers them."""
    places = (0, 1, 2) if n else (0, 1, 3, 2)
    below = _scales(config, f"{ours}/_Scale_0", theirs, n - 1) if n else {}
    for i, place in enumerate(places):
        below |= _units(config, f"{ours}/_Units_{i}", f"{theirs}.{n}.{place}")
    return below


def _units(config: Config, ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}/Residual_{u}": f"{theirs}.{u}" for u in range(config.units)}


class _Shift(NamedTuple):
    """A bias before a normalization: its path here, if it exists, and that of the running mean that it shifts."""

    bias: str
    mean: str


def _shifts(names: dict[str, str]) -> dict[str, _Shift]:
    """The PyTorch biases that come before a normalization."""
    found = {}
    for ours, theirs in names.items():
        parent, _, module = ours.rpartition("/")
        if parent:
            after = {"Dense_0": "BatchNorm_1", "Conv_0": "BatchNorm_2"}.get(module)
        else:
            stack = re.fullmatch(r"fc\.(\d+)\.0", theirs)
            after = "BatchNorm_0" if theirs == "conv1" else f"BatchNorm_{int(stack[1]) + 1}" if stack else None
        if after:
            mean = "/".join(filter(None, ("batch_stats", parent, after, "mean")))
            found[f"{theirs}.bias"] = _Shift(f"params/{ours}/bias", mean)
    return found


def _name(ours: str, names: dict[str, str]) -> str:
    """`params/Residual_0/Dense_0/kernel` to `layer1.0.conv1.weight`."""
    _, module = ours.split("/", 1)
    module, leaf = module.rsplit("/", 1)
    return f"{names[module]}.{_LEAVES[leaf]}"


def _converted(path: Path, name: str, array: np.ndarray, shape: tuple[int, ...]) -> jax.Array:
    """One array in our layout, of shape `shape`."""
    layout = {4: (3, 2, 0, 1), 2: (1, 0)}.get(len(shape), range(len(shape)))
    expected = tuple(shape[i] for i in layout) + (1, 1) * (len(shape) == 2)
    if array.shape != expected:
        raise InputError(f"{path}: {name} is {array.shape}, expected {expected}")
    if array.dtype.kind != "f" and array.dtype != jnp.bfloat16:
        raise InputError(f"{path}: {name} holds {array.dtype}, expected floating-point numbers")
    values = np.asarray(array, np.float32)
    if not np.isfinite(values).all() or (name.endswith("running_var") and (values < 0).any()):
        raise InputError(f"{path}: {name} holds numbers that are not finite, or a negative variance")
    if len(shape) == 4:
        return jnp.asarray(values.transpose(2, 3, 1, 0))
    return jnp.asarray(values.reshape(shape[::-1]).T if len(shape) == 2 else values)


def _same_shape(path: Path, arrays: dict[str, np.ndarray], config: Config) -> Config:
    """`config` with the number of landmarks in the file; raises an error that lists all other differences."""

    def length(name: str) -> int:
        return arrays[name].shape[0] if name in arrays and arrays[name].ndim else 0

    def highest(prefix: str) -> int:
        """1 + the largest number that follows `prefix` in a name."""
        rest = [name.removeprefix(prefix).split(".")[0] for name in arrays if name.startswith(prefix)]
        return 1 + max((int(number) for number in rest if number.isdecimal()), default=-1)

    found: dict[str, Any] = {
        "stem": length("conv1.weight"),
        "features": length("fc.0.0.weight"),
        "stacks": highest("hg."),
        "depth": highest("hg.0.hg."),
        "units": highest("hg.0.hg.0.0."),
    }
    expected = {"stem": 64} | {name: getattr(config, name) for name in found if name != "stem"}
    if wrong := [name for name in found if found[name] != expected[name]]:
        has, wants = (", ".join(f"{name} {values[name]}" for name in wrong) for values in (found, expected))
        raise InputError(f"{path}: a network with {has}; {_preset(config)} has {wants}")
    return config._replace(landmarks=length("score.0.weight") or config.landmarks)


def _preset(config: Config) -> str:
    for name, preset in PRESETS.items():
        if preset._replace(landmarks=config.landmarks, sigma=config.sigma) == config:
            return f"preset {name!r}"
    return "its configuration"
