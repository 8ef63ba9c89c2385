"""Correction of the continuation at the last speed."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.filters.base import Filter, Gain, correct, hide


class LastTwo(NamedTuple):
    """The last two outputs, and whether there is one."""

    output: Float[Array, "*point"]
    earlier: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def constant_speed(a: Gain) -> Filter:
    """Gain `a` in [0, 1] against the continuation of the last two outputs at their speed."""

    def init(frame: Float[Array, "*point"]) -> LastTwo:
        zero = jnp.zeros_like(frame)
        return LastTwo(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: LastTwo, z: Float[Array, "*point"]) -> tuple[LastTwo, Array]:
        x, seen = correct(z, 2 * state.output - state.earlier, state.seen, a)
        return LastTwo(x, jnp.where(state.seen, state.output, x), seen), hide(x, seen)

    return Filter(init, step)
