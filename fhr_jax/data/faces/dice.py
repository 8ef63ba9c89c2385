"""Many small random draws out of one: a call of the generator for each would take seconds to compile."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

Key = PRNGKeyArray | UInt32[Array, "2"]


class Dice:
    """Hands out independent draws in the order of the calls; the same key gives the same draws."""

    def __init__(self, key: Key, draws: int):
        uniform = jax.random.uniform(key, (draws,), minval=1e-6, maxval=1 - 1e-6)
        # Without the barrier the compiler repeats the whole generator in every draw.
        self._uniform = jax.lax.optimization_barrier(uniform)
        self._used = 0

    def _take(self, shape: tuple[int, ...]) -> Array:
        start, self._used = self._used, self._used + math.prod(shape)
        if self._used > self._uniform.shape[0]:
            raise ValueError(f"{self._used} draws from {self._uniform.shape[0]}")
        return self._uniform[start : self._used].reshape(shape)

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Uniform in [low, high)."""
        return low + (high - low) * self._take(shape)

    def normal(self, deviation: float = 1.0, limit: float = 2.5, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Normal about 0, clipped to `limit` deviations."""
        return deviation * jnp.clip(ndtri(self._take(shape)), -limit, limit)

    def chance(self, probability: float) -> Float[Array, ""]:
        """1 with the probability, else 0."""
        return (self._take(()) < probability).astype(jnp.float32)

    def choice(self, shares: tuple[float, ...]) -> Int[Array, ""]:
        """An index, with the given shares."""
        total = sum(shares)
        bounds = jnp.asarray([sum(shares[: i + 1]) / total for i in range(len(shares) - 1)])
        return (self._take(()) > bounds).sum()
