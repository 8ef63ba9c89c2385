"""A flag of XLA for convolutions on a CPU with several processors."""

import os
from importlib import metadata

VARIABLE = "XLA_FLAGS"
FLAG = "--xla_cpu_experimental_ynn_fusion_type"
"""Which operations go to the library YNNPACK. By default convolutions do, and those on grids of less than 128 x 128
pixels then run on one processor only (docs/results.md, "Speed")."""
KNOWN = ((0, 10), (0, 13))
"""Versions of jaxlib, from the first up to but not including the second, that have the flag: one that XLA does not know
would end the process."""


def set_environment() -> None:
    """Give convolutions all processors, unless the user has set `FLAG`.

    It does nothing with one processor, where it would be a little slower, nor with a jaxlib outside `KNOWN`. XLA reads
    the environment at the first computation, so call this before.
    """
    flags = os.environ.get(VARIABLE, "")
    if FLAG not in flags and processors() > 1 and KNOWN[0] <= _version() < KNOWN[1]:
        os.environ[VARIABLE] = f"{flags} {FLAG}=-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION".strip()


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version() -> tuple[int, ...]:
    """Major and minor number of jaxlib; empty if it says none."""
    try:
        return tuple(int(part) for part in metadata.version("jaxlib").split(".")[:2])
    except (metadata.PackageNotFoundError, ValueError):
        return ()
