"""Training of the hourglass: `init`, one jitted `update`, and the loop `fit` around them.

A batch comes from a Grain iterator (`data.loader`); `Prepare` turns it into crops and landmarks on the device,
with the random key of its step, so that a run that resumes at a step repeats exactly what would have been.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from fhr_jax import geometry, heatmap, hourglass, losses
from fhr_jax.data.examples import Prepare
from fhr_jax.hourglass import Config
from fhr_jax.weights import Net

Batch = Any
LOSSES = {"squared": losses.squared_error, "cross_entropy": losses.cross_entropy}


class State(NamedTuple):
    """Everything that training changes.

    Attributes:
        step: number of updates made.
        params: parameters of the network.
        batch_stats: running mean and variance of its normalizations.
        optimizer: state of the optimizer.
    """

    step: Int[Array, ""]
    params: Any
    batch_stats: Any
    optimizer: Any


class Metrics(NamedTuple):
    """What one update reports: the loss and the norm of its gradient."""

    loss: Float[Array, ""]
    gradient_norm: Float[Array, ""]


Update = Callable[[State, Batch], tuple[State, Metrics]]


def paper_optimizer() -> optax.GradientTransformation:
    """RMSprop as the authors ran it: learning rate 2.5e-4, decay 0.99, epsilon 1e-8."""
    return optax.rmsprop(2.5e-4, decay=0.99, eps=1e-8)


def quick_optimizer(steps: int, *, peak: float = 2e-3) -> optax.GradientTransformation:
    """Adam with a short warm-up and a cosine to zero over `steps`, gradients clipped at norm 10."""
    warmup = max(1, min(100, steps // 10))
    schedule = optax.warmup_cosine_decay_schedule(peak / 20, peak, warmup, max(steps, warmup + 1), peak / 100)
    return optax.chain(optax.clip_by_global_norm(10.0), optax.adam(schedule))


def init(key: jax.Array, config: Config, optimizer: optax.GradientTransformation) -> State:
    """A network with random parameters, at step 0."""
    variables = hourglass.init(key, config)
    params = variables["params"]
    return State(jnp.zeros((), jnp.int32), params, variables["batch_stats"], optimizer.init(params))


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
) -> Update:
    """The jitted update of one batch.

    Args:
        config: of the network.
        optimizer: any Optax optimizer.
        prepare: turns a batch and a key into crops (B, S, S, 3) in [0, 1] and landmarks (B, M, 2) in crop pixels.
        key: the randomness of the run; step t uses `fold_in(key, t)`.
        loss: "cross_entropy", or "squared" as in the paper.
        rounded: train on conventional heatmaps, their centres rounded to whole pixels.

    Returns:
        update(state, batch) -> (state, metrics).
    """
    network, loss_function = hourglass.Hourglass(config), LOSSES[loss]

    def objective(params: Any, batch_stats: Any, images: Array, target: Array) -> tuple[Array, Any]:
        variables = {"params": params, "batch_stats": batch_stats}
        maps, changed = network.apply(variables, images, train=True, mutable=["batch_stats"])
        return loss_function(maps, target), changed["batch_stats"]

    @jax.jit
    def update(state: State, batch: Batch) -> tuple[State, Metrics]:
        images, points = prepare(jax.random.fold_in(key, state.step), batch)
        target = targets(points, config, rounded=rounded)
        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, batch_stats), grads = gradient(state.params, state.batch_stats, images, target)
        changes, optimizer_state = optimizer.update(grads, state.optimizer, state.params)
        params = optax.apply_updates(state.params, changes)
        state = State(state.step + 1, params, batch_stats, optimizer_state)
        return state, Metrics(value, optax.tree.norm(grads))

    return update


def fit(
    update: Update,
    state: State,
    batches: Iterator[Batch],
    *,
    steps: int,
    callback: Callable[[State, Metrics], None] | None = None,
) -> State:
    """Update until `state.step` reaches `steps`; `callback` sees the state after each of them.

    Raises:
        FloatingPointError: the loss is no longer finite; the state before that step is not lost, since the
            callback has seen it.
    """
    for step in range(int(state.step), steps):
        state, metrics = update(state, next(batches))
        if not jnp.isfinite(metrics.loss):
            raise FloatingPointError(f"loss {float(metrics.loss)} at step {step + 1}; lower the learning rate")
        if callback is not None:
            callback(state, metrics)
    return state


def net(state: State, config: Config, *, loss: str) -> Net:
    """The trained network, ready for `pipeline.predict` and `weights.save`."""
    return Net(config, {"params": state.params, "batch_stats": state.batch_stats}, loss)
