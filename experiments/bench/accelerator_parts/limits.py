"""The limits of the device: a copy, whose bytes are read and written, and large matrix products."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp

from accelerator_parts.rows import Call, Row, compiled
from accelerator_parts.timing import timed

KINDS = {"float32": ("float32", None), "bfloat16": ("bfloat16", None), "float32 highest": ("float32", "highest")}
"""Type and precision of matrix products. On many accelerators the default precision of float32 is TF32 or bfloat16."""


def rows(tiny: bool) -> Iterator[Row]:
    """One copy, and a product of each kind."""
    side = 256 if tiny else 8192

    def copy(planes: int) -> Call:
        array = jax.random.normal(jax.random.key(0), (planes, side, side // 2))
        return compiled(lambda a: a + 1, array, moved=2 * array.nbytes, flops=0.0)

    def product(size: int, name: str) -> Call:
        dtype, precision = KINDS[name]
        matrix = jax.random.normal(jax.random.key(1), (size, size)).astype(dtype)
        return compiled(jnp.matmul, matrix, matrix, precision=precision, flops=2.0 * size**3, kind=name)

    yield timed("copy", copy, (8, 2))
    for name in KINDS:
        yield timed(f"matmul {name}", lambda size, name=name: product(size, name), (side, side // 2))
