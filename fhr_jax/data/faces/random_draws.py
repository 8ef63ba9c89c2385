"""Many small random draws from one call of the generator; one call for each would take seconds to compile."""

import math
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

Key = PRNGKeyArray | UInt32[Array, "2"]
T = TypeVar("T")


def random_block(key: Key, make: Callable[["RandomDraws"], T]) -> T:
    """Call `make` with exactly as many random draws as it takes.

    Args:
        key: random key, () or (2,).
        make: a function of `RandomDraws`. It is traced twice, first to count the draws.

    Returns:
        What `make` returns.
    """
    counter = _Counter()
    jax.eval_shape(lambda: make(counter))
    return make(RandomDraws(key, uniforms=counter.taken["uniform"], normals=counter.taken["normal"]))


class RandomDraws:
    """Independent random draws, handed out in the order of the calls; the same key gives the same draws.

    Args:
        key: random key, () or (2,).
        uniforms: number of draws that `uniform`, `chance` and `choice` may take in total.
        normals: number of draws that `normal` may take.
    """

    def __init__(self, key: Key, *, uniforms: int, normals: int = 0):
        draws = jax.random.uniform(key, (uniforms + normals,), minval=1e-6, maxval=1 - 1e-6)
        # Without the barrier the compiler would repeat the whole generator in each draw.
        self._uniform, self._normal = jax.lax.optimization_barrier((draws[:uniforms], ndtri(draws[uniforms:])))
        self.taken = {"uniform": 0, "normal": 0}

    def _take(self, kind: str, shape: tuple[int, ...]) -> Array:
        draws = self._uniform if kind == "uniform" else self._normal
        start = self.taken[kind]
        end = self.taken[kind] = start + math.prod(shape)
        if end > draws.shape[0]:
            raise ValueError(f"{end} {kind} draws from {draws.shape[0]}")
        return draws[start:end].reshape(shape)

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Uniform draws in [low, high)."""
        return low + (high - low) * self._take("uniform", shape)

    def normal(self, deviation: float = 1.0, limit: float = 2.5, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Normal draws about 0, clipped to `limit` standard deviations."""
        return deviation * jnp.clip(self._take("normal", shape), -limit, limit)

    def chance(self, probability: float) -> Float[Array, ""]:
        """1.0 with this probability, else 0.0."""
        return (self._take("uniform", ()) < probability).astype(jnp.float32)

    def choice(self, shares: tuple[float, ...], shape: tuple[int, ...] = ()) -> Int[Array, "..."]:
        """Random indices, their probabilities proportional to `shares`."""
        total = sum(shares)
        bounds = jnp.asarray([sum(shares[: i + 1]) / total for i in range(len(shares) - 1)])
        return (self._take("uniform", shape)[..., None] > bounds.reshape(*[1] * len(shape), -1)).sum(axis=-1)


class _Counter(RandomDraws):
    """Counts the draws and returns 0.5 for each."""

    def __init__(self) -> None:
        self.taken = {"uniform": 0, "normal": 0}

    def _take(self, kind: str, shape: tuple[int, ...]) -> Array:
        self.taken[kind] += math.prod(shape)
        return jnp.full(shape, 0.5)
