"""Batch normalization and ReLU as one operation, with a gradient that reads memory as few times as possible."""

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

    In training, the statistics are those of the batch (over all devices that share it), and their running means are
    updated. Otherwise the running means are used. Parameters, statistics and sums are float32.

    Attributes:
        dtype: of the output.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Features (B, h, w, C), without unit, to normalized features of the same shape."""
        size = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, size)
        bias = self.param("bias", nn.initializers.zeros, size)
        mean = self.variable("batch_stats", "mean", jnp.zeros, size)
        variance = self.variable("batch_stats", "var", jnp.ones, size)
        if not train:
            return _affine(x, scale, bias, mean.value, variance.value).astype(self.dtype)
        y, batch_mean, batch_variance = normalized(x, scale, bias)
        if not self.is_initializing():
            mean.value = MOMENTUM * mean.value + (1 - MOMENTUM) * batch_mean
            variance.value = MOMENTUM * variance.value + (1 - MOMENTUM) * batch_variance
        return y.astype(self.dtype)


@jax.custom_vjp
def normalized(x: Features, scale: Channels, bias: Channels) -> tuple[Features, Channels, Channels]:
    """Normalize by the statistics of the batch, then apply ReLU.

    Args:
        x: features (B, h, w, C).
        scale: (C,).
        bias: (C,).

    Returns:
        The features (B, h, w, C), and mean and variance (C,) of `x`, through which no gradient flows.
    """
    return _forward(x, scale, bias)[0]


def _forward(x: Features, scale: Channels, bias: Channels) -> tuple[Any, Any]:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = wide.mean(axis=(0, 1, 2))
    # E[x^2] - E[x]^2 needs one pass. It is accurate because, unlike in pixels, the mean is not large beside the
    # standard deviation.
    variance = jnp.maximum((wide * wide).mean(axis=(0, 1, 2)) - mean * mean, 0)
    y = _affine(x, scale, bias, mean, variance).astype(x.dtype)
    return (y, mean, variance), (x, y, mean, variance, scale)


def _backward(residuals: Any, gradients: Any) -> tuple[Features, Channels, Channels]:
    x, y, mean, variance, scale = residuals
    inverse = jax.lax.rsqrt(variance + EPSILON)
    number = x.size / x.shape[-1]
    # sign(y) is the derivative of ReLU, since y >= 0; jnp.where is slower on CPUs.
    g = (gradients[0] * jnp.sign(y)).astype(mean.dtype)
    of_bias = g.sum(axis=(0, 1, 2))
    of_scale = ((g * x).sum(axis=(0, 1, 2)) - mean * of_bias) * inverse
    # scale / sqrt(v) * (g - mean(g) - x_hat * mean(g * x_hat)), as a linear function of g and x.
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
