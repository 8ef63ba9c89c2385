"""Environments of processes with several virtual CPU devices."""

import os


def environment(devices: int) -> dict[str, str]:
    """Environment variables that give JAX this many CPU devices; XLA flags stay."""
    return os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(devices)}
