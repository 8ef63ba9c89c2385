"""`fhr-jax export`: write a net to a folder for use without this package."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fhr_jax.cli import markups
from fhr_jax.cli.options import DECODER, DTYPE, MARKUP, MIRROR, NET, OUT, STACKS
from fhr_jax.heatmap import Decoder


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


def run(options: ExportOptions) -> None:
    """Write the folder and list its files."""
    from fhr_jax import export

    net = markups.open_net(options.net, options.markup, stacks=options.stacks)
    mirror = markups.can_mirror(net, options.mirror)
    export.write(options.out, net, mirror=mirror, decoder=options.decoder, dtype=options.dtype, maps=options.maps)
    for path in sorted(options.out.iterdir()):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
