"""One update as one compiled program: examples, target heatmaps, loss, gradient, optimizer, moving averages."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float

from fhr_jax import geometry, heatmap, hourglass, losses
from fhr_jax.data.examples import Prepare
from fhr_jax.hourglass import Config
from fhr_jax.sharding import constrain_spread, jit_everywhere
from fhr_jax.train.state import Batch, Metrics, TrainState, Update

LOSSES = {"squared": losses.squared_error, "cross_entropy": losses.cross_entropy}


def targets(points: Float[Array, "b m 2"], config: Config, *, rounded: bool = False) -> Float[Array, "b h w m"]:
    """Target heatmaps (B, h, w, M) of landmarks (B, M, 2), given as (x, y) in pixels of the crop.

    Args:
        points: landmarks.
        config: its `crop`, `heatmap` and `sigma` count.
        rounded: round the centres to whole heatmap pixels: conventional heatmap regression.
    """
    side = (config.heatmap, config.heatmap)
    to_heatmap = geometry.resize((config.crop, config.crop), side)
    return heatmap.encode(geometry.apply(to_heatmap, points), size=side, sigma=config.sigma, rounded=rounded)


def make_update(
    key: jax.Array,
    config: Config,
    optimizer: optax.GradientTransformation,
    prepare: Prepare,
    *,
    loss: str = "cross_entropy",
    rounded: bool = False,
    ema_decay: float = 0.0,
    dtype: Any = jnp.float32,
    mesh: Mesh | None = None,
) -> Update:
    """Build the jitted update.

    Args:
        key: the randomness of the run, a scalar key; step t uses `fold_in(key, t)`.
        config: of the network.
        optimizer: any Optax optimizer.
        prepare: turns a key and a batch into crops (B, S, S, 3) in [0, 1] and landmarks (B, M, 2) in crop pixels.
        loss: "cross_entropy", or "squared" as in the paper.
        rounded: train on conventional heatmaps, whose centres are rounded to whole pixels.
        ema_decay: decay of the moving averages, for a state made by `init_state(..., ema=True)`. Early updates
            average over fewer steps, min(decay, (1 + t) / (10 + t)), to forget the random start.
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
        images, points = constrain_spread(prepare(jax.random.fold_in(key, state.step), batch), mesh)
        target = targets(points, config, rounded=rounded)
        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, batch_stats), grads = gradient(state.params, state.batch_stats, images, target)
        changes, optimizer_state = optimizer.update(grads, state.optimizer, state.params)
        params = optax.apply_updates(state.params, changes)
        averages = averaged(state, (params, batch_stats), ema_decay)
        state = TrainState(state.step + 1, params, batch_stats, optimizer_state, averages)
        return state, Metrics(value, optax.tree.norm(grads))

    return jit_everywhere(update, mesh)


def averaged(state: TrainState, new: Any, decay: float) -> Any:
    """The moving averages after one more step; None if the state has none.

    Args:
        state: before the step; step t averages with min(decay, (1 + t) / (10 + t)), to forget the random start.
        new: parameters and statistics after the step, with the structure of `state.ema`.
        decay: of the averages, in [0, 1).
    """
    if state.ema is None:
        return None
    share = 1 - jnp.minimum(decay, (1 + state.step) / (10 + state.step))
    return jax.tree.map(lambda old, leaf: old + share * (leaf - old), state.ema, new)
