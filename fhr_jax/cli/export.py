"""`fhr-jax export`: a net as a folder for use elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fhr_jax.heatmap import Decoder


@dataclass(frozen=True)
class ExportOptions:
    """Write a net for use without its code: parameters, what it is, and compiled-on-load programs.

    The folder of --out gets params.safetensors, net.json (shape, loss, conventions of input and output, versions) and
    net.stablehlo: the path from crops to landmarks and confidence for any number of crops, on CPU, GPU and TPU,
    which jax (with flatbuffers and safetensors) runs without this package. Reading any of them runs no code of
    theirs. `track`, `evaluate` and `import` take the folder in place of a net.npz.

    Example:  fhr-jax export --net runs/small/net.npz --out exported
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """A new folder."""
    net: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A net that `fhr-jax train` or `import` wrote; default: the one that ships with the package."""
    mirror: bool = True
    """Average the maps with those of the mirrored crop: twice the time, and more exact."""
    decoder: Decoder = "least_squares"
    """How landmarks are read from the maps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the network's computation; bfloat16 is faster on GPU and TPU."""
    maps: bool = False
    """Also write maps.stablehlo, the program of the maps alone."""


def run(options: ExportOptions) -> None:
    """Write the folder and say what is in it."""
    from fhr_jax import export, weights

    net = weights.load(options.net)
    export.write(
        options.out, net, mirror=options.mirror, decoder=options.decoder, dtype=options.dtype, maps=options.maps
    )
    for path in sorted(options.out.iterdir()):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
