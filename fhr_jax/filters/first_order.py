"""Exponential smoothing."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, correct, hide


class Level(NamedTuple):
    """The last output, and whether there is one."""

    output: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def first_order(a: Gain) -> Filter:
    """Exponential smoothing with gain `a` in [0, 1] (1: no smoothing)."""

    def init(frame: Float[Array, "*point"]) -> Level:
        return Level(jnp.zeros_like(frame), jnp.zeros(frame.shape, bool))

    def step(state: Level, z: Float[Array, "*point"]) -> tuple[Level, Array]:
        x, seen = correct(z, state.output, state.seen, a)
        return Level(x, seen), hide(x, seen)

    return Filter(init, step)
