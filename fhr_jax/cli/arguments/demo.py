"""The options of `fhr-jax demo`; the command itself is `fhr_jax/cli/demo.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fhr_jax.cli.options import OUT


@dataclass(frozen=True)
class DemoOptions:
    """Run the whole method in five minutes on two cores, without any data.

    The demo renders synthetic faces, trains two small networks that differ only in target and decoder, and compares
    conventional with fractional heatmap regression on held-out faces. It then tracks clips with the net in the package,
    fits the stabilizer by gradient and by Nelder-Mead, and compares it with classical filters. OUT gets report.html
    (open it first), summary.json, the pictures and both networks.

    Example:  fhr-jax demo --out runs/demo
    """

    out: Annotated[Path, OUT]
    seed: int = 0
    """Seed of the networks, faces and clips."""
    steps: int = 160
    """Number of updates of each network."""
