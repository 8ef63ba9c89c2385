"""One motion seen by cameras of different rates: rms error and delay of a filter at each.

The motion is that of a synthetic head (`data.faces.motion`), a function of the time. A detector has the same noise in
every frame, whatever the rate; so a faster camera has more observations of the same motion.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import filters, metrics
from fhr_jax.benchmark.baselines import ONE_EURO, BaselineFilter, causal
from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.motion import Clock, move_at
from fhr_jax.data.faces.random_draws import Key, RandomDraws, random_block
from fhr_jax.data.synthetic import tracks
from fhr_jax.data.synthetic.detector_noise import DetectorNoise, observe
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import Videos, as_videos

LATEST = 0.2
"""Seconds: the largest delay that is measured."""

RateFilter = Callable[[Float[Array, "n t m 2"], float], Float[Array | np.ndarray, "n t m 2"]]
"""Tracks (N, T, M, 2) in pixels and frames a second to filtered tracks."""


class RateScore(NamedTuple):
    """Of one filter at one rate.

    Attributes:
        rms: error of a coordinate, pixels.
        delay: milliseconds, the mean over the videos; positive is late.
    """

    rms: float
    delay: float


def videos_at(
    key: Key,
    rate: float,
    *,
    number: int = 8,
    seconds: float = 10.0,
    liveliness: float = 1.0,
    noise: DetectorNoise | None = None,
) -> Videos:
    """Videos of heads, (N, T, 68, 2) in pixels of the 256 crop of the first frame; all rates see the same motion.

    Args:
        key: random key.
        rate: frames a second.
        number: of videos N.
        seconds: length of each.
        liveliness: amount of motion; 1 is typical.
        noise: the detector; None is independent noise of 1 pixel.

    Raises:
        InputError: there is no video, or a rate or length that gives fewer than 3 frames.
    """
    frames = round(seconds * rate)
    if number < 1 or frames < 3:
        raise InputError(f"number: {number}, frames: {frames}, expected at least 1 and 3")
    motion_keys, noise_keys = (jax.random.split(k, number) for k in jax.random.split(key))
    truth = jax.jit(jax.vmap(partial(_heads, rate=rate, seconds=seconds, liveliness=liveliness)))(motion_keys)
    if noise is None:
        observed = truth + jax.random.normal(jax.random.fold_in(key, frames), truth.shape)
    else:
        observed = jax.jit(jax.vmap(lambda k, p: observe(k, p, noise)))(noise_keys, truth)
    return as_videos(observed, truth)


def compare(
    filters: Mapping[str, RateFilter], videos: Mapping[float, Videos], *, skip: float = 0.5
) -> dict[str, dict[float, RateScore]]:
    """Scores by filter and rate.

    Args:
        filters: by name.
        videos: (N, T, M, 2) in pixels, by rate in frames a second.
        skip: seconds at the beginning of each video that are not scored.
    """
    return {
        name: {rate: score(filter(some.observed, rate), some, rate, skip=skip) for rate, some in videos.items()}
        for name, filter in filters.items()
    }


def score(output: Float[Array | np.ndarray, "n t m 2"], videos: Videos, rate: float, *, skip: float = 0.5) -> RateScore:
    """Rms error and delay of an output.

    Args:
        output: (N, T, M, 2) in pixels.
        videos: their truth and mask.
        rate: frames a second.
        skip: seconds at the beginning that are not scored.
    """
    mask = np.asarray(videos.mask) & (np.arange(videos.mask.shape[1]) >= skip * rate)[None]
    errors = (np.asarray(output, np.float64) - np.asarray(videos.truth, np.float64))[mask]
    longest = max(1, round(LATEST * rate))
    frames = metrics.delay(jnp.asarray(output), videos.truth, mask=jnp.asarray(mask), max_shift=longest)
    return RateScore(float(np.sqrt((errors**2).mean())), 1000 / rate * float(jnp.nanmean(frames)))


def one_euro_at(rate: float) -> BaselineFilter:
    """One Euro for a camera of `rate` frames a second, to be tuned."""
    return ONE_EURO._replace(build=causal(partial(filters.one_euro, rate=rate)))


def falls(scores: Sequence[float]) -> bool:
    """Whether the numbers fall from each to the next."""
    return all(later < earlier for earlier, later in pairwise(scores))


def _heads(key: Key, *, rate: float, seconds: float, liveliness: float) -> Float[Array, "t 68 2"]:
    clock = Clock(jnp.arange(round(seconds * rate)) / rate, seconds)

    def person(draws: RandomDraws) -> Float[Array, "t 68 2"]:
        identity = draws.normal(0.8, shape=(len(anatomy.IDENTITY),))
        return tracks.project(identity, move_at(draws, clock, clock, jnp.asarray(liveliness, jnp.float32)))

    return tracks.crop(random_block(key, person), follow=0.0)
