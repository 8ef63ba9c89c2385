"""What a landmark detector does to the truth: noise that neighbours and frames share, bad spells, drop-outs.

Rounded from the residuals of published predictions on 300-VW against their zero-phase smoothing: rms by video
from 0.3 to 2.2 pixels of the 256 crop (median 1.1), neighbours correlated 0.9, any two points 0.6 in x and 0.4 in y,
kurtosis 6, energy of a frame varying by its own mean, jaw, brows and nose a little quieter than the mouth.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from fhr_jax.data.faces import anatomy

Key = PRNGKeyArray | UInt32[Array, "2"]

_QUIET = {
    "jaw": (0, 17, 1.0),
    "brow": (17, 27, 0.9),
    "nose": (27, 36, 0.9),
    "eye": (36, 48, 0.95),
    "mouth": (48, 68, 1.05),
}
"""Landmarks from, to, and their noise relative to the mean."""


class Noise(NamedTuple):
    """An observation model.

    Attributes:
        level: rms error of a coordinate, pixels of the crop.
        memory: correlation of the slow part of the noise from one frame to the next, in [0, 1).
        slow: share of the variance that is slow.
        shared: share of the variance that all points share (x, y).
        near: share that neighbours share, over about a third of the inter-ocular distance (x, y).
        spells: standard deviation of the logarithm of the level over time.
        lost: probability that a point of a frame is thrown far away.
        missing: probability that a frame has no observation at all.
    """

    level: float | Float[Array, ""] = 1.0
    memory: float | Float[Array, ""] = 0.7
    slow: float | Float[Array, ""] = 0.3
    shared: tuple[float, float] = (0.5, 0.35)
    near: tuple[float, float] = (0.45, 0.58)
    spells: float | Float[Array, ""] = 0.4
    lost: float | Float[Array, ""] = 0.0
    missing: float | Float[Array, ""] = 0.0

    @staticmethod
    def draw(key: Key, liveliness: float | Float[Array, ""] = 1.0) -> "Noise":
        """A model whose level varies from video to video, and is higher where the head moves more."""
        spread = jnp.exp(0.4 * jnp.clip(jax.random.normal(key), -2, 2))
        return Noise(level=0.65 * liveliness**0.7 * spread)


def observe(key: Key, truth: Float[Array, "t 68 2"], noise: Noise) -> Float[Array, "t 68 2"]:
    """What the detector reports for the truth (pixels of the 256 crop); NaN where it reports nothing."""
    frames = truth.shape[0]
    keys = jax.random.split(key, 6)
    slow = _slow(keys[1], frames, noise.memory)
    pattern = jnp.sqrt(1 - noise.slow) * jax.random.normal(keys[0], truth.shape) + jnp.sqrt(noise.slow) * slow
    mixing = jnp.stack([_mixing(noise.shared[i], noise.near[i]) for i in range(2)])
    error = jnp.einsum("cmn,tnc->tmc", mixing, pattern, precision=Precision.HIGHEST)
    spell = jnp.exp(noise.spells * jax.random.normal(keys[2], (frames, 1, 1)) - noise.spells**2)
    observed = truth + noise.level * spell * _regions()[None, :, None] * error

    lost = jax.random.bernoulli(keys[3], noise.lost, (frames, 68, 1))
    far = 200 * jax.random.normal(keys[4], truth.shape)
    observed = jnp.where(lost, observed + far, observed)
    return jnp.where(jax.random.bernoulli(keys[5], noise.missing, (frames, 1, 1)), jnp.nan, observed)


def _slow(key: Key, frames: int, memory: float | Array) -> Float[Array, "t 68 2"]:
    """First-order autoregression of variance 1."""
    start_key, key = jax.random.split(key)
    fresh = jnp.sqrt(1 - jnp.asarray(memory, jnp.float32) ** 2) * jax.random.normal(key, (frames, 68, 2))

    def step(last: Array, new: Array) -> tuple[Array, Array]:
        now = memory * last + new
        return now, now

    return jax.lax.scan(step, jax.random.normal(start_key, (68, 2)), fresh)[1]


def _mixing(shared: float, near: float) -> Float[Array, "68 68"]:
    """Square root of the correlation over points: shared + near exp(-d^2 / 2 l^2) + the rest alone."""
    points = jnp.asarray(anatomy.MEAN[:68, :2], jnp.float32)
    square = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    correlation = shared + near * jnp.exp(-square / (2 * 0.35**2)) + (1 - shared - near) * jnp.eye(68)
    return jnp.linalg.cholesky(correlation)


def _regions() -> Float[Array, " 68"]:
    return jnp.concatenate([jnp.full(stop - start, size) for start, stop, size in _QUIET.values()])
