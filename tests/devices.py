"""Environments of processes with several virtual CPU devices."""

import os


def environment(devices: int) -> dict[str, str]:
    """Environment variables that give JAX this many CPU devices; other XLA flags stay."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags.strip()}
