"""Errors of any landmark detector, for training: all settings are traced and random, for any markup.

`detector_noise` describes one detector closely. Here the level, the correlation in time and the correlation over points
vary much more than between detectors that were measured, so that a filter must find out which it has.

The error is a sum of five kinds of independent noise of the same level: what all points have in common, a scaling and a
rotation of all, a wide and a narrow smooth field over the face, and single points. The fields are sums of random waves
over the face, so they exist for any markup. In time the noise is white noise through a filter of finite length.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.data.faces.random_draws import RandomDraws
from fhr_jax.data.synthetic.random_processes import Number, runs

TAPS, WINDOW = 48, 13
"""Frames of the filter in time, and of the smoothing whose result is the slow part of the noise."""

NARROW, WIDE, WIDE_DISTANCE = 16, 6, 0.8
"""Waves of the narrow and of the wide field, and the distance of the wide one in inter-ocular distances."""

FLICKER_GAIN, FLICKER_AUTOCORRELATION = 6.0, 0.5
"""Noise of a flickering point relative to others, and correlation of the flicker from one frame to the next."""


class RandomNoise(NamedTuple):
    """The settings; the defaults are white noise of 1 pixel without any fault.

    Attributes:
        level: rms error of a coordinate in pixels of the crop, without flicker, motion, bias and faults.
        autocorrelation: correlation from one frame to the next, in [0, 0.95], before the slow part is removed: of
            what is common to all points, and of the rest.
        smoothing: of a second filter of the same kind, in [0, 0.9]: noise of a detector that smooths its output.
        slow_share: how much remains of the slow part of the noise, as in `DetectorNoise`.
        shares: of the variance: common shift, common scale and rotation, wide field, narrow field; the rest is single
            points.
        distance: over which the narrow field is correlated, in inter-ocular distances.
        spread: standard deviation of the logarithm of the level over regions and over single points.
        anisotropy: logarithm of the level in x over that in y.
        modulation: standard deviation of the logarithm of the level over time.
        modulation_autocorrelation: of that logarithm from one frame to the next.
        motion_gain: additional level in pixels for each pixel a frame of mean speed, for the first two of `shares`; a
            third of that for the others.
        flicker_rate: share of the points that are several times as noisy for a few frames, together with neighbours.
        pose_bias: rms error in pixels for each tenth of a radian of yaw, pitch and roll relative to their means.
        step: of rounded coordinates, in pixels; 0 rounds nothing.
        outlier_rate: share of the points that lie far away for a few frames.
        outlier_distance: root of half the mean square distance of outliers, in pixels.
        dropout_rate: share of the frames without any observation, some in a row.
    """

    level: Number = 1.0
    autocorrelation: tuple[Number, Number] = (0.0, 0.0)
    smoothing: Number = 0.0
    slow_share: Number = 1.0
    shares: tuple[Number, Number, Number, Number] = (0.0, 0.0, 0.0, 0.0)
    distance: Number = 0.4
    spread: tuple[Number, Number] = (0.0, 0.0)
    anisotropy: Number = 0.0
    modulation: Number = 0.0
    modulation_autocorrelation: Number = 0.87
    motion_gain: Number = 0.0
    flicker_rate: Number = 0.0
    pose_bias: Number = 0.0
    step: Number = 0.0
    outlier_rate: Number = 0.0
    outlier_distance: Number = 35.0
    dropout_rate: Number = 0.0


def draw_noise(draws: RandomDraws, *, liveliness: Number = 1.0, fps: Number = 30.0) -> RandomNoise:
    """Random settings; in half of the draws a livelier head has more noise, else nothing depends on it.

    Args:
        draws: random draws.
        liveliness: amount of motion of the head, (); 1 is typical, and it has no unit.
        fps: frames a second, (). In half of the draws the correlation is one over 1 / 30 s and not over a frame.
    """

    def between(low: float, high: float) -> Float[Array, ""]:
        return draws.uniform(low, high)

    def log_between(low: float, high: float) -> Float[Array, ""]:
        return low * (high / low) ** draws.uniform()

    def sometimes(probability: float, value: Float[Array, ""]) -> Float[Array, ""]:
        return draws.chance(probability) * value

    coupled = jnp.clip(0.88 * liveliness**0.65 * jnp.exp(draws.normal(0.35, limit=2.0)), 0.2, 3.0)
    level = jnp.where(draws.chance(0.5) > 0, coupled, log_between(0.2, 3.0))
    own = sometimes(0.85, between(0.0, 0.9))
    common = jnp.where(draws.chance(0.5) > 0, own, between(0.0, 0.9))
    frames = jnp.where(draws.chance(0.5) > 0, 30.0 / fps, 1.0)
    alone = draws.chance(0.1)
    shared = (1 - alone) * jnp.where(draws.chance(0.7) > 0, between(0.3, 0.8), between(0.0, 0.5))
    scaled = shared * between(0.0, 0.5)
    fitted = (1 - alone) * draws.chance(0.25)  # a detector that fits a model of the face: no point errs by itself
    single = jnp.where(fitted > 0, 0.0, log_between(0.003, 0.6))
    regional = (1 - alone) * (1 - shared) * (1 - single)
    wide = regional * between(0.0, 0.7)
    return RandomNoise(
        level=level,
        autocorrelation=(common**frames, own**frames),
        smoothing=sometimes(0.3, between(0.2, 0.8)),
        slow_share=jnp.where(draws.chance(0.4) > 0, 0.0, between(0.0, 1.0)),
        shares=(shared - scaled, scaled, wide, regional - wide),
        distance=jnp.where(fitted > 0, log_between(0.3, 0.9), log_between(0.15, 0.6)),
        spread=(between(0.0, 0.5), (1 - fitted) * between(0.0, 0.4)),
        anisotropy=draws.normal(0.25),
        modulation=between(0.0, 0.6) + sometimes(0.35, between(0.0, 0.5)),
        modulation_autocorrelation=1 - log_between(0.01, 0.5),
        motion_gain=sometimes(0.5, between(0.0, 0.3)),
        flicker_rate=sometimes(0.7, log_between(0.0003, 0.02)),
        pose_bias=sometimes(0.5, between(0.0, 0.2)),
        step=sometimes(0.2, log_between(0.3, 2.0)),
        outlier_rate=sometimes(0.2, log_between(0.0003, 0.01)),
        outlier_distance=log_between(12.0, 90.0),
        dropout_rate=sometimes(0.25, log_between(0.003, 0.04)),
    )


def without_faults(noise: RandomNoise) -> RandomNoise:
    """The same noise without outliers, drop-outs and bias by pose."""
    return noise._replace(outlier_rate=0.0, dropout_rate=0.0, pose_bias=0.0)


def observe_randomly(
    draws: RandomDraws,
    truth: Float[Array, "t m 2"],
    noise: RandomNoise,
    *,
    reference: Float[Array, "m 2"],
    pose: Float[Array, "t 3"],
) -> Float[Array, "t m 2"]:
    """What a detector reports.

    Args:
        draws: random draws.
        truth: landmarks (T, M, 2) in pixels (x, y) of the 256 crop.
        noise: the settings.
        reference: face coordinates of the landmarks (M, 2), in inter-ocular distances.
        pose: yaw, pitch and roll in radians (T, 3).

    Returns:
        Landmarks (T, M, 2) in the same pixels; NaN where the detector reports nothing.
    """
    frames, points = truth.shape[:2]
    narrow = field(draws, reference, noise.distance, NARROW)
    wide = field(draws, reference, WIDE_DISTANCE, WIDE)

    # Level over points and axes: mean square 1.
    log_level = _times(noise.spread[0] * draws.normal(shape=(1, wide.shape[1])), wide)
    log_level = log_level + noise.spread[1] * draws.normal(shape=(1, points))
    axes = jnp.asarray([0.5, -0.5]) * noise.anisotropy
    level = jnp.exp(log_level.T + axes[None])
    level = level / jnp.sqrt((level**2).mean())

    common, own = _error(draws, frames, noise, reference, narrow, wide)
    modulation = process(draws, frames, (1,), noise.modulation_autocorrelation)
    modulation = jnp.exp(noise.modulation * modulation - noise.modulation**2)
    speed = jnp.linalg.norm(truth[1:] - truth[:-1], axis=-1).mean(axis=1)
    speed = jnp.minimum(jnp.pad(speed, (1, 0)), 20.0)
    size = noise.level * modulation
    fast = noise.motion_gain * speed[:, None]
    error = (size + fast)[..., None] * common + (size + fast / 3)[..., None] * own

    flicker = _times(process(draws, frames, (narrow.shape[1],), FLICKER_AUTOCORRELATION), narrow)
    bound = -jax.scipy.special.ndtri(jnp.clip(jnp.asarray(noise.flicker_rate, jnp.float32), 1e-12, 0.5))
    gain = jnp.where(flicker > bound, FLICKER_GAIN, 1.0)[..., None]

    bias = _times(draws.normal(shape=(6, wide.shape[1]), limit=jnp.inf), wide).reshape(3, 2, points)
    turned = 10 * (pose - pose.mean(axis=0, keepdims=True))
    biased = jnp.einsum("tp,pcm->tmc", turned, bias, precision=Precision.HIGHEST) / jnp.sqrt(3.0)
    observed = truth + gain * level[None] * error + noise.pose_bias * biased

    step = jnp.asarray(noise.step, jnp.float32)
    grid = jnp.where(step > 0, step, 1.0)
    start = draws.uniform(0.0, 1.0, (1, 1, 2))
    observed = jnp.where(step > 0, grid * (jnp.round(observed / grid + start) - start), observed)

    outlying = runs(draws, frames, points, noise.outlier_rate, 2.4)[..., None]
    far = noise.outlier_distance * draws.normal(shape=truth.shape, limit=jnp.inf)
    observed = jnp.where(outlying, observed + far, observed)
    missing = runs(draws, frames, 1, noise.dropout_rate, 5.7)[..., None]
    return jnp.where(missing, jnp.nan, observed)


def field(
    draws: RandomDraws, reference: Float[Array, "m 2"], distance: Number, waves: int
) -> Float[Array, "m features"]:
    """Features of the points; times independent draws of variance 1 they give a smooth field of variance 1.

    Its correlation at a distance d is exp(-d^2 / 2 `distance`^2) on average over the draws.

    Args:
        draws: random draws.
        reference: face coordinates of the points (M, 2), in inter-ocular distances.
        distance: in the same unit, ().
        waves: number of waves; few of them make a rough correlation.

    Returns:
        Features (M, 2 `waves`).
    """
    frequency = draws.normal(shape=(2, waves), limit=jnp.inf) / distance
    phase = jnp.matmul(reference, frequency, precision=Precision.HIGHEST)
    return jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=1) / jnp.sqrt(jnp.asarray(waves, phase.dtype))


def process(draws: RandomDraws, frames: int, shape: tuple[int, ...], autocorrelation: Number) -> Float[Array, "t *s"]:
    """First-order autoregression of variance 1, cut after `TAPS` frames.

    Args:
        draws: random draws.
        frames: number of frames T.
        shape: of one frame.
        autocorrelation: correlation from one frame to the next, ().

    Returns:
        The process (T, *shape).
    """
    return _filter(draws, frames, shape, _kernel(autocorrelation, 0.0, 1.0))


def _error(
    draws: RandomDraws,
    frames: int,
    noise: RandomNoise,
    reference: Float[Array, "m 2"],
    narrow: Float[Array, "m f"],
    wide: Float[Array, "m w"],
) -> tuple[Float[Array, "t m 2"], Float[Array, "t m 2"]]:
    """What the points have in common, and the rest of the error; the sum has variance 1 over points and axes."""
    points, f, w = len(reference), narrow.shape[1], wide.shape[1]
    own = _kernel(noise.autocorrelation[1], noise.smoothing, noise.slow_share)
    shared = _kernel(noise.autocorrelation[0], noise.smoothing, noise.slow_share)
    common = _filter(draws, frames, (4,), shared)
    rest = _filter(draws, frames, (2 * (f + w + points),), own).reshape(frames, 2, f + w + points)
    centred = reference - reference.mean(axis=0, keepdims=True)
    centred = centred / jnp.sqrt((centred**2).sum(axis=1).mean())
    turned = jnp.stack([-centred[:, 1], centred[:, 0]], axis=1)
    size = [jnp.sqrt(jnp.maximum(jnp.asarray(s, jnp.float32), 0)) for s in (*noise.shares, 1 - sum(noise.shares))]
    similar = common[:, 2, None, None] * centred[None] + common[:, 3, None, None] * turned[None]
    by_axis = size[3] * _times(rest[..., :f], narrow) + size[2] * _times(rest[..., f : f + w], wide)
    by_axis = by_axis + size[4] * rest[..., f + w :]
    return size[0] * common[:, None, :2] + size[1] * similar, jnp.moveaxis(by_axis, 1, 2)


def _times(weights: Float[Array, "*n f"], features: Float[Array, "m f"]) -> Float[Array, "*n m"]:
    return jnp.matmul(weights, features.T, precision=Precision.HIGHEST)


def _kernel(autocorrelation: Number, smoothing: Number, slow_share: Number) -> Float[Array, " taps"]:
    """Filter of norm 1 that gives white noise the correlation in time."""
    from scipy.signal import savgol_coeffs

    lag = jnp.arange(TAPS)

    def decay(ratio: Number) -> Float[Array, " n"]:
        ratio = jnp.asarray(ratio, jnp.float32)
        return jnp.where(lag == 0, 1.0, ratio ** jnp.maximum(lag, 1))

    both = jnp.convolve(decay(autocorrelation), decay(smoothing))[:TAPS]
    fast = jnp.asarray(-savgol_coeffs(WINDOW, 2), jnp.float32) * (1 - jnp.asarray(slow_share, jnp.float32))
    kernel = jnp.convolve(both, fast.at[WINDOW // 2].add(1.0))
    return kernel / jnp.linalg.norm(kernel)


def _filter(
    draws: RandomDraws, frames: int, shape: tuple[int, ...], kernel: Float[Array, " taps"]
) -> Float[Array, "t *s"]:
    """White noise through a filter, (T, *shape)."""
    before = len(kernel) - 1
    white = draws.normal(shape=(frames + before, *shape), limit=jnp.inf)
    flat = white.reshape(frames + before, -1)
    length = 1 << (frames + 2 * before).bit_length()
    spectrum = jnp.fft.rfft(flat, length, axis=0) * jnp.fft.rfft(kernel, length)[:, None]
    return jnp.fft.irfft(spectrum, length, axis=0)[before : before + frames].reshape(frames, *shape)
