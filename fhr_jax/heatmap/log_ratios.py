"""The values around a peak relative to the peak: what the decoders read, whether of maps or of logits.

A Gaussian is a parabola in the logarithm, so most decoders read ln(h / peak). A map gives that by a division and a
logarithm, which noise can leave without a value. A net whose outputs are logits, trained by cross-entropy against the
normalized Gaussian, gives it by a difference: nothing is clamped, and however narrow the Gaussian, nothing underflows.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fhr_jax.heatmap.peak import PeakWindow

# Smaller values carry no logarithm and smaller peaks are none: below lie subnormal numbers, which
# processors flush to zero, and reciprocals whose gradients overflow.
FLOOR = 1e-35
PEAK_FLOOR = 1e-30
DEEPEST = -1e6
"""A logit further below the peak counts as minus infinity: sums of squares must not overflow."""


class LogRatios(NamedTuple):
    """A window divided by the peak in its middle; all (B, M, k, k).

    Attributes:
        share: value / peak in [-1, 1]; 0 outside the map, where the value is not finite, and everywhere if the peak
            is none: not finite, or not positive in a map.
        logs: ln(value / peak), 0 where it means nothing.
        usable: where it means something.
        inside: which pixels lie in the map.
    """

    share: Float[Array, "b m k k"]
    logs: Float[Array, "b m k k"]
    usable: Bool[Array, "b m k k"]
    inside: Bool[Array, "b m k k"]


def of(window: PeakWindow, *, logits: bool) -> LogRatios:
    """Read a window of maps or of logits."""
    return of_logits(window) if logits else of_maps(window)


def of_maps(window: PeakWindow) -> LogRatios:
    """Divide, and take the logarithm where there is one.

    Both are scaled by a constant first, so that the gradient of the division never squares a tiny peak.
    """
    values, peak = window.values, _middle(window)
    is_peak = jnp.isfinite(peak) & (peak >= PEAK_FLOOR)
    known = is_peak & jnp.isfinite(values)
    scale = 1 / jnp.where(is_peak, jnp.minimum(lax.stop_gradient(peak), 1 / PEAK_FLOOR), 1)
    relative = jnp.where(known, values, 0) * scale / jnp.where(is_peak, peak * scale, 1)
    usable = known & (relative >= FLOOR) & (values >= FLOOR)
    logs = jnp.where(usable, jnp.log(jnp.where(usable, relative, 1)), 0)
    return LogRatios(jnp.clip(relative, -1, 1), logs, usable, window.inside)


def of_logits(window: PeakWindow) -> LogRatios:
    """Subtract; the share is the exponential of that."""
    peak = _middle(window)
    peak = jnp.where(jnp.isfinite(peak), peak, jnp.nan)
    known = window.inside & jnp.isfinite(window.values)
    below = jnp.where(known, window.values, peak) - peak
    usable = known & (below >= DEEPEST)  # never where the peak is NaN
    logs = jnp.where(usable, below, 0)
    return LogRatios(jnp.where(usable, jnp.exp(logs), 0), logs, usable, window.inside)


def _middle(window: PeakWindow) -> Array:
    c = window.values.shape[-1] // 2
    return window.values[..., c, c][..., None, None]
