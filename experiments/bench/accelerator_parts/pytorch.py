"""The networks in PyTorch, channels-last, eager and with torch.compile, at the batches that JAX was measured with.

Float32 is TF32 on GPUs, as it is in JAX, and bfloat16 is autocast. The network is that of `network.py`, which compares
the results of both libraries. Compiling takes long, so all eager rows come first.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from accelerator_parts.networks import CONFIGS, presets
from accelerator_parts.rows import Call, Context, Row
from accelerator_parts.timing import measure
from fhr_jax.hourglass import Config

EAGER, COMPILED = "PyTorch", "PyTorch compiled"


def rows(tiny: bool) -> Iterator[Row]:
    """Each preset, type and task, eager, then compiled."""
    for way in (EAGER,) if tiny else (EAGER, COMPILED):
        for preset, sizes in presets(tiny).items():
            for kind in ("float32",) if tiny else ("bfloat16", "float32"):
                for task in ("inference", "update"):
                    name = f"{preset} {task} {kind}"
                    made = partial(_call, config=CONFIGS[preset], kind=kind, task=task, way=way)
                    yield Row(f"{name}, {way}", partial(_measured, name=name, make=made, sizes=sizes))


def _measured(context: Context, *, name: str, make: Callable[[int], Call], sizes: tuple[int, ...]) -> dict[str, Any]:
    """One row, and the highest use of memory where the device tells it."""
    import torch

    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    size = context.found.get(name, {}).get("size")
    result = measure(context, make=make, sizes=sizes if size is None else (size,))
    return result | ({"peak_bytes": torch.cuda.max_memory_allocated()} if gpu else {})


def _call(batch: int, *, config: Config, kind: Any, task: str, way: str) -> Call:
    import torch
    from network import Options, TorchSide

    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    side = TorchSide(config, Options(Path(), dtype=kind), torch.cuda.is_available())
    network = torch.compile(side.network) if way == COMPILED else side.network
    crops = torch.rand(batch, config.crop, config.crop, 3, device=side.device).permute(0, 3, 1, 2)  # channels last
    if task == "inference":
        return Call(partial(side.infer, network, crops), items=batch)
    maps = torch.rand(batch, config.landmarks, config.heatmap, config.heatmap, device=side.device)
    return Call(partial(side.update, network, crops, maps / maps.sum(dim=(2, 3), keepdim=True)), items=batch)
