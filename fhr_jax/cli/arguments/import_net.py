"""The options of `fhr-jax import`; the command itself is `fhr_jax/cli/import_net.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fhr_jax.cli.options import MARKUP, optional


@dataclass(frozen=True)
class ImportOptions:
    """Read a stacked hourglass of PyTorch, or a folder of `fhr-jax export`, and save it as an .npz.

    A PyTorch net is a .safetensors file with the usual names (conv1, layer1, hg, res, fc, score, fc_, score_) and the
    shape of --preset; its number of landmarks may differ. To make one in PyTorch, call
    safetensors.torch.save_file(state_dict, "hourglass.safetensors"). --mean and --std fold the normalization of its
    images into the first convolution. Unless the mean is 0.5, this is not exact at the border of the crop.

    Example:  fhr-jax import hourglass.safetensors --preset paper --loss squared --out net.npz
    """

    input: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="IN")]
    """A .safetensors file, or a folder of `fhr-jax export`."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The .npz to write, which `track`, `evaluate` and `export` take as --net."""
    preset: Annotated[Literal["paper", "medium", "small", "tiny"] | None, optional("{paper,medium,small,tiny}")] = None
    """Shape of the PyTorch network."""
    loss: Annotated[Literal["squared", "cross_entropy"] | None, optional("{squared,cross_entropy}")] = None
    """The loss it was trained with: squared if its maps are heatmaps, cross_entropy if they are logits."""
    mean: Annotated[tuple[float, float, float], tyro.conf.arg(metavar="R G B")] = (0.5, 0.5, 0.5)
    """Mean subtracted from its images (values in [0, 1]), before the network or inside it; 0 0 0 if none."""
    std: Annotated[tuple[float, float, float], tyro.conf.arg(metavar="R G B")] = (1.0, 1.0, 1.0)
    """Standard deviation that its images were then divided by."""
    sigma: Annotated[float | None, optional("FLOAT")] = None
    """Standard deviation of its target heatmaps, in heatmap pixels; default: that of the preset."""
    markup: Annotated[str | None, MARKUP] = None
