"""A scan whose gradient keeps states only, of every frame or of every so manyth one, and recomputes the rest."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from fhr_jax.errors import InputError


def checkpointed_scan(
    body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any, chunk: int | None, *, unroll: int = 1
) -> tuple[Any, Any]:
    """`jax.lax.scan(body, carry, inputs)`, with `jax.checkpoint` around each frame and each `chunk` of them.

    A gradient computes a frame again from its state: all that it would have to keep instead takes longer to write and
    read, two to three times on a CPU. Its memory is that of one chunk of states and one state a chunk. None keeps the
    states of all frames; `unroll` of them are then compiled as one.
    """
    # Nothing can be shared between a loop forwards and one backwards, so that nothing has to be prevented.
    body = jax.checkpoint(body, prevent_cse=False)
    if chunk is None:
        return jax.lax.scan(body, carry, inputs, unroll=unroll)
    if chunk < 1:
        raise InputError(f"chunk: {chunk}, expected at least one frame")
    frames = jax.tree.leaves(inputs)[0].shape[0]
    whole = frames - frames % chunk

    @partial(jax.checkpoint, prevent_cse=False)
    def section(carry: Any, inputs: Any) -> tuple[Any, Any]:
        return jax.lax.scan(body, carry, inputs)

    head = jax.tree.map(lambda a: a[:whole].reshape(whole // chunk, chunk, *a.shape[1:]), inputs)
    carry, first = jax.lax.scan(section, carry, head)
    carry, last = section(carry, jax.tree.map(lambda a: a[whole:], inputs))
    joined = jax.tree.map(lambda a, b: jnp.concatenate([a.reshape(whole, *a.shape[2:]), b]), first, last)
    return carry, joined
