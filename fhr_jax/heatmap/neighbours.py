"""Decoders that read the peak and its two neighbours along each axis.

Both axes are decoded at once and independently: arrays are (B, M, 2), order (x, y). The results are offsets of the
true centre from the peak, in pixels. With z_hat the peak, h its value and h1 the value one step s in {+1, -1} away, a
Gaussian of known sigma gives (Eq. 4)

    z = z_hat + sigma^2 (ln h1 - ln h) / s + s / 2.

The printed equation equals this for s = +1 only.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.heatmap.log_ratios import LogRatios
from fhr_jax.heatmap.peak import PeakWindow

AxisOffsets = Float[Array, "b m 2"]


class NeighbourLogRatios(NamedTuple):
    """ln(h1 / h) of the neighbours at -1 and +1 along each axis; all (B, M, 2).

    Attributes:
        minus: of the neighbour at -1; 0 where it is not valid.
        plus: of the neighbour at +1; 0 where it is not valid.
        minus_valid: where the neighbour at -1 exists and has a logarithm.
        plus_valid: where the neighbour at +1 exists and has a logarithm.
    """

    minus: Float[Array, "b m 2"]
    plus: Float[Array, "b m 2"]
    minus_valid: Bool[Array, "b m 2"]
    plus_valid: Bool[Array, "b m 2"]


def neighbour_log_ratios(window: LogRatios) -> NeighbourLogRatios:
    """Take the four neighbours (B, M, 2) of the middle out of a window (B, M, k, k) of any radius from 1."""
    logs, valid = window.logs, window.valid
    return NeighbourLogRatios(
        _along_axes(logs, -1), _along_axes(logs, 1), _along_axes(valid, -1), _along_axes(valid, 1)
    )


def quarter_shift(window: PeakWindow) -> AxisOffsets:
    """A quarter of a pixel towards the higher neighbour, as the hourglass authors do; none at the border.

    Returns offsets (B, M, 2). The error on a noise-free map is at most 1/4 px inside and 1/2 px at the border.
    """
    minus, plus = _along_axes(window.values, -1), _along_axes(window.values, 1)
    shift = jnp.where(plus > minus, 0.25, jnp.where(plus < minus, -0.25, 0.0))
    has_both = _along_axes(window.inside, -1) & _along_axes(window.inside, 1)
    return jnp.where(has_both, shift, 0.0).astype(minus.dtype)


def fractional(ratios: NeighbourLogRatios, sigma: float) -> AxisOffsets:
    """Eq. 4 with the next neighbour, or with the previous one where the next is missing or has no logarithm.

    Returns offsets (B, M, 2), clipped to half a pixel, where a true centre lies. Without the clipping noise would bias
    the result: the neighbour is never higher than the peak, so the offset towards it is at most half a pixel, but the
    offset away from it has no limit.
    """
    forward, backward = sigma**2 * ratios.plus + 0.5, -(sigma**2) * ratios.minus - 0.5
    offset = jnp.where(ratios.plus_valid, forward, jnp.where(ratios.minus_valid, backward, 0))
    return jnp.clip(offset, -0.5, 0.5)


def two_sided(ratios: NeighbourLogRatios, sigma: float) -> AxisOffsets:
    """sigma^2 / 2 (ln h(+1) - ln h(-1)): Eq. 4 averaged over both neighbours.

    Returns offsets (B, M, 2). Falls back to `fractional` where a neighbour is missing or has no logarithm.
    """
    both = sigma**2 / 2 * (ratios.plus - ratios.minus)
    return jnp.where(ratios.plus_valid & ratios.minus_valid, both, fractional(ratios, sigma))


def parabola(ratios: NeighbourLogRatios, sigma: float) -> AxisOffsets:
    """Vertex of the parabola through the three logarithms, (B, M, 2); sigma is used only if a neighbour is missing."""
    curvature = -(ratios.plus + ratios.minus)
    curved = curvature > jnp.finfo(curvature.dtype).eps
    vertex = jnp.where(curved, (ratios.plus - ratios.minus) / jnp.where(curved, 2 * curvature, 1), 0)
    return jnp.where(ratios.plus_valid & ratios.minus_valid, vertex, fractional(ratios, sigma))


def paper_unclamped(window: PeakWindow, position: AxisOffsets, sigma: float) -> AxisOffsets:
    """Eq. 4 as it is printed and as its authors run it, for comparison: coordinates (B, M, 2), not offsets.

    Values are clamped at 1e-15, the result is not. At the right and bottom border the neighbour is the previous pixel;
    because the printed equation does not divide by s = -1, the coordinate comes out negated. A single value at or below
    0 moves the point far away.
    """
    has_plus = _along_axes(window.inside, 1)
    centre = jnp.log(jnp.maximum(_along_axes(window.values, 0), 1e-15))
    chosen = jnp.where(has_plus, _along_axes(window.values, 1), _along_axes(window.values, -1))
    neighbour = jnp.log(jnp.maximum(chosen, 1e-15))
    return sigma**2 * (neighbour - centre) + jnp.where(has_plus, position, -position) + 0.5


def _along_axes(array: Array, step: int) -> Array:
    """The pixels that lie `step` from the middle along x and along y: (..., k, k) to (..., 2)."""
    c = array.shape[-1] // 2
    return jnp.stack([array[..., c, c + step], array[..., c + step, c]], axis=-1)
