"""Training of the face detector: one update as one compiled program, from tiles to new parameters."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from fhr_jax import augment, detector
from fhr_jax.detector import targets
from fhr_jax.detector.net import CentreNet, DetectorConfig, DetectorNet
from fhr_jax.losses import detection_loss
from fhr_jax.train.state import Metrics, TrainState, Update
from fhr_jax.train.update import averaged

PHOTOMETRIC = augment.Photometric(
    blur=1.0,
    blur_chance=0.6,
    downscale=2.5,
    downscale_chance=0.4,
    noise=0.06,
    noise_chance=0.8,
    quality=(20.0, 95.0),
    jpeg_chance=0.7,
    cutout_chance=0.1,
    cutout=0.3,
)
"""Degradation of every second tile; of the others only the colours change, which costs a tenth of the time. It is
weaker than that of the crops of the landmark net, because faces are smaller here."""


def init_state(key: jax.Array, config: DetectorConfig, optimizer: optax.GradientTransformation) -> TrainState:
    """A detector with random parameters at step 0, with moving averages.

    Args:
        key: of the random parameters, a scalar key.
        config: of the detector.
        optimizer: its state starts here.
    """
    variables = detector.init(key, config)
    params, batch_stats = variables["params"], variables["batch_stats"]
    averages = jax.tree.map(jnp.copy, (params, batch_stats))
    return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, optimizer.init(params), averages)


def make_update(
    key: jax.Array,
    config: DetectorConfig,
    optimizer: optax.GradientTransformation,
    *,
    ema_decay: float = 0.999,
    options: augment.Photometric = PHOTOMETRIC,
) -> Update:
    """Build the jitted update.

    Args:
        key: the randomness of the run, a scalar key; step t uses `fold_in(key, t)`.
        config: of the detector.
        optimizer: any Optax optimizer.
        ema_decay: decay of the moving averages of parameters and statistics.
        options: of `augment.photometric`.

    Returns:
        update(state, batch) -> (state, metrics), for batches of `data.scenes.tiles`.
    """
    network = CentreNet(config)

    def objective(params: Any, batch_stats: Any, images: Array, target: targets.TargetMaps) -> tuple[Array, Any]:
        variables = {"params": params, "batch_stats": batch_stats}
        maps, changed = network.apply(variables, images, train=True, mutable=["batch_stats"])
        return detection_loss(maps, *target), changed["batch_stats"]

    def update(state: TrainState, batch: Any) -> tuple[TrainState, Metrics]:
        images = batch["image"].astype(jnp.float32) / 255
        keys = jax.random.split(jax.random.fold_in(key, state.step), images.shape[0])
        half = images.shape[0] // 2
        degraded = jax.vmap(partial(augment.photometric, options=options))(keys[:half], images[:half])
        coloured = jax.vmap(partial(augment.colour, options=options))(keys[half:], images[half:])
        images = jnp.concatenate([degraded, jnp.clip(coloured, 0, 1)])
        size = (images.shape[1], images.shape[2])
        target = targets.encode(batch["boxes"], batch["ignored"], size=size, config=config)
        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, batch_stats), grads = gradient(state.params, state.batch_stats, images, target)
        changes, optimizer_state = optimizer.update(grads, state.optimizer, state.params)
        params = optax.apply_updates(state.params, changes)
        averages = averaged(state, (params, batch_stats), ema_decay)
        state = TrainState(state.step + 1, params, batch_stats, optimizer_state, averages)
        return state, Metrics(value, optax.tree.norm(grads))

    return jax.jit(update)


def trained_detector(state: TrainState, config: DetectorConfig) -> DetectorNet:
    """The detector of a state: its moving averages.

    Args:
        state: of the training.
        config: of the detector.
    """
    params, batch_stats = state.ema
    return DetectorNet(config, {"params": params, "batch_stats": batch_stats})
