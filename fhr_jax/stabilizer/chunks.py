"""A scan whose gradient needs little memory: it keeps the state of every so manyth frame and recomputes the rest."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from fhr_jax.errors import InputError


def scan_chunks(
    body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any, chunk: int | None, *, unroll: int = 1
) -> tuple[Any, Any]:
    """`jax.lax.scan(body, carry, inputs)`, with `jax.checkpoint` around each `chunk` frames.

    The memory of a gradient is that of one chunk and one state a chunk. None is the plain scan, of which `unroll`
    frames are compiled as one.
    """
    if chunk is None:
        return jax.lax.scan(body, carry, inputs, unroll=unroll)
    if chunk < 1:
        raise InputError(f"chunk: {chunk}, expected at least one frame")
    frames = jax.tree.leaves(inputs)[0].shape[0]
    whole = frames - frames % chunk

    @jax.checkpoint
    def section(carry: Any, inputs: Any) -> tuple[Any, Any]:
        return jax.lax.scan(body, carry, inputs)

    head = jax.tree.map(lambda a: a[:whole].reshape(whole // chunk, chunk, *a.shape[1:]), inputs)
    carry, first = jax.lax.scan(section, carry, head)
    carry, last = section(carry, jax.tree.map(lambda a: a[whole:], inputs))
    joined = jax.tree.map(lambda a, b: jnp.concatenate([a.reshape(whole, *a.shape[2:]), b]), first, last)
    return carry, joined
