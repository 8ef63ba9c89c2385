"""The options of `fhr-jax export`; the command itself is `fhr_jax/cli/export.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fhr_jax.choices import Decoder
from fhr_jax.cli.options import DECODER, DTYPE, MARKUP, MIRROR, NET, OUT, STACKS


@dataclass(frozen=True)
class ExportOptions:
    """Write a net to a folder from which it can be used without this package.

    The folder of --out gets params.safetensors, net.json (shape, loss, conventions of input and output, versions) and
    net.stablehlo. The last is the program from crops to landmarks and confidence, for any number of crops, on CPU, GPU
    and TPU; jax with flatbuffers and safetensors runs it. Reading these files executes no code in them. `track`,
    `evaluate` and `import` take the folder in place of a net.npz.

    Example:  fhr-jax export --net runs/small/net.npz --out exported
    """

    out: Annotated[Path, OUT]
    net: Annotated[Path | None, NET] = None
    markup: Annotated[str | None, MARKUP] = None
    decoder: Annotated[Decoder, DECODER] = "least_squares"
    mirror: Annotated[bool, MIRROR] = True
    stacks: Annotated[int | None, STACKS] = None
    dtype: Annotated[Literal["float32", "bfloat16"], DTYPE] = "float32"
    maps: bool = False
    """Also write maps.stablehlo, the program from crops to heatmaps."""
