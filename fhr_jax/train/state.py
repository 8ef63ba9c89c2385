"""Everything that training changes, and what comes of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from fhr_jax import hourglass
from fhr_jax.hourglass import Config
from fhr_jax.sharding import everywhere_sharding
from fhr_jax.weights import Net

Batch = Any


class TrainState(NamedTuple):
    """Everything that training changes.

    Attributes:
        step: number of updates made.
        params: parameters of the network.
        batch_stats: running mean and variance of its normalizations.
        optimizer: state of the optimizer.
        average: moving averages of (params, batch_stats), if the recipe has one, else None.
    """

    step: Int[Array, ""]
    params: Any
    batch_stats: Any
    optimizer: Any
    average: Any = None


class Metrics(NamedTuple):
    """What one update reports: the loss and the norm of its gradient."""

    loss: Float[Array, ""]
    gradient_norm: Float[Array, ""]


Update = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def init(
    key: jax.Array,
    config: Config,
    optimizer: optax.GradientTransformation,
    *,
    average: bool = False,
    mesh: Mesh | None = None,
) -> TrainState:
    """A network with random parameters, at step 0, whole on every device of the mesh, or on the first without one."""

    def make(key: jax.Array) -> TrainState:
        variables = hourglass.init(key, config)
        params, batch_stats = variables["params"], variables["batch_stats"]
        averages = (params, batch_stats) if average else None
        return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, optimizer.init(params), averages)

    if mesh is None:
        return jax.device_put(make(key), everywhere_sharding(None))
    return jax.jit(make, out_shardings=everywhere_sharding(mesh))(key)


def net(state: TrainState, config: Config, *, loss: str) -> Net:
    """The trained network, ready for `pipeline.predict` and `weights.save`; averaged, if the state has averages."""
    params, batch_stats = (state.params, state.batch_stats) if state.average is None else state.average
    variables = {"params": params, "batch_stats": batch_stats}
    if jax.process_count() > 1:  # arrays of all processes: each takes its own copy
        variables = jax.tree.map(lambda leaf: jnp.asarray(leaf.addressable_data(0)), variables)
    return Net(config, variables, loss)
