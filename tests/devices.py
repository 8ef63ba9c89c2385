"""Processes that see several devices where there is one processor."""

import os


def environment(devices: int) -> dict[str, str]:
    """Of a process whose JAX has so many CPU devices, and the other flags of this one."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags.strip()}
