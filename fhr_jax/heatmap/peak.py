"""Where the maximum of a heatmap is, and the small window around it.

Maps are (B, H, W, M) here, and results per landmark are (B, M). Only `find` reads whole maps, and it reads them once.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

Maps = Float[Array, "b h w m"]


class Peak(NamedTuple):
    """The first highest pixel in reading order; NaN counts as minus infinity.

    Attributes:
        x: column (B, M).
        y: row (B, M).
        value: the value of the map there (B, M), unchanged: NaN or -inf if the map holds nothing higher.
    """

    x: Int[Array, "b m"]
    y: Int[Array, "b m"]
    value: Float[Array, "b m"]


class PeakWindow(NamedTuple):
    """The (2r+1) x (2r+1) values around a peak, 0 outside the map.

    Attributes:
        values: (B, M, 2r+1, 2r+1), rows (y) before columns (x), the peak in the middle.
        inside: (B, M, 2r+1, 2r+1), which of them lie in the map.
    """

    values: Float[Array, "b m k k"]
    inside: Bool[Array, "b m k k"]


def find(maps: Maps) -> Peak:
    """The pixel that an argmax over the flattened maps (B, H, W, M) would find, ties included.

    XLA's argmax is a scalar loop on CPUs, tens of times slower than a maximum. So this takes the maximum of every row
    (one vectorised pass over memory), then the first row that has the highest maximum, then the first column of that
    row with it. A maximum propagates NaN. Replacing NaN first would double the time, so only maps with NaN do it.
    """
    fixed = lax.stop_gradient(maps)  # an index has no gradient
    rows = fixed.max(axis=2)
    rows = lax.cond(jnp.isnan(rows).any(), lambda: _nan_to_minus_inf(fixed).max(axis=2), lambda: rows)
    y = _first_of_maximum(rows)
    row = jnp.take_along_axis(maps, y[:, None, None, :], axis=1, mode="promise_in_bounds")[:, 0]
    x = _first_of_maximum(_nan_to_minus_inf(lax.stop_gradient(row)))
    value = jnp.take_along_axis(row, x[:, None, :], axis=1, mode="promise_in_bounds")[:, 0]
    return Peak(x=x, y=y, value=value)


def window(maps: Maps, peak: Peak, radius: int) -> PeakWindow:
    """Gather the values of maps (B, H, W, M) within `radius` pixels of the peaks along both axes."""
    batch, height, width, landmarks = maps.shape
    steps = jnp.arange(-radius, radius + 1)
    y = peak.y[..., None] + steps.reshape(1, 1, -1)
    x = peak.x[..., None] + steps.reshape(1, 1, -1)
    inside = ((y >= 0) & (y < height))[..., :, None] & ((x >= 0) & (x < width))[..., None, :]
    flat = jnp.clip(y, 0, height - 1)[..., :, None] * width + jnp.clip(x, 0, width - 1)[..., None, :]
    flat = jnp.moveaxis(flat.reshape(batch, landmarks, -1), 1, 2)
    pixels = maps.reshape(batch, height * width, landmarks)
    values = jnp.take_along_axis(pixels, flat, axis=1, mode="promise_in_bounds")
    values = jnp.moveaxis(values, 2, 1).reshape(inside.shape)
    return PeakWindow(values=jnp.where(inside, values, 0), inside=inside)


def _nan_to_minus_inf(values: Array) -> Array:
    return jnp.where(jnp.isnan(values), -jnp.inf, values)


def _first_of_maximum(values: Float[Array, "b n m"]) -> Int[Array, "b m"]:
    """Index along the middle axis; two vectorised reductions instead of one argmax."""
    length = values.shape[1]
    positions = jnp.arange(length, dtype=jnp.int32).reshape(1, -1, 1)
    highest = values.max(axis=1, keepdims=True)
    return jnp.where(values == highest, positions, length - 1).min(axis=1)
