"""Tracks of real detectors as videos with a truth, and how much better than One Euro a filter is on them.

A file DETECTOR.CLIP.npz holds `landmarks` (T, M, 2), as a detector found them in each frame. It is scaled so that its
face has the size that it has in the 256 crop, and separated into motion and noise as in `protocol`. Each ordered pair
of clips of one detector gives a video: the motion of the one with the noise of the other.

One Euro is tuned on the very videos that are scored, so it has an advantage over any filter that is not.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import geometry, npz
from fhr_jax.benchmark import baselines, protocol
from fhr_jax.benchmark.baselines import BaselineFilter
from fhr_jax.benchmark.protocol import TrackPair, TrackSource
from fhr_jax.data.synthetic import tracks
from fhr_jax.errors import InputError
from fhr_jax.losses import stabilization
from fhr_jax.stabilizer import Videos

BatchFilter = Callable[[Float[Array, "n t m d"]], Float[Array | np.ndarray, "n t m d"]]
"""Tracks to filtered tracks, both (N, T, M, d) in pixels of the 256 crop; causal or not."""


class DetectorLosses(NamedTuple):
    """Losses of Eq. 11 on the videos of one detector, px^2.

    Attributes:
        raw: of the observations.
        filters: of each filter, by name.
        one_setting: of One Euro with the setting that is best for all detectors together.
        tuned: of One Euro tuned for this detector.
        settings: of that tuned One Euro, by name.
    """

    raw: float
    filters: dict[str, float]
    one_setting: float
    tuned: float
    settings: dict[str, float | int]


def in_crop_pixels(track: Float[np.ndarray, "t m 2"]) -> Float[np.ndarray, "t m 2"]:
    """Scale a track (T, M, 2) in any unit so that 1.3 times the median side of its box is 256 pixels.

    Raises:
        InputError: no frame is complete, or all points lie in one place.
    """
    track = np.asarray(track, np.float64)
    complete = track[np.isfinite(track).all(axis=(1, 2))]
    side = float(np.median(geometry.box_of(complete)[:, 2:].max(axis=-1))) if len(complete) else 0.0
    if not side > 0:
        raise InputError("track: no complete frame whose points are apart, expected one")
    return track * (tracks.CROP / (geometry.CROP_SCALE * side))


def read_detector(folder: Path, detector: str) -> list[TrackSource]:
    """The clips that a detector was run on, from the files DETECTOR.CLIP.npz of a folder.

    Raises:
        InputError: there are fewer than two, or a file is not as expected.
    """
    files = sorted(folder.glob(f"{detector}.*.npz"))
    if len(files) < 2:
        raise InputError(f"{folder}: {len(files)} files {detector}.CLIP.npz, expected at least two clips")
    sources = []
    for file in files:
        found = npz.read(file).get("landmarks")
        if found is None or found.ndim != 3 or found.shape[-1] != 2:
            raise InputError(f"{file}: no array landmarks of shape (T, M, 2), expected one")
        track = in_crop_pixels(found)
        motion, good = protocol.smooth_motion(track, np.asarray(np.isfinite(track).all(axis=(1, 2))))
        sources.append(TrackSource(file.stem, detector, track, motion, good, (track - motion)[good]))
    return sources


def transplant(sources: Sequence[TrackSource], *, frames: int | None = None) -> list[TrackPair]:
    """The motion of each clip with the noise of each other clip, (T, M, 2); noise that is too short is repeated.

    Args:
        sources: clips of one detector.
        frames: at most so many of each video, from its beginning; None uses all.
    """
    pairs = []
    for motion, noise in permutations(sources, 2):
        truth = motion.truth[:frames].astype(np.float32)
        assert noise.residual is not None
        error = noise.residual[np.arange(len(truth)) % len(noise.residual)].astype(np.float32)
        pairs.append(TrackPair(truth + error, truth, motion.mask[:frames], motion.name, noise.name))
    return pairs


def compare(
    filters: Mapping[str, BatchFilter],
    detectors: Mapping[str, Videos],
    *,
    apart: Mapping[str, Videos] | None = None,
    baseline: BaselineFilter = baselines.ONE_EURO,
    evaluations: int = 60,
) -> tuple[dict[str, DetectorLosses], dict[str, float | int]]:
    """Losses of filters, and of One Euro with one setting for all detectors and with one for each.

    Args:
        filters: by name.
        detectors: the videos (N, T, M, 2) of each, in pixels of the crop.
        apart: more videos, on which the one setting is scored but not tuned.
        baseline: another filter in place of One Euro, searched on a coarse grid.
        evaluations: see `baselines.tune`.

    Returns:
        The losses by detector, and the one setting.
    """
    baseline = baselines.coarser(baseline)
    shared = baselines.tune_for_all(baseline, list(detectors.values()), evaluations=evaluations).settings
    found = {}
    for name, videos in {**detectors, **(apart or {})}.items():
        own = baselines.tune(baseline, videos, evaluations=evaluations)
        found[name] = DetectorLosses(
            raw=loss_of(lambda observed: observed, videos),
            filters={key: loss_of(filter, videos) for key, filter in filters.items()},
            one_setting=loss_of(lambda observed: baselines.smooth(baseline, shared, observed), videos),
            tuned=own.loss,
            settings=own.settings,
        )
    return found, shared


def loss_of(filter: BatchFilter, videos: Videos) -> float:
    """The loss of a filter, px^2, on videos (N, T, M, d) in pixels of the crop."""
    output = jnp.asarray(filter(videos.observed))
    return float(stabilization(output, videos.truth, mask=videos.mask).total)


def geometric_means(found: Mapping[str, DetectorLosses], filter: str) -> tuple[float, float]:
    """Geometric means over detectors of a filter's loss over that of One Euro: of one setting, and tuned for each."""
    ratios = np.array(
        [[one.filters[filter] / one.one_setting, one.filters[filter] / one.tuned] for one in found.values()]
    )
    first, second = np.exp(np.log(ratios).mean(axis=0)).tolist()
    return first, second
