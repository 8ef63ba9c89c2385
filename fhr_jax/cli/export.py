"""`fhr-jax export`: write a net to a folder for use without this package."""

from fhr_jax.cli import markups
from fhr_jax.cli.arguments.export import ExportOptions


def run(options: ExportOptions) -> None:
    """Write the folder and list its files."""
    from fhr_jax import export

    net = markups.open_net(options.net, options.markup, stacks=options.stacks)
    mirror = markups.can_mirror(net, options.mirror)
    export.write(options.out, net, mirror=mirror, decoder=options.decoder, dtype=options.dtype, maps=options.maps)
    for path in sorted(options.out.iterdir()):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
