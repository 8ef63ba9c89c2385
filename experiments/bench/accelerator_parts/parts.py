"""The parts by name, most valuable first, and their limits. This module imports none of them, nor JAX."""

from typing import Literal, NamedTuple

PartName = Literal["limits", "network", "agreement", "maps", "stabilizer", "pytorch", "path", "faces", "fits"]


class Part(NamedTuple):
    """Rows that share a time limit.

    Attributes:
        module: of this package, whose `rows(tiny)` yields them.
        seconds: its share of the time.
        pytorch: measured in a process of its own, in which JAX takes no accelerator.
        two_cores: measured on two CPU cores as well.
    """

    module: str
    seconds: float
    pytorch: bool = False
    two_cores: bool = False


PARTS: dict[PartName, Part] = {
    "limits": Part("limits", 25),
    "network": Part("networks", 130),
    "agreement": Part("agreement", 40),
    "maps": Part("heatmaps", 20),
    "stabilizer": Part("stabilizers", 70, two_cores=True),
    "pytorch": Part("pytorch", 80, pytorch=True),
    "path": Part("landmarks", 35),
    "faces": Part("generator", 45),
    "fits": Part("fits", 35, two_cores=True),
}
"""480 seconds together."""
