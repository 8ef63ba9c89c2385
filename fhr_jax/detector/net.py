"""The network of the face detector: a picture in, a map of face centres and sizes out.

Three grids of 1/4, 1/8 and 1/16 of the picture; the coarsest is added back to the middle one, which makes the maps.
Residual units are normalize, ReLU, convolve (3x3). Any picture whose sides are multiples of 16 will do.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.batch_norm import BatchNorm
from fhr_jax.dense import Dense

STRIDE = 8
"""Side of a cell of the maps in pixels."""
MULTIPLE = 16
"""The sides of a picture must be multiples of this."""


class DetectorConfig(NamedTuple):
    """Shape of the detector, and how it is used.

    Attributes:
        side: longer side of the picture at the finest scale, in pixels.
        smallest: longer side of the landmarks' box of the smallest face that the net learns to find, in pixels.
        largest: that of the largest; each coarser scale has half the pixels.
        features: channels on the three grids.
        units: residual units on the three grids.
        sigma: standard deviation of the target Gaussian, in cells of the map.
        threshold: peaks with a lower score are no faces.
    """

    side: int = 384
    smallest: float = 14.0
    largest: float = 56.0
    features: tuple[int, int, int] = (24, 48, 64)
    units: tuple[int, int, int] = (1, 3, 3)
    sigma: float = 1.0
    threshold: float = 0.3


class DetectorNet(NamedTuple):
    """A face detector ready to use.

    Attributes:
        config: its shape.
        variables: {"params": ..., "batch_stats": ...}, float32.
    """

    config: DetectorConfig
    variables: dict[str, Any]


class CentreNet(nn.Module):
    """The network.

    Attributes:
        config: its shape.
        dtype: of the computation; parameters stay float32.
    """

    config: DetectorConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "b h w 3"], *, train: bool = False) -> Float[Array, "b h8 w8 3"]:
        """Pictures (B, H, W, 3), values in [0, 1], to maps (B, H/8, W/8, 3).

        The first map holds logits of face centres, the others ln(width) and ln(height) of the box, in units of the
        geometric mean of `smallest` and `largest`.
        """
        first, second, third = self.config.features
        # Zero, also of the padding, means mid gray.
        x = nn.Conv(first, (3, 3), dtype=self.dtype)(blocks(images - 0.5, 4))
        x = self._units(x, self.config.units[0], train)
        x = Dense(second, dtype=self.dtype)(blocks(_normalize(x, train, self.dtype), 2))
        x = self._units(x, self.config.units[1], train)
        low = Dense(third, dtype=self.dtype)(blocks(_normalize(x, train, self.dtype), 2))
        low = self._units(low, self.config.units[2], train)
        x = x + _doubled(Dense(second, dtype=self.dtype)(_normalize(low, train, self.dtype)))
        x = self._units(x, 1, train)
        maps = Dense(3, dtype=self.dtype, name="maps", bias_init=_rare)(_normalize(x, train, self.dtype))
        return maps.astype(jnp.float32)

    def _units(self, x: Array, number: int, train: bool) -> Array:
        for _ in range(number):
            y = _normalize(x, train, self.dtype)
            x = x + nn.Conv(x.shape[-1], (3, 3), dtype=self.dtype)(y)
        return x


def init(key: jax.Array, config: DetectorConfig) -> dict[str, Any]:
    """Draw random variables {"params": ..., "batch_stats": ...} of `CentreNet(config)`; `key` is a scalar key."""
    return dict(jax.jit(CentreNet(config).init)(key, jnp.zeros((1, 64, 64, 3))))


def size_unit(config: DetectorConfig) -> float:
    """The size in pixels whose logarithm is 0 in the maps."""
    return (config.smallest * config.largest) ** 0.5


def blocks(x: Float[Array, "b h w c"], side: int) -> Float[Array, "b h2 w2 c2"]:
    """Move blocks of pixels into channels: (B, H, W, C) to (B, H/side, W/side, side * side * C); no unit changes."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // side, side, w // side, side, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // side, w // side, side * side * c)


def _normalize(x: Array, train: bool, dtype: Any) -> Array:
    return BatchNorm(dtype)(x, train=train)


def _doubled(x: Array) -> Array:
    b, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)


def _rare(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Faces are rare: the first logits are low."""
    return jnp.zeros(shape, dtype).at[0].set(-3.0)
