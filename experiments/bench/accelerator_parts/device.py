"""The device that is measured: its name, its memory, and the processors that a process may use."""

import os
import platform
from typing import Any

import jax

USED = 0.85
"""Share of the memory that a row may take: the rest is for arrays of the script and for fragments."""


def about(tiny: bool) -> dict[str, Any]:
    """What rows of one summary share."""
    device = jax.devices()[0]
    return {
        "device": f"{device.platform}, {device.device_kind}",
        "versions": f"Python {platform.python_version()}, jax {jax.__version__}",
        "tiny": tiny,
    }


def memory() -> float:
    """Bytes that a row may use; of a CPU half of the machine's."""
    limit = _statistics().get("bytes_limit")
    if limit:
        return USED * limit
    try:
        return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 4 * 2.0**30


def peak() -> int:
    """Most bytes that this process has had on the device at one time; 0 where it does not tell, as on a CPU."""
    return int(_statistics().get("peak_bytes_in_use", 0))


def _statistics() -> dict[str, int]:
    return jax.devices()[0].memory_stats() or {}


def use_cores(number: int) -> None:
    """Run on so many of this process's processors, the last ones; call it before JAX starts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-number:])
