"""What a landmark detector does to the truth: shared noise, bad spells, heavy tails, drop-outs, bias by pose.

The constants are rounded from published predictions on 300-VW, whose residuals against their zero-phase smoothing were
compared with those of synthetic tracks (`experiments/match_tracks.py`): rms by video from 0.6 to 1.6 pixels of the 256
crop (median 1.1), higher where the head moves more; neighbours correlated 0.93, any two points 0.63 in x and 0.38 in y;
the level of a frame wanders by some 0.3 in the logarithm and is remembered for about seven frames; kurtosis 6 in the
median video and 13 in one of ten, where single points flicker; 1 point in 1000 thrown far away and 15 frames in 1000
lost, both in runs. A residual says nothing about errors slower than half a second, so the noise has none, but for a
bias by pose: half of what a regression of the errors of published predictions on single images of 300W on their pose
gives, where the faces differ too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Bool, Float
from scipy.signal import savgol_coeffs

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.random_draws import Key, RandomDraws, random_block

Number = float | Float[Array, ""]

_QUIET = {
    "jaw": (0, 17, 1.0),
    "brow": (17, 27, 0.95),
    "nose": (27, 36, 0.95),
    "eye": (36, 48, 0.95),
    "mouth": (48, 68, 1.05),
}
"""Landmarks from, to, and their noise relative to the mean."""

_AXES = (1.05, 0.95)
"""Noise along x and y, relative."""

_SPELL_MEMORY = 0.87
"""Correlation of the log level of the noise from one frame to the next."""

_FLICKER_SIZE, _FLICKER_MEMORY = 6.0, 0.5
"""How much louder a flickering point is; how long it stays so (correlation from frame to frame)."""

_THROW, _THROW_FRAMES = 45.0, 2.4
"""Mean distance of thrown points, pixels, and mean frames of a throw."""

_MISSING_FRAMES = 5.7
"""Mean frames of a drop-out."""

_BIAS_JAW, _BIAS_REST = 1.7, 0.6
"""Bias by pose of the points of the jaw and of the others, relative."""


class DetectorNoise(NamedTuple):
    """An observation model.

    Attributes:
        level: rms error of a coordinate, pixels of the crop, without what follows from `flicker` on.
        memory: correlation of the noise from one frame to the next, in [0, 1), before what is slow is taken off.
        slow: how much of what a zero-phase smoothing of 13 frames keeps of the noise is left in it: 1 is plain noise
            with a memory; 0 is what the residuals of real tracks show, whose slower errors count as motion.
        shared: share of the variance that all points share (x, y).
        near: share that neighbours share, over about a third of the inter-ocular distance (x, y).
        spells: standard deviation of the logarithm of the level over time.
        flicker: share of the points that are several times as noisy, neighbours together, for a few frames.
        bias: rms error by pose: pixels for each tenth of an inter-ocular distance that the nose moves against the
            eyes, or of a radian of roll, from their means.
        lost: share of the points that are thrown far away, for a few frames.
        missing: share of the frames that have no observation at all, some in a row.
    """

    level: Number = 1.0
    memory: Number = 0.45
    slow: Number = 0.0
    shared: tuple[float, float] = (0.56, 0.28)
    near: tuple[float, float] = (0.42, 0.70)
    spells: Number = 0.3
    flicker: Number = 0.0
    bias: Number = 0.0
    lost: Number = 0.0
    missing: Number = 0.0

    @staticmethod
    def draw(key: Key, liveliness: Number = 1.0) -> "DetectorNoise":
        """A model as videos differ: louder where the head moves more, with flicker in some, drop-outs in a third.

        Throws stay off: most detectors have none, and in a squared loss nothing else would count. The published
        predictions have `lost` = 0.001.
        """
        return random_block(key, lambda dice: DetectorNoise._draw(dice, liveliness))

    @staticmethod
    def _draw(dice: RandomDraws, liveliness: Number) -> "DetectorNoise":
        spread = jnp.exp(0.35 * jnp.clip(dice.normal(), -2, 1))
        flicker = 0.001 * jnp.exp(dice.normal(1.5, limit=2.0))
        drops = dice.chance(1 / 3)
        return DetectorNoise(level=0.88 * liveliness**0.65 * spread, flicker=flicker, bias=0.1, missing=0.015 * drops)


def observe(key: Key, truth: Float[Array, "t 68 2"], noise: DetectorNoise) -> Float[Array, "t 68 2"]:
    """What the detector reports for the truth (pixels of the 256 crop); NaN where it reports nothing."""
    return random_block(key, lambda dice: _observe(dice, truth, noise))


def _observe(dice: RandomDraws, truth: Float[Array, "t 68 2"], noise: DetectorNoise) -> Float[Array, "t 68 2"]:
    frames = truth.shape[0]
    pattern = _pattern(dice, frames, noise.memory, noise.slow)
    mixing = jnp.stack([_mixing(noise.shared[i], noise.near[i]) for i in range(2)])
    error = jnp.einsum("cmn,tnc->tmc", mixing, pattern, precision=Precision.HIGHEST)
    spell = jnp.exp(noise.spells * _remembered(dice, frames, (1, 1), _SPELL_MEMORY) - noise.spells**2)
    loud = jnp.where(_flickering(dice, frames, noise.flicker), _FLICKER_SIZE, 1.0)[..., None]
    size = noise.level * _regions()[None, :, None] * jnp.array(_AXES)[None, None]
    observed = truth + size * spell * loud * error + noise.bias * _bias(dice, truth)

    lost = _stretches(dice, frames, 68, noise.lost, _THROW_FRAMES)[..., None]
    # The length of a normal vector in the plane has mean sqrt(pi / 2).
    far = _THROW / jnp.sqrt(jnp.pi / 2) * dice.normal(shape=truth.shape, limit=jnp.inf)
    observed = jnp.where(lost, observed + far, observed)
    missing = _stretches(dice, frames, 1, noise.missing, _MISSING_FRAMES)[..., None]
    return jnp.where(missing, jnp.nan, observed)


def _pattern(dice: RandomDraws, frames: int, memory: Number, slow: Number) -> Float[Array, "t 68 2"]:
    """Noise of variance 1 that is remembered, less what a smoothing keeps of it."""
    taps = jnp.asarray(-savgol_coeffs(13, 2), jnp.float32) * (1 - slow)
    taps = taps.at[6].add(1.0)
    noise = _remembered(dice, frames + 12, (68, 2), memory)
    fast = sum(taps[k] * noise[k : k + frames] for k in range(13))
    apart = jnp.abs(jnp.arange(13)[:, None] - jnp.arange(13)[None])
    variance = (taps[:, None] * taps[None] * jnp.asarray(memory, jnp.float32) ** apart).sum()
    return fast / jnp.sqrt(variance)


def _remembered(dice: RandomDraws, frames: int, shape: tuple[int, ...], memory: Number) -> Float[Array, "t *shape"]:
    """First-order autoregression of variance 1."""
    start, draws = dice.normal(shape=shape, limit=jnp.inf), dice.normal(shape=(frames, *shape), limit=jnp.inf)
    fresh = jnp.sqrt(1 - jnp.asarray(memory, jnp.float32) ** 2) * draws

    def step(last: Array, new: Array) -> tuple[Array, Array]:
        now = memory * last + new
        return now, now

    return jax.lax.scan(step, start, fresh)[1]


def _stretches(dice: RandomDraws, frames: int, size: int, share: Number, length: float) -> Bool[Array, "t size"]:
    """True for `share` of the frames, `length` frames in a row on average: a chain of two states, each on its own."""
    share = jnp.asarray(share, jnp.float32)
    begin, end = share / (length * jnp.maximum(1 - share, 1e-6)), 1 / length

    def step(on: Array, draw: Array) -> tuple[Array, Array]:
        now = jnp.where(on, draw >= end, draw < begin)
        return now, now

    start, draws = dice.uniform(shape=(size,)) < share, dice.uniform(shape=(frames, size))
    return jax.lax.scan(step, start, draws)[1]


def _flickering(dice: RandomDraws, frames: int, share: Number) -> Bool[Array, "t 68"]:
    """True for `share` of the points: where a field over points and time that neighbours share is extreme."""
    field = jnp.matmul(
        _remembered(dice, frames, (68,), _FLICKER_MEMORY), _mixing(0.0, 0.97).T, precision=Precision.HIGHEST
    )
    return field > -jax.scipy.special.ndtri(jnp.maximum(jnp.asarray(share, jnp.float32), 1e-12))


def _bias(dice: RandomDraws, truth: Float[Array, "t 68 2"]) -> Float[Array, "t 68 2"]:
    """Error by pose, for `bias` = 1: smooth patterns over the points, times yaw, pitch and roll off their means."""
    left, right, nose = truth[:, 36], truth[:, 45], truth[:, 30]
    across = right - left
    apart = jnp.linalg.norm(across, axis=-1)
    seen = (nose - (left + right) / 2) / apart[:, None]
    roll = jnp.arctan2(across[:, 1], across[:, 0])
    pose = 10 * jnp.concatenate([seen, roll[:, None]], axis=1)
    pose = pose - pose.mean(axis=0, keepdims=True)
    size = jnp.where(jnp.arange(68) < 17, _BIAS_JAW, _BIAS_REST)
    drawn = dice.normal(shape=(3, 2, 68), limit=jnp.inf)
    patterns = size[None, None] * jnp.einsum("mn,pcn->pcm", _mixing(0.1, 0.85), drawn, precision=Precision.HIGHEST)
    return jnp.einsum("tp,pcm->tmc", pose, patterns, precision=Precision.HIGHEST)


def _mixing(shared: float, near: float) -> Float[Array, "68 68"]:
    """Square root of the correlation over points: shared + near exp(-d^2 / 2 l^2) + the rest alone."""
    points = np.asarray(anatomy.MEAN)[:68, :2]
    square = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    correlation = shared + near * np.exp(-square / (2 * 0.4**2)) + (1 - shared - near) * np.eye(68)
    return jnp.asarray(np.linalg.cholesky(correlation), jnp.float32)


def _regions() -> Float[Array, " 68"]:
    return jnp.concatenate([jnp.full(stop - start, size) for start, stop, size in _QUIET.values()])
