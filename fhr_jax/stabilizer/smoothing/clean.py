"""The causal stabilizer as the first pass of the smoother: its observations, weighted and with a prediction each."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from fhr_jax.stabilizer.filter import State, step
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.smoothing.passes import Observation


def clean(params: Params, state: State, z: Array, *, dt: Any = 1.0, **options: Any) -> tuple[State, Observation]:
    """PROTOTYPE: replaced by the interface of the causal filter."""
    after, x = step(params, state, z, dt=dt, **options)
    weight = jnp.isfinite(z).all(axis=-1).astype(x.dtype)
    if options.get("mask") is not None:
        weight = weight * options["mask"]
    if options.get("confidence") is not None:
        weight = weight * jnp.clip(jnp.nan_to_num(options["confidence"]), 0, 1)
    before = state.seen if options.get("reset") is None else state.seen & ~options["reset"]
    restart = after.seen & ~before
    counted = after.seen[:, None]
    place = jnp.where(counted, x, 0)
    number = jnp.maximum(after.seen.sum(), 1)
    centre = place.sum(axis=0, keepdims=True) / number
    size = jnp.sqrt((jnp.where(counted, place - centre, 0) ** 2).sum() / number + 1e-12)
    z = jnp.where(weight[:, None] > 0, z, 0)
    return after, Observation(z, weight, restart, after.seen, size, x, jnp.asarray(dt, x.dtype))
