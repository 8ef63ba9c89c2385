"""Losses between predicted and true heatmaps."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Predictions = Float[Array, "stacks batch h w m"]
Target = Float[Array, "batch h w m"]


def squared_error(predictions: Predictions, target: Target) -> Float[Array, ""]:
    """The paper's |H - H_hat|^2: summed over pixels, landmarks and stacks, averaged over the batch.

    Args:
        predictions: heatmaps of every stack, (S, B, H, W, M).
        target: true heatmaps, (B, H, W, M).
    """
    return jnp.sum((predictions - target[None]) ** 2) / target.shape[0]


def cross_entropy(predictions: Predictions, target: Target) -> Float[Array, ""]:
    """Cross-entropy between the spatial softmax of the predictions (logits) and the normalized target.

    It is summed over stacks and averaged over batch and landmarks, in nats. A landmark so far outside the map that its
    Gaussian is zero on every pixel adds nothing.

    Args:
        predictions: logits of every stack, (S, B, H, W, M).
        target: true heatmaps, (B, H, W, M); each is divided by its sum.
    """
    mass = target.sum(axis=(1, 2), keepdims=True)
    weights = target / jnp.where(mass > 0, mass, 1)
    log_softmax = jax.nn.log_softmax(_flatten(predictions), axis=-2)
    return -jnp.sum(log_softmax * _flatten(weights)[None]) / (target.shape[0] * target.shape[-1])


def _flatten(maps: Float[Array, "*batch h w m"]) -> Float[Array, "*batch p m"]:
    return maps.reshape(*maps.shape[:-3], -1, maps.shape[-1])
