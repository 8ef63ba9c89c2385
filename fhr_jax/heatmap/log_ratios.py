"""The window around a peak relative to the peak, from heatmaps or from logits: what the decoders read.

The logarithm of a Gaussian is a parabola, so most decoders read ln(h / peak). For a heatmap that takes a division and a
logarithm, which noise can make undefined. For logits (a net trained by cross-entropy against the normalized Gaussian)
it is a difference: nothing is clamped, and nothing underflows however narrow the Gaussian is.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fhr_jax.heatmap.peak import PeakWindow

# Processors flush subnormal numbers to zero, and gradients of reciprocals of tiny numbers overflow.
MIN_VALUE = 1e-35
"""A smaller value of a heatmap has no logarithm."""
MIN_PEAK = 1e-30
"""A lower maximum of a heatmap is no peak."""
MIN_LOG_RATIO = -1e6
"""A logit further below the peak counts as minus infinity, so that sums of squares do not overflow."""


class LogRatios(NamedTuple):
    """A window divided by the peak in its middle; all (B, M, k, k).

    Attributes:
        ratios: value / peak in [-1, 1]. 0 outside the map, where the value is not finite, and everywhere if there is no
            peak: the maximum is not finite, or not positive in a heatmap.
        logs: ln(value / peak), 0 where it is not valid.
        valid: where the logarithm is defined.
        inside: which pixels lie in the map.
    """

    ratios: Float[Array, "b m k k"]
    logs: Float[Array, "b m k k"]
    valid: Bool[Array, "b m k k"]
    inside: Bool[Array, "b m k k"]


def from_window(window: PeakWindow, *, logits: bool) -> LogRatios:
    """The log-ratios (B, M, k, k) of a window of heatmaps or of logits."""
    return _from_logits(window) if logits else _from_heatmaps(window)


def _from_heatmaps(window: PeakWindow) -> LogRatios:
    """Divide by the peak, and take the logarithm where it is defined.

    Values and peak are scaled by a constant first, so that the gradient of the division never squares a tiny peak.
    """
    values, peak = window.values, _middle(window)
    is_peak = jnp.isfinite(peak) & (peak >= MIN_PEAK)
    known = is_peak & jnp.isfinite(values)
    scale = 1 / jnp.where(is_peak, jnp.minimum(lax.stop_gradient(peak), 1 / MIN_PEAK), 1)
    ratios = jnp.where(known, values, 0) * scale / jnp.where(is_peak, peak * scale, 1)
    valid = known & (ratios >= MIN_VALUE) & (values >= MIN_VALUE)
    logs = jnp.where(valid, jnp.log(jnp.where(valid, ratios, 1)), 0)
    return LogRatios(jnp.clip(ratios, -1, 1), logs, valid, window.inside)


def _from_logits(window: PeakWindow) -> LogRatios:
    """Subtract the peak; the ratio is the exponential of the difference."""
    peak = _middle(window)
    peak = jnp.where(jnp.isfinite(peak), peak, jnp.nan)
    known = window.inside & jnp.isfinite(window.values)
    difference = jnp.where(known, window.values, peak) - peak
    valid = known & (difference >= MIN_LOG_RATIO)  # false where the peak is NaN
    logs = jnp.where(valid, difference, 0)
    return LogRatios(jnp.where(valid, jnp.exp(logs), 0), logs, valid, window.inside)


def _middle(window: PeakWindow) -> Array:
    c = window.values.shape[-1] // 2
    return window.values[..., c, c][..., None, None]
