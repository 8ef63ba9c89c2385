"""Compile long programs with all optimizations, as users do."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

OPTIMIZED = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}
"""For `jax.jit(compiler_options=)` of one long program; programs that another jitted function calls take none."""


@contextmanager
def fully_optimized() -> Iterator[None]:
    """For programs that run for seconds: compiling takes longer than without optimizations, running much less."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
