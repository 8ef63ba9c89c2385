"""`fhr-jax import`: read a PyTorch net or an exported one, and save it as .npz."""

from fhr_jax.cli import markups
from fhr_jax.cli.arguments.import_net import ImportOptions
from fhr_jax.errors import InputError


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
