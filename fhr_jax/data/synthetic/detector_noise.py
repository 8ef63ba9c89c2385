"""A model of the errors of a landmark detector: correlated noise, level modulation, outliers, drop-outs, pose bias.

The constants are rounded from published predictions on 300-VW. Residuals of these against their zero-phase smoothing
were compared with those of synthetic tracks (`experiments/match_tracks.py`):

* rms by video from 0.6 to 1.6 pixels of the 256 crop (median 1.1), higher where the head moves more;
* correlation 0.93 between neighbours, 0.63 in x and 0.38 in y between any two points;
* the log level of a frame varies with a standard deviation of about 0.3, and is correlated over about seven frames;
* kurtosis 6 in the median video and 13 in one of ten, where single points flicker;
* 1 point in 1000 is an outlier far away and 15 frames in 1000 have no face, both in runs.

Residuals do not show errors slower than half a second, so the noise has none, except a bias by pose. Its size is half
of what a regression of the errors of published predictions for 300W on pose gives; there the faces differ too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.random_draws import Key, RandomDraws, random_block
from fhr_jax.data.synthetic.random_processes import autoregression, runs

Number = float | Float[Array, ""]

_REGION_LEVELS = {
    "jaw": (0, 17, 1.0),
    "brow": (17, 27, 0.95),
    "nose": (27, 36, 0.95),
    "eye": (36, 48, 0.95),
    "mouth": (48, 68, 1.05),
}
"""First landmark, end, and noise relative to the mean."""

_AXES = (1.05, 0.95)
"""Noise along x and y, relative to the mean."""

_LEVEL_AUTOCORRELATION = 0.87
"""Correlation of the log level of the noise from one frame to the next."""

_FLICKER_GAIN, _FLICKER_AUTOCORRELATION = 6.0, 0.5
"""Noise of a flickering point relative to others, and correlation of the flicker from one frame to the next."""

_OUTLIER_DISTANCE, _OUTLIER_FRAMES = 45.0, 2.4
"""Mean distance of outliers in pixels, and mean number of frames in a row."""

_DROPOUT_FRAMES = 5.7
"""Mean number of frames of a drop-out."""

_BIAS_JAW, _BIAS_REST = 1.7, 0.6
"""Bias by pose of jaw points and of others, relative."""


class DetectorNoise(NamedTuple):
    """The settings of the model.

    Attributes:
        level: rms error of a coordinate in pixels of the crop, without flicker, bias, outliers and drop-outs.
        autocorrelation: correlation of the noise from one frame to the next, in [0, 1), before the slow part is
            removed.
        slow_share: how much remains of the slow part of the noise, which is what a zero-phase smoothing over 13 frames
            keeps. 1 is a first-order autoregression; 0 matches residuals of real tracks, in which slow errors count
            as motion.
        common_share: share of the variance that all points have in common (x, y).
        neighbour_share: share of the variance that neighbours have in common, over about a third of the inter-ocular
            distance (x, y).
        level_modulation: standard deviation of the logarithm of the level over time.
        flicker_rate: share of the points that are several times as noisy for a few frames, together with neighbours.
        pose_bias: rms error by pose: pixels for each tenth of an inter-ocular distance by which the nose moves against
            the eyes, or tenth of a radian of roll, relative to their means.
        outlier_rate: share of the points that lie far away for a few frames.
        dropout_rate: share of the frames without any observation, some in a row.
    """

    level: Number = 1.0
    autocorrelation: Number = 0.45
    slow_share: Number = 0.0
    common_share: tuple[float, float] = (0.56, 0.28)
    neighbour_share: tuple[float, float] = (0.42, 0.70)
    level_modulation: Number = 0.3
    flicker_rate: Number = 0.0
    pose_bias: Number = 0.0
    outlier_rate: Number = 0.0
    dropout_rate: Number = 0.0

    @staticmethod
    def draw(key: Key, *, liveliness: Number = 1.0) -> "DetectorNoise":
        """Random settings that vary as between videos: noisier where the head moves more, drop-outs in a third of them.

        Outliers stay off: most detectors have none, and they would dominate a squared loss. The published predictions
        have an `outlier_rate` of 0.001.

        Args:
            key: random key, () or (2,).
            liveliness: amount of motion of the head, ().
        """
        return random_block(key, lambda draws: DetectorNoise._draw(draws, liveliness))

    @staticmethod
    def _draw(draws: RandomDraws, liveliness: Number) -> "DetectorNoise":
        variation = jnp.exp(0.35 * jnp.clip(draws.normal(), -2, 1))
        flicker = 0.001 * jnp.exp(draws.normal(1.5, limit=2.0))
        dropouts = draws.chance(1 / 3)
        level = 0.88 * liveliness**0.65 * variation
        return DetectorNoise(level=level, flicker_rate=flicker, pose_bias=0.1, dropout_rate=0.015 * dropouts)


def observe(key: Key, truth: Float[Array, "t 68 2"], noise: DetectorNoise) -> Float[Array, "t 68 2"]:
    """What a detector reports.

    Args:
        key: random key, () or (2,).
        truth: landmarks (T, 68, 2) in pixels (x, y) of the 256 crop.
        noise: the model.

    Returns:
        Landmarks (T, 68, 2) in the same pixels; NaN where the detector reports nothing.
    """
    return random_block(key, lambda draws: _observe(draws, truth, noise))


def _observe(draws: RandomDraws, truth: Float[Array, "t 68 2"], noise: DetectorNoise) -> Float[Array, "t 68 2"]:
    frames = truth.shape[0]
    pattern = _pattern(draws, frames, noise.autocorrelation, noise.slow_share)
    mixing = jnp.stack([_mixing(noise.common_share[i], noise.neighbour_share[i]) for i in range(2)])
    error = jnp.einsum("cmn,tnc->tmc", mixing, pattern, precision=Precision.HIGHEST)
    log_level = autoregression(draws, frames, (1, 1), _LEVEL_AUTOCORRELATION)
    modulation = jnp.exp(noise.level_modulation * log_level - noise.level_modulation**2)
    gain = jnp.where(_flickering(draws, frames, noise.flicker_rate), _FLICKER_GAIN, 1.0)[..., None]
    size = noise.level * _regions()[None, :, None] * jnp.array(_AXES)[None, None]
    observed = truth + size * modulation * gain * error + noise.pose_bias * _bias(draws, truth)

    outlier = runs(draws, frames, 68, noise.outlier_rate, _OUTLIER_FRAMES)[..., None]
    # The length of a standard normal vector in the plane has mean sqrt(pi / 2).
    far = _OUTLIER_DISTANCE / jnp.sqrt(jnp.pi / 2) * draws.normal(shape=truth.shape, limit=jnp.inf)
    observed = jnp.where(outlier, observed + far, observed)
    missing = runs(draws, frames, 1, noise.dropout_rate, _DROPOUT_FRAMES)[..., None]
    return jnp.where(missing, jnp.nan, observed)


def _pattern(draws: RandomDraws, frames: int, autocorrelation: Number, slow_share: Number) -> Float[Array, "t 68 2"]:
    """Autocorrelated noise of variance 1, without `1 - slow_share` of its slow part."""
    from scipy.signal import savgol_coeffs

    taps = jnp.asarray(-savgol_coeffs(13, 2), jnp.float32) * (1 - slow_share)
    taps = taps.at[6].add(1.0)
    noise = autoregression(draws, frames + 12, (68, 2), autocorrelation)
    fast = sum(taps[k] * noise[k : k + frames] for k in range(13))
    apart = jnp.abs(jnp.arange(13)[:, None] - jnp.arange(13)[None])
    variance = (taps[:, None] * taps[None] * jnp.asarray(autocorrelation, jnp.float32) ** apart).sum()
    return fast / jnp.sqrt(variance)


def _flickering(draws: RandomDraws, frames: int, share: Number) -> Bool[Array, "t 68"]:
    """True for `share` of the points: where a random field, smooth over points and time, is extreme."""
    field = jnp.matmul(
        autoregression(draws, frames, (68,), _FLICKER_AUTOCORRELATION),
        _mixing(0.0, 0.97).T,
        precision=Precision.HIGHEST,
    )
    return field > -jax.scipy.special.ndtri(jnp.maximum(jnp.asarray(share, jnp.float32), 1e-12))


def _bias(draws: RandomDraws, truth: Float[Array, "t 68 2"]) -> Float[Array, "t 68 2"]:
    """Error for `pose_bias` = 1: smooth patterns over the points, times yaw, pitch and roll relative to their means."""
    left, right, nose = truth[:, 36], truth[:, 45], truth[:, 30]
    across = right - left
    apart = jnp.linalg.norm(across, axis=-1)
    nose_offset = (nose - (left + right) / 2) / apart[:, None]
    roll = jnp.arctan2(across[:, 1], across[:, 0])
    pose = 10 * jnp.concatenate([nose_offset, roll[:, None]], axis=1)
    pose = pose - pose.mean(axis=0, keepdims=True)
    size = jnp.where(jnp.arange(68) < 17, _BIAS_JAW, _BIAS_REST)
    coefficients = draws.normal(shape=(3, 2, 68), limit=jnp.inf)
    patterns = size[None, None] * jnp.einsum(
        "mn,pcn->pcm", _mixing(0.1, 0.85), coefficients, precision=Precision.HIGHEST
    )
    return jnp.einsum("tp,pcm->tmc", pose, patterns, precision=Precision.HIGHEST)


def _mixing(common: float, neighbours: float) -> Float[Array, "68 68"]:
    """Cholesky factor of the correlation over points: common + neighbours exp(-d^2 / 2 l^2), the rest independent."""
    points = np.asarray(anatomy.MEAN)[:68, :2]
    square = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    correlation = common + neighbours * np.exp(-square / (2 * 0.4**2)) + (1 - common - neighbours) * np.eye(68)
    return jnp.asarray(np.linalg.cholesky(correlation), jnp.float32)


def _regions() -> Float[Array, " 68"]:
    return jnp.concatenate([jnp.full(stop - start, size) for start, stop, size in _REGION_LEVELS.values()])
