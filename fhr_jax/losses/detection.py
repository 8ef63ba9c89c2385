"""The loss of the face detector's maps."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SIZE_WEIGHT = 2.0
"""Weight of the logarithms of sizes beside the cross-entropy."""
_NEAR = 0.3
"""Cells whose target is higher learn the size."""


def detection_loss(
    maps: Float[Array, "b h w 3"],
    centres: Float[Array, "b h w"],
    sizes: Float[Array, "b h w 2"],
    weights: Float[Array, "b h w"],
) -> Float[Array, ""]:
    """Cross-entropy of the map of centres, and the absolute error of the logarithms of sizes near centres.

    The target of a cell is the value of a Gaussian, as a probability, so the logits of a net that is sure of a face
    are those of the Gaussian, which Eq. 4 decodes. Summed over cells, averaged over pictures, in nats.

    Args:
        maps: logits of centres, and logarithms of sizes (B, h, w, 3).
        centres: targets in [0, 1], (B, h, w).
        sizes: true logarithms (B, h, w, 2).
        weights: of the cells (B, h, w).
    """
    logits = maps[..., 0]
    positive, negative = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    entropy = jnp.where((centres > 0) & (centres < 1), _entropy(centres), 0)
    excess = -centres * positive - (1 - centres) * negative - entropy
    near = jnp.where(centres > _NEAR, centres, 0) * weights
    errors = jnp.abs(maps[..., 1:] - sizes).sum(axis=-1)
    return ((weights * excess).sum() + SIZE_WEIGHT * (near * errors).sum()) / maps.shape[0]


def _entropy(probability: Array) -> Array:
    inner = jnp.clip(probability, 1e-7, 1 - 1e-7)
    return -inner * jnp.log(inner) - (1 - inner) * jnp.log(1 - inner)
