"""The stacked hourglass network: a crop in, one set of heatmaps a stack out (Newell et al. 2016).

A residual unit is normalize, ReLU, convolve, three times (1x1, 3x3, 1x1). An hourglass halves the grid `depth` times
and upsamples it again, with a skip connection at every scale. Every stack predicts the maps, which are fed back with
the features (intermediate supervision). A convolution before a normalization has no bias, because the normalization
would subtract it.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.batch_norm import BatchNorm
from fhr_jax.dense import Dense


class Config(NamedTuple):
    """Shape of a network, of its input and of its output.

    Attributes:
        crop: side of the square input, in pixels.
        heatmap: side of the square heatmaps, in pixels; `crop` / 2, or `crop` / 4 with `pool`.
        stacks: number of hourglasses.
        features: channels inside the hourglasses.
        units: number of residual units in each block of an hourglass.
        sigma: standard deviation of the target Gaussian, in heatmap pixels.
        pool: halve the grid once more after the first convolution.
        depth: how often an hourglass halves the grid.
        landmarks: number of heatmaps M.
    """

    crop: int
    heatmap: int
    stacks: int
    features: int
    units: int
    sigma: float
    pool: bool = False
    depth: int = 4
    landmarks: int = 68


PAPER = Config(crop=256, heatmap=128, stacks=4, features=128, units=2, sigma=3.0)
"""The authors' network: about 6.4 M parameters."""
MEDIUM = Config(crop=128, heatmap=64, stacks=2, features=64, units=1, sigma=1.5)
SMALL = MEDIUM._replace(heatmap=32, pool=True, sigma=1.0)
"""MEDIUM with a pooling after the first convolution: learns in minutes on a CPU. Halving MEDIUM's sigma with the map
would give 0.75, which leaves little signal beside the peak; 1.0 was not tuned."""
TINY = Config(crop=32, heatmap=16, stacks=2, features=16, units=1, sigma=1.0, depth=2)
"""For tests."""

PRESETS = {"paper": PAPER, "medium": MEDIUM, "small": SMALL, "tiny": TINY}


STEM_PADDING = ((3, 3), (3, 3))
"""Padding of the first convolution: heatmap pixel i sees the crop around pixel 2i, as in the authors' network; "SAME"
would pad (2, 3). The true centre is 2i + 1/2 (`geometry.resize`); the kernel learns this half pixel."""


class Residual(nn.Module):
    """Bottleneck residual unit with pre-activation; keeps the size of the grid."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w f"]:
        """Features (B, h, w, C) to (B, h, w, features), both without unit."""
        y = _normalize(x, train, self.dtype)
        y = Dense(self.features // 2, use_bias=False, dtype=self.dtype)(y)
        y = _normalize(y, train, self.dtype)
        y = nn.Conv(self.features // 2, (3, 3), use_bias=False, dtype=self.dtype)(y)
        y = _normalize(y, train, self.dtype)
        y = Dense(self.features, dtype=self.dtype)(y)
        if x.shape[-1] != self.features:
            x = Dense(self.features, dtype=self.dtype)(x)
        return x + y


class _Units(nn.Module):
    """Several residual units in a row."""

    config: Config
    dtype: Any

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        for _ in range(self.config.units):
            x = Residual(self.config.features, self.dtype)(x, train=train)
        return x


class _Scale(nn.Module):
    """One scale of an hourglass; it contains `depth` - 1 smaller ones."""

    config: Config
    depth: int
    dtype: Any

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        branch = _Units(self.config, self.dtype)(x, train=train)
        low = _Units(self.config, self.dtype)(_max_pool(x), train=train)
        if self.depth > 1:
            low = _Scale(self.config, self.depth - 1, self.dtype)(low, train=train)
        else:
            low = _Units(self.config, self.dtype)(low, train=train)
        low = _Units(self.config, self.dtype)(low, train=train)
        return branch + _upsample(low)


class Hourglass(nn.Module):
    """Stacked hourglass network.

    It is differentiable once, in reverse mode: pooling and normalization define their own gradients.

    Attributes:
        config: shape of the network.
        dtype: of the computation; parameters stay float32.
    """

    config: Config
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "b s s 3"], *, train: bool = False) -> Float[Array, "stacks b h w m"]:
        """Crops (B, S, S, 3), values in [0, 1], to the maps (stacks, B, h, w, M); those of the last stack are best."""
        config, features = self.config, self.config.features
        # Subtract 0.5, so that the zero padding of the convolutions means mid gray and not black.
        x = nn.Conv(64, (7, 7), (2, 2), padding=STEM_PADDING, use_bias=False, dtype=self.dtype)(images - 0.5)
        x = _normalize(x, train, self.dtype)
        x = Residual(64, self.dtype)(x, train=train)
        if config.pool:
            x = _max_pool(x)
        x = Residual(features, self.dtype)(x, train=train)
        x = Residual(features, self.dtype)(x, train=train)
        maps = []
        for stack in range(config.stacks):
            y = _Scale(config, config.depth, self.dtype)(x, train=train)
            y = _Units(config, self.dtype)(y, train=train)
            y = _normalize(Dense(features, use_bias=False, dtype=self.dtype)(y), train, self.dtype)
            out = Dense(config.landmarks, dtype=self.dtype, name=f"maps_{stack}")(y)
            maps.append(out.astype(jnp.float32))
            if stack < config.stacks - 1:
                x = x + Dense(features, dtype=self.dtype)(y) + Dense(features, dtype=self.dtype)(out)
        return jnp.stack(maps)


def init(key: jax.Array, config: Config) -> dict[str, Any]:
    """Draw random variables {"params": ..., "batch_stats": ...} of `Hourglass(config)`; `key` is a scalar key."""
    images = jnp.zeros((1, config.crop, config.crop, 3))
    return dict(jax.jit(Hourglass(config).init)(key, images))


def _normalize(x: Array, train: bool, dtype: Any) -> Array:
    return BatchNorm(dtype)(x, train=train)


@jax.custom_vjp
def _max_pool(x: Array) -> Array:
    return _quarters(x).max(axis=(2, 4))


def _quarters(x: Array) -> Array:
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c)


def _max_pool_gradient(residuals: tuple[Array, Array], g: Array) -> tuple[Array]:
    """The first of equal pixels gets the whole gradient. XLA's own gradient of a windowed maximum is slow on CPUs."""
    x, highest = residuals
    quarters, left, rows = _quarters(x), jnp.ones_like(highest), []
    for i in (0, 1):
        row = []
        for j in (0, 1):
            chosen = jnp.where(quarters[:, :, i, :, j] == highest, left, 0)
            left = left - chosen
            row.append(chosen * g)
        rows.append(jnp.stack(row, axis=3))
    return (jnp.stack(rows, axis=2).reshape(x.shape),)


_max_pool.defvjp(lambda x: (highest := _max_pool(x), (x, highest)), _max_pool_gradient)


def _upsample(x: Array) -> Array:
    b, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)
