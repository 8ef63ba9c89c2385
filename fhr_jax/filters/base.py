"""The interface of causal filters and the one loop over frames."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError

Gain = Float[Array, ""] | float
"""A setting of a filter; an array may be traced, so that one compiled function serves many settings."""


class Filter(NamedTuple):
    """A causal filter over frames.

    Attributes:
        init: takes any frame of the track (its shape and type count, not its values), returns the state
            before the first frame.
        step: takes a state and the observation (M, d) of the next frame, returns (state, output (M, d)).
    """

    init: Callable[[Float[Array, "*point"]], Any]
    step: Callable[[Any, Float[Array, "*point"]], tuple[Any, Float[Array, "*point"]]]


@partial(jax.jit, static_argnums=0)
def run(filter: Filter, track: Float[Array, "t *point"]) -> Float[Array, "t *point"]:
    """Filter a track (T, M, d) of at least one frame, in the units of the track."""
    if track.shape[0] == 0:
        raise InputError("track: empty, expected at least one frame")
    return jax.lax.scan(filter.step, filter.init(track[0]), track)[1]


def correct(
    z: Float[Array, "*point"],
    prediction: Float[Array, "*point"],
    seen: Bool[Array, "*point"],
    gain: Float[Array, "*any"] | float,
) -> tuple[Float[Array, "*point"], Bool[Array, "*point"]]:
    """Gain z + (1 - gain) prediction; z alone at first sight, the prediction alone where z is NaN.

    Returns it (0 where nothing was ever seen) and whether anything was seen so far.
    """
    here = jnp.isfinite(z)
    z = jnp.where(here, z, prediction)
    corrected = jnp.where(seen, gain * z + (1 - gain) * prediction, z)
    return jnp.where(here | seen, corrected, 0), seen | here


def hide(x: Float[Array, "*point"], seen: Bool[Array, "*point"]) -> Float[Array, "*point"]:
    """NaN where nothing was ever seen."""
    return jnp.where(seen, x, jnp.nan)
