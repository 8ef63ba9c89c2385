"""Submodules that are imported on first use, so that `import fhr_jax` is fast and still enough."""

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType


def submodules(package: str) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package that imports its submodules on first use (PEP 562).

    A name that the package defines itself comes first, also where a submodule has the same one.

    Args:
        package: name of the package, its `__name__`.
    """
    module = sys.modules[package]
    names = frozenset(found.name for found in pkgutil.iter_modules(module.__path__) if not found.name.startswith("_"))

    def getattribute(name: str) -> ModuleType:
        if name in names:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def directory() -> list[str]:
        return sorted({*vars(module), *names})

    return getattribute, directory
