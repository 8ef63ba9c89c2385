"""Batch normalization and ReLU as one step, with a gradient that passes over memory as seldom as it can."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-5
MOMENTUM = 0.9

Features = Float[Array, "b h w c"]
Channels = Float[Array, " c"]


class BatchNorm(nn.Module):
    """max(0, scale * (x - mean) / sqrt(variance + epsilon) + bias), statistics per channel.

    In training they are those of the batch (over all devices that share it), and running means of them are kept;
    otherwise the running means take their place. Parameters, statistics and sums are float32.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Features (B, h, w, C) to the same shape, in `dtype`."""
        size = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, size)
        bias = self.param("bias", nn.initializers.zeros, size)
        mean = self.variable("batch_stats", "mean", jnp.zeros, size)
        variance = self.variable("batch_stats", "var", jnp.ones, size)
        if not train:
            return _affine(x, scale, bias, mean.value, variance.value).astype(self.dtype)
        y, now_mean, now_variance = normalized(x, scale, bias)
        if not self.is_initializing():
            mean.value = MOMENTUM * mean.value + (1 - MOMENTUM) * now_mean
            variance.value = MOMENTUM * variance.value + (1 - MOMENTUM) * now_variance
        return y.astype(self.dtype)


@jax.custom_vjp
def normalized(x: Features, scale: Channels, bias: Channels) -> tuple[Features, Channels, Channels]:
    """Normalize by the batch itself, then ReLU.

    Returns:
        The features, and mean and variance of `x` (B, h, w, C) per channel, whose gradients are not followed.
    """
    return _forward(x, scale, bias)[0]


def _forward(x: Features, scale: Channels, bias: Channels) -> tuple[Any, Any]:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = wide.mean(axis=(0, 1, 2))
    # Both means in one pass. Features are not far from their mean, compared with their spread, as pixels would be.
    variance = jnp.maximum((wide * wide).mean(axis=(0, 1, 2)) - mean * mean, 0)
    y = _affine(x, scale, bias, mean, variance).astype(x.dtype)
    return (y, mean, variance), (x, y, mean, variance, scale)


def _backward(kept: Any, gradients: Any) -> tuple[Features, Channels, Channels]:
    x, y, mean, variance, scale = kept
    inverse = jax.lax.rsqrt(variance + EPSILON)
    number = x.size / x.shape[-1]
    # The sign of what ReLU let through is its derivative; a comparison and a choice are slower on CPUs.
    g = (gradients[0] * jnp.sign(y)).astype(mean.dtype)
    of_bias = g.sum(axis=(0, 1, 2))
    of_scale = ((g * x).sum(axis=(0, 1, 2)) - mean * of_bias) * inverse
    # scale / sqrt(v) * (g - mean(g) - x_hat * mean(g * x_hat)), gathered by what is multiplied with x.
    factor = scale * inverse
    slope = factor * inverse * of_scale / number
    level = slope * mean - factor * of_bias / number
    of_x = g * _row(factor) - x * _row(slope) + _row(level)
    return of_x.astype(x.dtype), of_scale, of_bias


normalized.defvjp(_forward, _backward)


def _affine(x: Features, scale: Channels, bias: Channels, mean: Channels, variance: Channels) -> Features:
    factor = scale * jax.lax.rsqrt(variance + EPSILON)
    return jnp.maximum(x * _row(factor) + _row(bias - mean * factor), 0)


def _row(values: Channels) -> Float[Array, "1 1 1 c"]:
    return values.reshape(1, 1, 1, -1)
