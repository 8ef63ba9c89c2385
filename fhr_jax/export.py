"""Write a net to a folder for use without this package: parameters, a description, and StableHLO programs.

`jax.export` makes the programs, for any number of crops and for several platforms at once: the whole path from crops to
landmarks, as `pipeline.predict` computes it, and on request the path to the heatmaps. They take the parameters as an
argument, a dict by name, so nothing is stored twice. All safety checks of `jax.export` stay on. jax, flatbuffers and
safetensors are enough to call a program; `exported` does so with checks of files and input.
"""

import json
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
from jax import export as jax_export
from jaxtyping import Array

from fhr_jax import exported, geometry, pipeline, tensors, weights
from fhr_jax.files import atomic_folder
from fhr_jax.heatmap import Decoder
from fhr_jax.hourglass import PRESETS
from fhr_jax.weights import Net

PLATFORMS = ("cpu", "cuda", "tpu")

Program = Callable[[dict[str, Array], Array], dict[str, Array]]


def write(
    folder: str | os.PathLike[str],
    net: Net,
    *,
    mirror: bool = True,
    decoder: Decoder = "least_squares",
    dtype: Any = jnp.float32,
    maps: bool = False,
    platforms: Sequence[str] = PLATFORMS,
) -> None:
    """Write a net to a new folder, atomically.

    Args:
        folder: a new folder; it gets net.json, params.safetensors and net.stablehlo.
        net: the net.
        mirror: average the heatmaps with those of the mirrored crops, as in `pipeline.predict`.
        decoder: how landmarks are decoded, as in `heatmap.decode`.
        dtype: of the network's computation, as in `pipeline.predict`.
        maps: also write maps.stablehlo, the program from crops to heatmaps.
        platforms: that the programs are lowered for: "cpu", "cuda", "rocm", "tpu".

    Raises:
        InputError: the folder exists, a parameter is not finite, or an option is unknown
            (see `pipeline.predict`).
    """
    with atomic_folder(folder) as inner:
        arrays = weights.named_arrays(folder, net)
        tensors.write(inner / exported.PARAMS, arrays)
        programs = {"net": _landmarks(net, mirror, decoder, dtype)} | (
            {"maps": _maps(net, mirror, dtype)} if maps else {}
        )
        for name, program in programs.items():
            shapes = {key: jax.ShapeDtypeStruct(array.shape, array.dtype) for key, array in arrays.items()}
            lowered = _export(program, shapes, net.config.crop, platforms)
            (inner / exported.program_file(name)).write_bytes(lowered.serialize())
        settings = {"mirror": mirror, "method": decoder, "dtype": jnp.dtype(dtype).name}
        header = _header(net, settings, list(programs), list(platforms))
        (inner / exported.HEADER).write_text(json.dumps(header, indent=2, allow_nan=False) + "\n")


def _export(program: Program, shapes: Any, side: int, platforms: Sequence[str]) -> jax_export.Exported:
    crops = jax.ShapeDtypeStruct(jax_export.symbolic_shape(f"batch, {side}, {side}, 3"), jnp.float32)
    return jax_export.export(jax.jit(program), platforms=platforms)(shapes, crops)


def _landmarks(net: Net, mirror: bool, decoder: Decoder, dtype: Any) -> Program:
    def program(params: dict[str, Array], crops: Array) -> dict[str, Array]:
        return pipeline.predict(
            weights.with_arrays(net, params), crops, mirror=mirror, decoder=decoder, dtype=dtype
        )._asdict()

    return program


def _maps(net: Net, mirror: bool, dtype: Any) -> Program:
    def program(params: dict[str, Array], crops: Array) -> dict[str, Array]:
        return {"maps": pipeline.heatmaps(weights.with_arrays(net, params), crops, mirror=mirror, dtype=dtype)}

    return program


def _header(net: Net, settings: dict[str, Any], programs: list[str], platforms: list[str]) -> dict[str, Any]:
    config = net.config
    side, landmarks = config.crop, config.landmarks
    calibrated = pipeline.is_calibrated(net, mirror=settings["mirror"], decoder=settings["method"])
    outputs = {
        "points": f"(batch, {landmarks}, 2): x to the right, y down, in pixels of the crop; pixel centres lie at "
        "integers from 0",
        "confidence": f"(batch, {landmarks}): confidence of a landmark, in [0, 1]",
        "covariance": f"(batch, {landmarks}, 2, 2): in square pixels of the crop, order (x, y); "
        + ("of the error, calibrated" if calibrated else "of the peak of the heatmap, not calibrated"),
        "maps": f"(batch, {config.heatmap}, {config.heatmap}, {landmarks}): map pixel u lies at "
        f"(u + 1/2) * {side // config.heatmap} - 1/2 of the crop",
    }
    return {
        "format": exported.FORMAT,
        "version": exported.VERSION,
        **weights.header(net),
        "preset": next((name for name, preset in PRESETS.items() if preset == config), None),
        "input": {
            "shape": ["batch", side, side, 3],
            "type": "float32",
            "channels": "red, green, blue",
            "range": [0, 1],
            "crop": f"upright, square, {geometry.CROP_SCALE} times as wide as the longer side of the landmarks' box",
        },
        "outputs": {name: outputs[name] for name in (*pipeline.Prediction._fields, *programs) if name in outputs},
        "calibrated": calibrated,
        **settings,
        "programs": {name: exported.program_file(name) for name in programs},
        "platforms": platforms,
        "written_with": {name: version(name) for name in ("fhr-jax", "jax", "jaxlib", "flax", "safetensors")},
    }
