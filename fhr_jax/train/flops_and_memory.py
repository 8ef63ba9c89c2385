"""Floating-point operations and memory of a network and of its update, as the XLA compiler counts them.

Nothing is trained.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fhr_jax import hourglass
from fhr_jax.hourglass import Config
from fhr_jax.train.state import Batch, TrainState, Update


class FlopsAndMemory(NamedTuple):
    """What one update takes.

    Attributes:
        flops: floating-point operations for one batch on one device; a multiply-add counts as two. Rendering or
            augmenting the images is included, since the update does it.
        state_bytes: size of the training state: parameters, statistics, optimizer and averages.
        memory_bytes: memory on each device during an update: the state and batch before, the state after, everything
            in between, and the state and batch of the previous update, which is checked at the same time.
    """

    flops: float
    state_bytes: int
    memory_bytes: int


def network_flops(state: TrainState, config: Config, *, dtype: Any = jnp.float32) -> tuple[int, float]:
    """Count the parameters of a network, and its floating-point operations for one crop; nothing is compiled.

    Args:
        state: arrays, or their shapes (`jax.ShapeDtypeStruct`).
        config: of the network.
        dtype: of its computation.
    """
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    crop = jax.ShapeDtypeStruct((1, config.crop, config.crop, 3), jnp.float32)
    forward = jax.jit(hourglass.Hourglass(config, dtype).apply).lower(variables, crop).cost_analysis()
    return sum(leaf.size for leaf in jax.tree.leaves(state.params)), _flops(forward)


def update_flops_and_memory(update: Update, state: TrainState, batch: Batch) -> FlopsAndMemory:
    """Compile an update and read the compiler's counts.

    Args:
        update: what `make_update` returned.
        state: arrays, or their shapes. Shapes with shardings (`sharding.everywhere_shapes`) compile the same
            program as the run itself, so that the run finds it in JAX's cache.
        batch: arrays, or their shapes.
    """
    jitted: Any = update
    return compiled_flops_and_memory(jitted.lower(state, batch).compile(), state)


def compiled_flops_and_memory(compiled: Any, state: TrainState) -> FlopsAndMemory:
    """The compiler's counts of an update that is compiled already.

    Args:
        compiled: `update.lower(state, batch).compile()`.
        state: arrays, or their shapes.
    """
    memory: Any = compiled.memory_analysis()
    used = 2 * memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return FlopsAndMemory(
        flops=_flops(compiled.cost_analysis()),
        state_bytes=sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)),
        memory_bytes=used - memory.alias_size_in_bytes,
    )


def _flops(analysis: Any) -> float:
    first = analysis[0] if isinstance(analysis, list) else analysis
    return float(first["flops"])
