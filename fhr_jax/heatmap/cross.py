"""Decoders that read the peak and its two neighbours along an axis.

Both axes are decoded at once, each alone: arrays are (B, M, 2), order (x, y). The results are offsets of the true
centre from the peak, in pixels. With z_hat the peak, h its value and h1 the value one step s in {+1, -1} away, a
Gaussian of known sigma gives (Eq. 4)

    z = z_hat + sigma^2 (ln h1 - ln h) / s + s / 2.

The printed equation is this only for s = +1.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fhr_jax.heatmap.peak import Window

# Smaller values carry no logarithm and smaller peaks are none: below lie subnormal numbers, which
# processors flush to zero, and reciprocals whose gradients overflow.
FLOOR = 1e-35
PEAK_FLOOR = 1e-30


class Cross(NamedTuple):
    """The peak and its neighbours along both axes; all (B, M, 2), order (x, y).

    Attributes:
        centre: value at the peak, the same for both axes.
        minus: value one pixel before it; 0 outside the map.
        plus: value one pixel after it; 0 outside the map.
        has_minus: False where the peak is the first pixel of the axis.
        has_plus: False where it is the last.
    """

    centre: Float[Array, "b m 2"]
    minus: Float[Array, "b m 2"]
    plus: Float[Array, "b m 2"]
    has_minus: Bool[Array, "b m 2"]
    has_plus: Bool[Array, "b m 2"]


class Sides(NamedTuple):
    """ln(h1 / h) of both neighbours (B, M, 2), 0 where it means nothing, and where it means something."""

    minus: Float[Array, "b m 2"]
    plus: Float[Array, "b m 2"]
    minus_usable: Bool[Array, "b m 2"]
    plus_usable: Bool[Array, "b m 2"]


def of(window: Window) -> Cross:
    """The cross in the middle of a window of any radius from 1."""
    c = window.values.shape[-1] // 2

    def pair(array: Array, step: int) -> Array:
        return jnp.stack([array[..., c, c + step], array[..., c + step, c]], axis=-1)

    return Cross(
        centre=pair(window.values, 0),
        minus=pair(window.values, -1),
        plus=pair(window.values, 1),
        has_minus=pair(window.inside, -1),
        has_plus=pair(window.inside, 1),
    )


def relative_to_peak(values: Array, peak: Array) -> tuple[Array, Array]:
    """`values` divided by `peak`, 0 where either is unusable, and where both are usable; they broadcast.

    Both are scaled by a constant first, so that the gradient of the division never squares a tiny peak.
    """
    is_peak = jnp.isfinite(peak) & (peak >= PEAK_FLOOR)
    usable = is_peak & jnp.isfinite(values)
    scale = 1 / jnp.where(is_peak, jnp.minimum(lax.stop_gradient(peak), 1 / PEAK_FLOOR), 1)
    return jnp.where(usable, values, 0) * scale / jnp.where(is_peak, peak * scale, 1), usable


def log_ratio(values: Array, peak: Array) -> tuple[Array, Array]:
    """ln(values / peak) where that means something, else 0; and where it does."""
    relative, usable = relative_to_peak(values, peak)
    usable &= (relative >= FLOOR) & (values >= FLOOR)
    return jnp.where(usable, jnp.log(jnp.where(usable, relative, 1)), 0), usable


def quarter(cross: Cross) -> Array:
    """A quarter of a pixel towards the higher neighbour, as the hourglass authors do; none at the border.

    Error on a noise-free map: at most 1/4 px inside, 1/2 px at the border.
    """
    step = jnp.where(cross.plus > cross.minus, 0.25, jnp.where(cross.plus < cross.minus, -0.25, 0.0))
    return jnp.where(cross.has_minus & cross.has_plus, step, 0.0).astype(cross.centre.dtype)


def fractional(cross: Cross, sigma: float) -> Array:
    """Eq. 4 with the next neighbour, or with the previous one where the next has no logarithm or is missing.

    Clipped to half a pixel, where a true centre lies: noise can only shorten the step towards the neighbour, which
    is never higher than the peak, so that unclipped steps would be long on the other side alone.
    """
    return _one_sided(_sides(cross), sigma)


def two_sided(cross: Cross, sigma: float) -> Array:
    """sigma^2 / 2 (ln h(+1) - ln h(-1)): Eq. 4 averaged over both sides.

    Falls back to `fractional` where a neighbour is missing or has no logarithm.
    """
    sides = _sides(cross)
    both = sigma**2 / 2 * (sides.plus - sides.minus)
    return jnp.where(sides.plus_usable & sides.minus_usable, both, _one_sided(sides, sigma))


def parabola(cross: Cross, sigma: float) -> Array:
    """Vertex of the parabola through the three logs: needs no sigma, except where a neighbour is missing."""
    sides = _sides(cross)
    curvature = -(sides.plus + sides.minus)
    curved = curvature > jnp.finfo(curvature.dtype).eps
    vertex = jnp.where(curved, (sides.plus - sides.minus) / jnp.where(curved, 2 * curvature, 1), 0)
    return jnp.where(sides.plus_usable & sides.minus_usable, vertex, _one_sided(sides, sigma))


def unguarded(cross: Cross, position: Array, sigma: float) -> Array:
    """Eq. 4 as it is printed and as its authors run it: a coordinate, not an offset; kept for comparison.

    Values are clamped at 1e-15. At the right and bottom border the neighbour is the previous one, and because
    nothing divides by s = -1 the coordinate comes out negated. One value at or below 0 throws it far away.
    """
    centre = jnp.log(jnp.maximum(cross.centre, 1e-15))
    neighbour = jnp.log(jnp.maximum(jnp.where(cross.has_plus, cross.plus, cross.minus), 1e-15))
    return sigma**2 * (neighbour - centre) + jnp.where(cross.has_plus, position, -position) + 0.5


def _sides(cross: Cross) -> Sides:
    neighbours = jnp.stack([cross.minus, cross.plus])
    logs, usable = log_ratio(neighbours, cross.centre[None])
    return Sides(minus=logs[0], plus=logs[1], minus_usable=usable[0], plus_usable=usable[1])


def _one_sided(sides: Sides, sigma: float) -> Array:
    forward, backward = sigma**2 * sides.plus + 0.5, -(sigma**2) * sides.minus - 0.5
    offset = jnp.where(sides.plus_usable, forward, jnp.where(sides.minus_usable, backward, 0))
    return jnp.clip(offset, -0.5, 0.5)
