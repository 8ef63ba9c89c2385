"""The interface of causal filters and the one loop over frames."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError

Gain = Float[Array, ""] | float
"""A scalar setting of a filter. It may be traced, so that one compiled function serves many settings."""


class Filter(NamedTuple):
    """A causal filter over frames.

    Attributes:
        init: frame (M, d) -> state before the first frame. Only the shape and dtype of the frame matter.
        step: state, observation (M, d) of the next frame -> state, output (M, d).
    """

    init: Callable[[Float[Array, "*point"]], Any]
    step: Callable[[Any, Float[Array, "*point"]], tuple[Any, Float[Array, "*point"]]]


@partial(jax.jit, static_argnums=0)
def run(filter: Filter, track: Float[Array, "t *point"]) -> Float[Array, "t *point"]:
    """Filter a track (T, M, d) of at least one frame, in the units of the track.

    Raises:
        InputError: the track has no frame.
    """
    if track.shape[0] == 0:
        raise InputError("track: empty, expected at least one frame")
    return jax.lax.scan(filter.step, filter.init(track[0]), track)[1]


def correct(
    z: Float[Array, "*point"],
    prediction: Float[Array, "*point"],
    seen: Bool[Array, "*point"],
    gain: Float[Array, "*any"] | float,
) -> tuple[Float[Array, "*point"], Bool[Array, "*point"]]:
    """One correction step for all coordinates: gain z + (1 - gain) prediction.

    Args:
        z: (M, d) observation, in any unit of length; NaN where missing, where the prediction is the output.
        prediction: (M, d).
        seen: (M, d) whether a coordinate was observed before; where not, z is the output.
        gain: () or (M, d).

    Returns:
        The output (M, d), 0 for a coordinate that was never observed, and whether it was observed so far (M, d).
    """
    observed = jnp.isfinite(z)
    z = jnp.where(observed, z, prediction)
    corrected = jnp.where(seen, gain * z + (1 - gain) * prediction, z)
    return jnp.where(observed | seen, corrected, 0), seen | observed


def nan_unless_seen(x: Float[Array, "*point"], seen: Bool[Array, "*point"]) -> Float[Array, "*point"]:
    """The output x (M, d), any unit, with NaN for coordinates never observed, where `seen` (M, d) is False."""
    return jnp.where(seen, x, jnp.nan)
