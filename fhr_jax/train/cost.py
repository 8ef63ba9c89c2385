"""What a network and its training cost, as the compiler counts it; nothing is trained."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fhr_jax import hourglass
from fhr_jax.hourglass import Config
from fhr_jax.train.state import Batch, State, Update


class Cost(NamedTuple):
    """Of a network and an update.

    Attributes:
        parameters: numbers that are learned.
        forward: floating-point operations of the network for one crop; a product and its sum are two.
        update: the same of a whole update of one batch, its pictures made or degraded on the device included.
        state: bytes of parameters, statistics and optimizer.
        memory: bytes on each device while it updates: state twice (before and after), batch, and everything between.
    """

    parameters: int
    forward: float
    update: float
    state: int
    memory: int


def cost(update: Update, state: State, batch: Batch, config: Config, *, dtype: Any = jnp.float32) -> Cost:
    """Compile an update and ask the compiler; `state` and `batch` may be shapes (`jax.eval_shape`)."""
    leaves = jax.tree.leaves(state.params)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    crop = jax.ShapeDtypeStruct((1, config.crop, config.crop, 3), jnp.float32)
    network = hourglass.Hourglass(config, dtype)
    forward = jax.jit(network.apply).lower(variables, crop).cost_analysis()
    compiled = jax.jit(update).lower(state, batch).compile()
    memory: Any = compiled.memory_analysis()
    used = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return Cost(
        parameters=sum(leaf.size for leaf in leaves),
        forward=_operations(forward),
        update=_operations(compiled.cost_analysis()),
        state=sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)),
        memory=used - memory.alias_size_in_bytes,
    )


def _operations(analysis: Any) -> float:
    first = analysis[0] if isinstance(analysis, list) else analysis
    return float(first["flops"])
