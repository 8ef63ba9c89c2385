"""`jax.lax.scan` with gradient checkpointing, per frame or every `chunk` frames."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from fhr_jax.errors import InputError


def checkpointed_scan(
    body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any, *, chunk: int | None = None, unroll: int = 1
) -> tuple[Any, Any]:
    """`jax.lax.scan(body, carry, inputs)` whose gradient stores states only and recomputes each frame from its state.

    Storing all intermediate values of a frame would take longer than computing them again, two to three times as long
    on a CPU. With `chunk`, the gradient needs the memory of the states of one chunk and of one state for each chunk.

    Args:
        body: (state, inputs of a frame) -> (state, output).
        carry: the first state, a pytree.
        inputs: a pytree of arrays (T, ...), one row for each frame.
        chunk: frames between two stored states; None stores the states of all frames.
        unroll: frames compiled as one iteration; only without `chunk`.

    Returns:
        The last state, and the outputs (T, ...).

    Raises:
        InputError: `chunk` is less than 1.
    """
    # Forward and backward loop are separate programs without common subexpressions, so CSE needs no prevention.
    body = jax.checkpoint(body, prevent_cse=False)
    if chunk is None:
        return jax.lax.scan(body, carry, inputs, unroll=unroll)
    if chunk < 1:
        raise InputError(f"chunk: {chunk}, expected at least one frame")
    frames = jax.tree.leaves(inputs)[0].shape[0]
    whole = frames - frames % chunk

    @partial(jax.checkpoint, prevent_cse=False)
    def scan_chunk(carry: Any, inputs: Any) -> tuple[Any, Any]:
        return jax.lax.scan(body, carry, inputs)

    chunks = jax.tree.map(lambda a: a[:whole].reshape(whole // chunk, chunk, *a.shape[1:]), inputs)
    carry, first = jax.lax.scan(scan_chunk, carry, chunks)
    carry, last = scan_chunk(carry, jax.tree.map(lambda a: a[whole:], inputs))
    outputs = jax.tree.map(lambda a, b: jnp.concatenate([a.reshape(whole, *a.shape[2:]), b]), first, last)
    return carry, outputs
