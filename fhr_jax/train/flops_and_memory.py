"""What a network and its training cost, as the compiler counts it; nothing is trained."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fhr_jax import hourglass
from fhr_jax.hourglass import Config
from fhr_jax.train.state import Batch, TrainState, Update


class FlopsAndMemory(NamedTuple):
    """Of an update.

    Attributes:
        operations: on floating-point numbers, for one batch on one device, its pictures made or degraded there
            included; a product and its sum are two.
        state: bytes of parameters, statistics and optimizer.
        memory: bytes on each device while it updates: state and batch before, state after, and everything between; and
            state and batch of the update before, which is checked meanwhile.
    """

    operations: float
    state: int
    memory: int


def network_flops_and_memory(state: TrainState, config: Config, *, dtype: Any = jnp.float32) -> tuple[int, float]:
    """The parameters of a network, and its operations for one crop; compiles nothing. `state` may be shapes."""
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    crop = jax.ShapeDtypeStruct((1, config.crop, config.crop, 3), jnp.float32)
    forward = jax.jit(hourglass.Hourglass(config, dtype).apply).lower(variables, crop).cost_analysis()
    return sum(leaf.size for leaf in jax.tree.leaves(state.params)), _operations(forward)


def update_flops_and_memory(update: Update, state: TrainState, batch: Batch) -> FlopsAndMemory:
    """Compile an update and ask the compiler; `state` and `batch` may be shapes.

    Where these say where arrays go (`placed`), it is the program that a run takes, compiled for it beforehand.
    """
    jitted: Any = update
    compiled = jitted.lower(state, batch).compile()
    memory: Any = compiled.memory_analysis()
    used = 2 * memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return FlopsAndMemory(
        operations=_operations(compiled.cost_analysis()),
        state=sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)),
        memory=used - memory.alias_size_in_bytes,
    )


def _operations(analysis: Any) -> float:
    first = analysis[0] if isinstance(analysis, list) else analysis
    return float(first["flops"])
