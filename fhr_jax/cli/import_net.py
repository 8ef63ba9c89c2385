"""`fhr-jax import`: a net from safetensors, of PyTorch or exported here, as an .npz."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fhr_jax.errors import InputError


@dataclass(frozen=True)
class ImportOptions:
    """Read a stacked hourglass of PyTorch, or a folder that `fhr-jax export` wrote, and save it as an .npz.

    Of PyTorch: a .safetensors file with the names that such networks commonly have (conv1, layer1, hg, res, fc, score,
    fc_, score_) and the shape of --preset; the number of landmarks may be another. A checkpoint becomes such a file, in
    PyTorch, by safetensors.torch.save_file(state_dict, "hourglass.safetensors"). --mean and --std fold what was
    done to its images into the first convolution; exact but for the border of the crop, unless the mean is 0.5.

    Example:  fhr-jax import hourglass.safetensors --preset paper --loss squared --out net.npz
    """

    input: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="IN")]
    """A .safetensors file, or an exported folder."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The .npz to write, which `track`, `evaluate` and `export` take as --net."""
    preset: Literal["paper", "medium", "small", "tiny"] | None = None
    """Shape of the network in the file."""
    loss: Literal["squared", "cross_entropy"] | None = None
    """What it was trained with: squared, its maps are heatmaps; cross_entropy, they are logits."""
    mean: Annotated[tuple[float, float, float], tyro.conf.arg(metavar="R G B")] = (0.5, 0.5, 0.5)
    """What was subtracted from its images, whose values lay in [0, 1], before it or inside it; 0 0 0 if nothing was."""
    std: Annotated[tuple[float, float, float], tyro.conf.arg(metavar="R G B")] = (1.0, 1.0, 1.0)
    """What they were divided by then."""
    sigma: float | None = None
    """Standard deviation of its heatmaps in their pixels; default: that of the preset."""


def run(options: ImportOptions) -> None:
    """Read, check, and write the net."""
    if options.out.suffix != ".npz":
        raise InputError(f"--out {options.out}: expected a name that ends in .npz")

    from fhr_jax import torch_weights, weights
    from fhr_jax.hourglass import PRESETS

    if options.input.is_dir():
        if options != ImportOptions(options.input, options.out):
            raise InputError(f"{options.input}: an exported folder says itself what it is; expected --out alone")
        net = weights.load(options.input)
    else:
        if options.preset is None or options.loss is None:
            raise InputError(f"{options.input}: a file of PyTorch needs --preset and --loss")
        config = PRESETS[options.preset]
        if options.sigma is not None:
            if not 0 < options.sigma < config.heatmap:
                raise InputError(f"--sigma is {options.sigma}, expected pixels of the heatmap above 0")
            config = config._replace(sigma=options.sigma)
        net = torch_weights.load(options.input, config, loss=options.loss, mean=options.mean, std=options.std)
    weights.save(options.out, net)
    config = net.config
    if not options.input.is_dir():
        mean, std = (" ".join(f"{value:g}" for value in values) for values in (options.mean, options.std))
        print(f"taken to expect images in [0, 1] less {mean}, over {std} (--mean, --std)")
    if net.calibration is None:
        print("not calibrated: its covariances are the spread of the peaks")
    print(f"{options.out}: {config.stacks} stacks of {config.features} features, {config.landmarks} landmarks")
