"""Mean of the last observations."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.filters.base import Filter, Step


class MovingAverageState(NamedTuple):
    """Last observations (k, M, d), NaN where missing, the frames that each stands for (k,), the last output (M, d)."""

    observations: Float[Array, "k *point"]
    spans: Float[Array, " k"]
    output: Float[Array, "*point"]


def moving_average(n: int, *, most_per_frame: int = 4) -> Filter:
    """Mean of the observations among the last `n` frames; without any, the last output is repeated.

    In continuous time it is the mean of z over the last n frames, where an observation stands for the dt frames before
    it. The weight of observation i is the part of its dt that lies in the window,

        w(i) = min(dt(i), max(n - age(i), 0)),    age(i) = the sum of dt of all later observations.

    Args:
        n: frames of the window.
        most_per_frame: most observations in the time of one frame that are kept, 1 / dt; 4 is enough for 120 frames a
            second where a frame is a thirtieth.

    Raises:
        InputError: the window is empty.
    """
    if n < 1 or most_per_frame < 1:
        raise InputError(f"n: {n}, most_per_frame: {most_per_frame}, expected a window of at least one frame")
    slots = n * most_per_frame

    def init(frame: Float[Array, "*point"]) -> MovingAverageState:
        missing = jnp.full_like(frame, jnp.nan)
        observations = jnp.full_like(frame, jnp.nan, shape=(slots, *frame.shape))
        return MovingAverageState(observations, jnp.ones(slots, frame.dtype), missing)

    def step(state: MovingAverageState, z: Float[Array, "*point"], dt: Step = 1) -> tuple[MovingAverageState, Array]:
        kept = jnp.concatenate([state.observations[1:], z[None]])
        spans = jnp.concatenate([state.spans[1:], jnp.asarray(dt, z.dtype)[None]])
        if isinstance(dt, int):
            window = kept[-n:]
            seen = jnp.isfinite(window)
            total, weight = jnp.where(seen, window, 0).sum(axis=0), seen.sum(axis=0)
            x = jnp.where(weight > 0, total / jnp.maximum(weight, 1), state.output)
        else:
            ages = jnp.cumsum(spans[::-1])[::-1] - spans
            seen = jnp.isfinite(kept)
            weights = jnp.clip(n - ages, 0, spans).reshape(-1, *(1 for _ in z.shape)) * seen
            total, weight = (weights * jnp.where(seen, kept, 0)).sum(axis=0), weights.sum(axis=0)
            x = jnp.where(weight > 0, total / jnp.where(weight > 0, weight, 1), state.output)
        return MovingAverageState(kept, spans, x), x

    return Filter(init, step)
