"""Losses between predicted and true heatmaps."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Predictions = Float[Array, "stacks batch h w m"]
Target = Float[Array, "batch h w m"]


def squared_error(predictions: Predictions, target: Target) -> Float[Array, ""]:
    """The paper's |H - H_hat|^2: summed over pixels, landmarks and stacks, averaged over the batch."""
    return jnp.sum((predictions - target[None]) ** 2) / target.shape[0]


def cross_entropy(predictions: Predictions, target: Target) -> Float[Array, ""]:
    """Predictions read as logits: cross-entropy of their spatial softmax against the normalized target.

    Summed over stacks, averaged over batch and landmarks, in nats. Where the Gaussian of a landmark far
    outside the map underflows to zero everywhere, that landmark counts nothing.
    """
    mass = target.sum(axis=(1, 2), keepdims=True)
    weights = target / jnp.where(mass > 0, mass, 1)
    log_softmax = jax.nn.log_softmax(_flatten(predictions), axis=-2)
    return -jnp.sum(log_softmax * _flatten(weights)[None]) / (target.shape[0] * target.shape[-1])


def _flatten(maps: Float[Array, "*batch h w m"]) -> Float[Array, "*batch p m"]:
    return maps.reshape(*maps.shape[:-3], -1, maps.shape[-1])
