"""Read and call a net in a folder that `export.write` wrote; needs neither Flax nor the code of the network.

The folder holds net.json (a description of the net, its input and output), params.safetensors (its arrays) and
StableHLO programs, for any number of crops, on CPU, GPU and TPU. Nothing is unpickled and no file holds Python code:
XLA compiles the programs, and a program with calls outside itself is refused.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jaxtyping import Array, Float

from fhr_jax import inputs, tensors
from fhr_jax.errors import InputError

FORMAT, VERSION = "fhr-jax net", 1
HEADER, PARAMS = "net.json", "params.safetensors"
MAX_HEADER, MAX_PROGRAM = 2**20, 2**28
"""Size limits in bytes; larger files are refused."""
_SHAPE_ASSERTION = "stablehlo.custom_call @shape_assertion("
"""The one call that is allowed: `jax.export` adds it to programs for any batch and removes it before compiling."""

Crops = Float[Array, "b s s 3"] | Float[np.ndarray, "b s s 3"]
Call = Callable[[Crops], dict[str, Array]]


def program_file(name: str) -> str:
    """The file name of a program: "net" (crops to landmarks) or "maps" (crops to heatmaps)."""
    return f"{name}.stablehlo"


def header(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read net.json of a folder.

    Raises:
        InputError: the folder holds no exported net, or one of another format version.
    """
    path = Path(folder) / HEADER
    content = _bytes(path, MAX_HEADER)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{path}: not a net that `fhr-jax export` wrote")
    if found.get("version") != VERSION:
        raise InputError(f"{path}: version {found.get('version')!r} of the format, expected {VERSION}")
    return found


def call(folder: str | os.PathLike[str], *, program: str = "net") -> Call:
    """Load a program of an exported net as a function of crops; it compiles once for each number of crops.

    Args:
        folder: written by `export.write`.
        program: "net" returns the fields of `pipeline.Prediction` as a dict: "points" (B, M, 2), (x, y) in pixels of
            the crop, and more. "maps" returns {"maps": (B, h, w, M)}, if it was exported.

    Returns:
        A function of crops (B, S, S, 3), values in [0, 1], B at least 1. It raises `InputError` for crops of another
        shape or type, or with NaN.

    Raises:
        InputError: a file is missing, damaged or too large, the program calls something outside itself, or it takes
            other arrays than those of the folder.
    """
    folder = Path(folder)
    header(folder)
    path = folder / program_file(program)
    exported = _program(path, _bytes(path, MAX_PROGRAM))
    params = {name: jnp.asarray(array) for name, array in tensors.read(folder / PARAMS).items()}
    side, compiled = _side(path, exported, params), jax.jit(exported.call)

    def run(crops: Crops) -> dict[str, Array]:
        inputs.check_crops(crops, side)
        if not len(crops):
            raise InputError("crops: none, expected at least one")
        return compiled(params, jnp.asarray(crops, jnp.float32))

    return run


def _program(path: Path, content: bytes) -> export.Exported:
    try:
        exported = export.deserialize(bytearray(content))
        text = exported.mlir_module()
    except Exception as error:  # bytes that are no program raise many kinds of errors
        raise InputError(f"{path}: not a program of jax.export, or of another version ({_line(error)})") from error
    rest = text.replace(_SHAPE_ASSERTION, "")
    if "custom_call" in rest or exported.ordered_effects or exported.unordered_effects:
        names = sorted(set(re.findall(r"custom_call @([\w.]+)", rest)))
        raise InputError(f"{path}: refused: it calls {', '.join(names) or 'functions outside the program'}")
    return exported


def _side(path: Path, exported: export.Exported, params: dict[str, Array]) -> int:
    """Side of the crops that a program takes, after checking that it also takes `params`."""
    given = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(params)]
    if jax.tree.structure(((params, 0), {})) == exported.in_tree:
        *expected, crops = exported.in_avals
        if given == [(aval.shape, aval.dtype) for aval in expected] and len(crops.shape) == 4:
            return int(crops.shape[1])
    raise InputError(f"{path}: does not take the arrays of {path.parent / PARAMS} and crops (B, S, S, 3)")


def _bytes(path: Path, limit: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > limit:
            raise InputError(f"{path}: {size} bytes; at most {limit} are read")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _line(error: Exception) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:200]
