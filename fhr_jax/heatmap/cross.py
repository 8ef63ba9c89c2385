"""Decoders that read the peak and its two neighbours along an axis.

Each takes one axis of all landmarks and returns the offset of the true centre from the peak, in pixels. With
z_hat the peak, h its value, h1 the value one step s in {+1, -1} away, a Gaussian of known sigma gives (Eq. 4)

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


class Axis(NamedTuple):
    """The peak and its neighbours along one axis; all (B, M).

    Attributes:
        centre: value at the peak.
        minus: value one pixel before it.
        plus: value one pixel after it.
        has_minus: False where the peak is the first pixel of the axis.
        has_plus: False where it is the last.
    """

    centre: Float[Array, "b m"]
    minus: Float[Array, "b m"]
    plus: Float[Array, "b m"]
    has_minus: Bool[Array, "b m"]
    has_plus: Bool[Array, "b m"]


def axes(window: Window) -> tuple[Axis, Axis]:
    """The axes x and y of a window of any radius from 1."""
    middle = window.values.shape[-1] // 2

    def axis(values: Array, inside: Array) -> Axis:
        before, after = middle - 1, middle + 1
        return Axis(
            centre=values[..., middle],
            minus=values[..., before],
            plus=values[..., after],
            has_minus=inside[..., before],
            has_plus=inside[..., after],
        )

    along_x = axis(window.values[..., middle, :], window.inside[..., middle, :])
    along_y = axis(window.values[..., middle], window.inside[..., middle])
    return along_x, along_y


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


def quarter(axis: Axis) -> Array:
    """A quarter of a pixel towards the higher neighbour, as the hourglass authors do; none at the border.

    Error on a noise-free map: at most 1/4 px inside, 1/2 px at the border.
    """
    step = jnp.where(axis.plus > axis.minus, 0.25, jnp.where(axis.plus < axis.minus, -0.25, 0.0))
    return jnp.where(axis.has_minus & axis.has_plus, step, 0.0).astype(axis.centre.dtype)


def fractional(axis: Axis, sigma: float) -> Array:
    """Eq. 4 with the next neighbour, or with the previous one where the next has no logarithm or is missing.

    Clipped to half a pixel, where a true centre lies: noise can only shorten the step towards the
    neighbour, which is never higher than the peak, so that unclipped steps would be long on the other side
    alone.
    """
    plus, plus_usable = _side(axis.plus, axis.has_plus, axis)
    minus, minus_usable = _side(axis.minus, axis.has_minus, axis)
    forward = sigma**2 * plus + 0.5
    backward = -(sigma**2) * minus - 0.5
    return jnp.clip(jnp.where(plus_usable, forward, jnp.where(minus_usable, backward, 0)), -0.5, 0.5)


def two_sided(axis: Axis, sigma: float) -> Array:
    """sigma^2 / 2 (ln h(+1) - ln h(-1)): Eq. 4 averaged over both sides.

    Falls back to `fractional` where a neighbour is missing or has no logarithm.
    """
    plus, plus_usable = _side(axis.plus, axis.has_plus, axis)
    minus, minus_usable = _side(axis.minus, axis.has_minus, axis)
    both = sigma**2 / 2 * (plus - minus)
    return jnp.where(plus_usable & minus_usable, both, fractional(axis, sigma))


def parabola(axis: Axis, sigma: float) -> Array:
    """Vertex of the parabola through the three logs: needs no sigma, except where a neighbour is missing."""
    plus, plus_usable = _side(axis.plus, axis.has_plus, axis)
    minus, minus_usable = _side(axis.minus, axis.has_minus, axis)
    curvature = -(plus + minus)
    curved = curvature > jnp.finfo(curvature.dtype).eps
    vertex = jnp.where(curved, (plus - minus) / jnp.where(curved, 2 * curvature, 1), 0)
    return jnp.where(plus_usable & minus_usable, vertex, fractional(axis, sigma))


def unguarded(axis: Axis, position: Array, sigma: float) -> Array:
    """Eq. 4 as it is printed and as its authors run it: a coordinate, not an offset; kept for comparison.

    Values are clamped at 1e-15. At the right and bottom border the neighbour is the previous one, and because
    nothing divides by s = -1 the coordinate comes out negated. One value at or below 0 throws it far away.
    """
    centre = jnp.log(jnp.maximum(axis.centre, 1e-15))
    neighbour = jnp.log(jnp.maximum(jnp.where(axis.has_plus, axis.plus, axis.minus), 1e-15))
    step = jnp.where(axis.has_plus, 1.0, -1.0).astype(centre.dtype)
    return sigma**2 * (neighbour - centre) + step * position.astype(centre.dtype) + 0.5


def _side(value: Array, exists: Array, axis: Axis) -> tuple[Array, Array]:
    log, usable = log_ratio(jnp.where(exists, value, 0), axis.centre)
    return log, usable
