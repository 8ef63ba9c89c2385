"""Compile long programs with all optimizations, as users do."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def fully_optimized() -> Iterator[None]:
    """For programs that run for seconds: compiling takes longer than without optimizations, running much less."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
