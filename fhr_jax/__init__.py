"""Fractional heatmap regression and a learned landmark stabilizer, in JAX.

`import fhr_jax` is enough: the public modules below, and their modules in turn, are imported on first use, for example
by `fhr_jax.stabilizer.run` or `fhr_jax.data.open_dataset.open_dataset`.
"""

import importlib
from typing import Any

_MODULES = (
    "augment",
    "calibrate",
    "compilation_cache",
    "crop",
    "data",
    "detector",
    "errors",
    "evaluate",
    "export",
    "exported",
    "filters",
    "geometry",
    "heatmap",
    "hourglass",
    "losses",
    "markup",
    "metrics",
    "overlay",
    "pipeline",
    "plots",
    "progress",
    "reports",
    "sharding",
    "stabilizer",
    "torch_weights",
    "train",
    "types",
    "weights",
    "xla_flags",
)

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name == "__version__":  # reading the metadata takes longer than all the rest
        from importlib.metadata import version

        return version("fhr-jax")
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
