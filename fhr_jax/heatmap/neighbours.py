"""Decoders that read the peak and its two neighbours along an axis.

Both axes are decoded at once, each alone: arrays are (B, M, 2), order (x, y). The results are offsets of the true
centre from the peak, in pixels. With z_hat the peak, h its value and h1 the value one step s in {+1, -1} away, a
Gaussian of known sigma gives (Eq. 4)

    z = z_hat + sigma^2 (ln h1 - ln h) / s + s / 2.

The printed equation is this only for s = +1.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.heatmap.log_ratios import LogRatios
from fhr_jax.heatmap.peak import PeakWindow


class Sides(NamedTuple):
    """ln(h1 / h) of both neighbours (B, M, 2), 0 where it means nothing, and where it means something."""

    minus: Float[Array, "b m 2"]
    plus: Float[Array, "b m 2"]
    minus_usable: Bool[Array, "b m 2"]
    plus_usable: Bool[Array, "b m 2"]


def sides(ratios: LogRatios) -> Sides:
    """The cross in the middle of a window of any radius from 1."""
    logs, usable = ratios.logs, ratios.usable
    return Sides(_pair(logs, -1), _pair(logs, 1), _pair(usable, -1), _pair(usable, 1))


def quarter_shift(window: PeakWindow) -> Array:
    """A quarter of a pixel towards the higher neighbour, as the hourglass authors do; none at the border.

    Error on a noise-free map: at most 1/4 px inside, 1/2 px at the border.
    """
    minus, plus = _pair(window.values, -1), _pair(window.values, 1)
    step = jnp.where(plus > minus, 0.25, jnp.where(plus < minus, -0.25, 0.0))
    within = _pair(window.inside, -1) & _pair(window.inside, 1)
    return jnp.where(within, step, 0.0).astype(minus.dtype)


def fractional(sides: Sides, sigma: float) -> Array:
    """Eq. 4 with the next neighbour, or with the previous one where the next has no logarithm or is missing.

    Clipped to half a pixel, where a true centre lies: noise can only shorten the step towards the neighbour, which
    is never higher than the peak, so that unclipped steps would be long on the other side alone.
    """
    forward, backward = sigma**2 * sides.plus + 0.5, -(sigma**2) * sides.minus - 0.5
    offset = jnp.where(sides.plus_usable, forward, jnp.where(sides.minus_usable, backward, 0))
    return jnp.clip(offset, -0.5, 0.5)


def two_sided(sides: Sides, sigma: float) -> Array:
    """sigma^2 / 2 (ln h(+1) - ln h(-1)): Eq. 4 averaged over both sides.

    Falls back to `fractional` where a neighbour is missing or has no logarithm.
    """
    both = sigma**2 / 2 * (sides.plus - sides.minus)
    return jnp.where(sides.plus_usable & sides.minus_usable, both, fractional(sides, sigma))


def parabola(sides: Sides, sigma: float) -> Array:
    """Vertex of the parabola through the three logs: needs no sigma, except where a neighbour is missing."""
    curvature = -(sides.plus + sides.minus)
    curved = curvature > jnp.finfo(curvature.dtype).eps
    vertex = jnp.where(curved, (sides.plus - sides.minus) / jnp.where(curved, 2 * curvature, 1), 0)
    return jnp.where(sides.plus_usable & sides.minus_usable, vertex, fractional(sides, sigma))


def paper_unclamped(window: PeakWindow, position: Array, sigma: float) -> Array:
    """Eq. 4 as it is printed and as its authors run it: a coordinate, not an offset; kept for comparison.

    Values are clamped at 1e-15. At the right and bottom border the neighbour is the previous one, and because
    nothing divides by s = -1 the coordinate comes out negated. One value at or below 0 throws it far away.
    """
    has_plus = _pair(window.inside, 1)
    centre = jnp.log(jnp.maximum(_pair(window.values, 0), 1e-15))
    neighbour = jnp.log(jnp.maximum(jnp.where(has_plus, _pair(window.values, 1), _pair(window.values, -1)), 1e-15))
    return sigma**2 * (neighbour - centre) + jnp.where(has_plus, position, -position) + 0.5


def _pair(array: Array, step: int) -> Array:
    """The pixel that many steps from the middle along x and along y."""
    c = array.shape[-1] // 2
    return jnp.stack([array[..., c, c + step], array[..., c + step, c]], axis=-1)
