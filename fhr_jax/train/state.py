"""The training state, and the net that comes out of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from fhr_jax import hourglass
from fhr_jax.hourglass import Config
from fhr_jax.markup import Markup
from fhr_jax.sharding import everywhere_sharding
from fhr_jax.weights import Net

Batch = Any


class TrainState(NamedTuple):
    """Everything that an update changes. Checkpoints store the leaves by position: fields are only added at the end.

    Attributes:
        step: number of updates made.
        params: parameters of the network.
        batch_stats: running means and variances of its batch normalizations.
        optimizer: state of the Optax optimizer.
        ema: exponential moving averages of (params, batch_stats); None if the recipe has none.
    """

    step: Int[Array, ""]
    params: Any
    batch_stats: Any
    optimizer: Any
    ema: Any = None


class Metrics(NamedTuple):
    """What one update reports: the loss and the norm of its gradient, both scalars."""

    loss: Float[Array, ""]
    gradient_norm: Float[Array, ""]


Update = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def init_state(
    key: jax.Array,
    config: Config,
    optimizer: optax.GradientTransformation,
    *,
    ema: bool = False,
    mesh: Mesh | None = None,
    variables: dict[str, Any] | None = None,
) -> TrainState:
    """A network with random or given parameters at step 0.

    Args:
        key: of the random parameters, a scalar key.
        config: of the network.
        optimizer: its state starts here.
        ema: keep moving averages of parameters and statistics.
        mesh: devices that each get the whole state; None: the first device of this process.
        variables: parameters and statistics to start from; None: random ones.
    """

    def make(key: jax.Array, given: dict[str, Any] | None) -> TrainState:
        variables = hourglass.init(key, config) if given is None else jax.tree.map(jnp.asarray, given)
        params, batch_stats = variables["params"], variables["batch_stats"]
        averages = (params, batch_stats) if ema else None
        return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, optimizer.init(params), averages)

    if mesh is None:
        return jax.device_put(make(key, variables), everywhere_sharding(None))
    on_host = jax.tree.map(np.asarray, variables)  # the same in every process
    return jax.jit(make, out_shardings=everywhere_sharding(mesh))(key, on_host)


def trained_net(state: TrainState, config: Config, *, loss: str, markup: Markup | None = None) -> Net:
    """The network of a state, ready for `pipeline.predict` and `weights.save`.

    Args:
        state: its moving averages become the net, or its parameters if it has no averages.
        config: of the network.
        loss: what it was trained with, "cross_entropy" or "squared".
        markup: of its landmarks.
    """
    params, batch_stats = (state.params, state.batch_stats) if state.ema is None else state.ema
    variables = {"params": params, "batch_stats": batch_stats}
    if jax.process_count() > 1:  # the arrays span all processes: each takes its own copy
        variables = jax.tree.map(lambda leaf: jnp.asarray(leaf.addressable_data(0)), variables)
    return Net(config, variables, loss, markup=markup)
