"""`fhr-jax import`: read a PyTorch net or an exported one, and save it as .npz."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fhr_jax.cli import markups
from fhr_jax.cli.options import MARKUP, optional
from fhr_jax.errors import InputError


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


def run(options: ImportOptions) -> None:
    """Read, check, and write the net."""
    if options.out.suffix != ".npz":
        raise InputError(f"--out {options.out}: expected a name that ends in .npz")

    from fhr_jax import torch_weights, weights
    from fhr_jax.hourglass import PRESETS

    if options.input.is_dir():
        if options != ImportOptions(options.input, options.out, markup=options.markup):
            raise InputError(
                f"{options.input}: an exported folder describes its own net; give no option but --out and --markup"
            )
        net = markups.open_net(options.input, options.markup)
    else:
        if options.preset is None or options.loss is None:
            raise InputError(f"{options.input}: a PyTorch file needs --preset and --loss")
        config = PRESETS[options.preset]
        if options.sigma is not None:
            if not 0 < options.sigma < config.heatmap:
                raise InputError(
                    f"--sigma is {options.sigma}, expected heatmap pixels, above 0 and below {config.heatmap}"
                )
            config = config._replace(sigma=options.sigma)
        net = torch_weights.load(options.input, config, loss=options.loss, mean=options.mean, std=options.std)
        net = markups.imported(options.input, net, option=options.markup)
    weights.save(options.out, net)
    config = net.config
    if not options.input.is_dir():
        mean, std = (" ".join(f"{value:g}" for value in values) for values in (options.mean, options.std))
        print(f"assumes that the net expects (images - mean) / std: mean {mean}, std {std}, images in [0, 1]")
    if net.calibration is None:
        print("not calibrated: its covariances are the widths of its peaks, not of its errors")
    print(f"{options.out}: {config.stacks} stacks of {config.features} features, {config.landmarks} landmarks")
