"""One update of the network: examples, maps, loss, gradient, optimizer; one compiled program."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float

from fhr_jax import geometry, heatmap, hourglass, losses
from fhr_jax.data.examples import Prepare
from fhr_jax.hourglass import Config
from fhr_jax.sharding import compiled, constrained
from fhr_jax.train.state import Batch, Metrics, TrainState, Update

LOSSES = {"squared": losses.squared_error, "cross_entropy": losses.cross_entropy}


def targets(points: Float[Array, "b m 2"], config: Config, *, rounded: bool = False) -> Float[Array, "b h w m"]:
    """Heatmaps of landmarks given in crop pixels; `rounded` makes the conventional ones."""
    side = (config.heatmap, config.heatmap)
    to_heatmap = geometry.resize((config.crop, config.crop), side)
    return heatmap.encode(geometry.apply(to_heatmap, points), size=side, sigma=config.sigma, rounded=rounded)


def make_update(
    config: Config,
    optimizer: optax.GradientTransformation,
    prepare: Prepare,
    key: jax.Array,
    *,
    loss: str = "cross_entropy",
    rounded: bool = False,
    average: float = 0.0,
    dtype: Any = jnp.float32,
    mesh: Mesh | None = None,
) -> Update:
    """The jitted update of one batch.

    Args:
        config: of the network.
        optimizer: any Optax optimizer.
        prepare: turns a batch and a key into crops (B, S, S, 3) in [0, 1] and landmarks (B, M, 2) in crop pixels.
        key: the randomness of the run; step t uses `fold_in(key, t)`.
        loss: "cross_entropy", or "squared" as in the paper.
        rounded: train on conventional heatmaps, their centres rounded to whole pixels.
        average: decay of the moving average, for a state made by `init(..., average=True)`; shorter at first, so
            that the random start is soon forgotten.
        dtype: of the network's computation.
        mesh: devices that share each batch; statistics and gradients are those of the whole batch.

    Returns:
        update(state, batch) -> (state, metrics).
    """
    network, loss_function = hourglass.Hourglass(config, dtype), LOSSES[loss]

    def objective(params: Any, batch_stats: Any, images: Array, target: Array) -> tuple[Array, Any]:
        variables = {"params": params, "batch_stats": batch_stats}
        maps, changed = network.apply(variables, images, train=True, mutable=["batch_stats"])
        return loss_function(maps, target), changed["batch_stats"]

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        images, points = constrained(prepare(jax.random.fold_in(key, state.step), batch), mesh)
        target = targets(points, config, rounded=rounded)
        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, batch_stats), grads = gradient(state.params, state.batch_stats, images, target)
        changes, optimizer_state = optimizer.update(grads, state.optimizer, state.params)
        params = optax.apply_updates(state.params, changes)
        averages = _averaged(state, (params, batch_stats), average)
        state = TrainState(state.step + 1, params, batch_stats, optimizer_state, averages)
        return state, Metrics(value, optax.tree.norm(grads))

    return compiled(update, mesh)


def _averaged(state: TrainState, new: Any, decay: float) -> Any:
    if state.average is None:
        return None
    share = 1 - jnp.minimum(decay, (1 + state.step) / (10 + state.step))
    return jax.tree.map(lambda old, leaf: old + share * (leaf - old), state.average, new)
