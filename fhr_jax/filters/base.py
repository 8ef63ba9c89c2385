"""The interface of causal filters and the one loop over frames."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError

Gain = Float[Array, ""] | float
"""A scalar setting of a filter. It may be traced, so that one compiled function serves many settings."""


Step = Gain | int
"""The time () since the frame before, in frames; the number 1 is known when a filter is compiled."""


class Filter(NamedTuple):
    """A causal filter over frames.

    Attributes:
        init: frame (M, d) -> state before the first frame. Only the shape and dtype of the frame matter.
        step: state, observation (M, d) of the next frame, dt = 1 -> state, output (M, d). dt () is the time since the
            frame before, in frames.
    """

    init: Callable[[Float[Array, "*point"]], Any]
    step: Callable[..., tuple[Any, Float[Array, "*point"]]]


def run(
    filter: Filter, track: Float[Array | np.ndarray, "t *point"], *, dt: Float[Array | np.ndarray, "..."] | None = None
) -> Float[Array, "t *point"]:
    """Filter a track (T, M, d) of at least one frame, in the units of the track.

    Args:
        filter: one of this package, or your own.
        track: (T, M, d), NaN where missing.
        dt: (T,) frames since the frame before, more than 0; the first value is ignored. None: 1. A frame is the time
            that the settings of the filter are meant for.

    Raises:
        InputError: the track has no frame, or `dt` is no number for each of them.
    """
    if track.shape[0] == 0:
        raise InputError("track: empty, expected at least one frame")
    if dt is not None and dt.shape != track.shape[:1]:
        raise InputError(f"dt: shape {dt.shape}, expected {track.shape[:1]}, one number for each frame")
    if dt is not None and not isinstance(dt, Tracer) and (np.asarray(dt)[1:] == 1).all():
        dt = None
    return _run(filter, jnp.asarray(track), dt)


@partial(jax.jit, static_argnums=0)
def _run(filter: Filter, track: Array, dt: Array | None) -> Array:
    state = filter.init(track[0])
    if dt is None:
        return jax.lax.scan(filter.step, state, track)[1]
    dt = jnp.asarray(dt, track.dtype).at[0].set(1)
    return jax.lax.scan(lambda state, frame: filter.step(state, frame[0], frame[1]), state, (track, dt))[1]


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
