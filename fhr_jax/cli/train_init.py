"""`fhr-jax train --init`: the net that a run starts from, and what the options mean with it."""

import zlib
from typing import TYPE_CHECKING

from fhr_jax.errors import InputError

if TYPE_CHECKING:
    from fhr_jax.weights import Net


def open_init(name: str, *, preset: str | None) -> "Net":
    """Read the net of `--init`.

    Args:
        name: an .npz file, an exported folder, or a net of the package.
        preset: `--preset`, if it was given.

    Raises:
        InputError: the net cannot be read, or has another architecture than the preset.
    """
    from fhr_jax.hourglass import PRESETS
    from fhr_jax.train import load_initial

    net = load_initial(name)
    if preset is not None and PRESETS[preset]._replace(landmarks=net.config.landmarks) != net.config:
        raise InputError(f"--preset {preset} contradicts --init {name}, another architecture; leave --preset out")
    return net


def checksum(net: "Net") -> int:
    """CRC-32 of the arrays of a net, to notice that another file has taken its place when a run resumes."""
    from fhr_jax import weights

    total = 0
    for _, array in sorted(weights.named_arrays("init", net).items()):
        total = zlib.crc32(array.tobytes(), total)
    return total
