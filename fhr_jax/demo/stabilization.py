"""Raw against stabilized landmarks: synthetic clips through a network, fitted stabilizers, and the classical filters.

As in the paper's evaluation on 300-VW, every frame is cropped around its true landmarks. Tracks are in pixels of a
256 px crop of the clip's first frame, the unit for which the paper's loss weights are meant. Loss and delay are taken
without the constant error of each landmark in a clip, because no filter can change it; NRMSE includes it.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from fhr_jax import augment, geometry, metrics, pipeline, stabilizer
from fhr_jax.benchmark import baselines, compare_fits
from fhr_jax.benchmark.scores import Score, score
from fhr_jax.data import examples, faces
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.weights import Net

CROP = 256.0
NOISE, QUALITY = 0.02, 60.0
"""Camera: standard deviation of the noise of each frame (intensities in [0, 1]), and JPEG quality."""

FILTERS = (
    baselines.MOVING_AVERAGE._replace(choices=tuple({"n": n} for n in (2, 3, 4, 5))),
    baselines.FIRST_ORDER,
    baselines.SECOND_ORDER,
    baselines.CONSTANT_SPEED,
    baselines.ONE_EURO,
)
"""The baselines of Fig. 6, and One Euro."""

ARGMAX, RAW, DEFAULT = "argmax, raw", "fractional, raw", "stabilizer, default parameters"
"""Methods besides the filters and the fitted stabilizers."""


class TrackedClips(NamedTuple):
    """Clips as landmarks (N, T, 68, 2), (x, y) in pixels of the 256 px crop.

    Attributes:
        truth: exact landmarks.
        observed: predictions of the network with the fractional decoder.
        argmax: predictions of the network with the conventional decoder.
    """

    truth: Float[np.ndarray, "n t 68 2"]
    observed: Float[np.ndarray, "n t 68 2"]
    argmax: Float[np.ndarray, "n t 68 2"]


class StabilizerComparison(NamedTuple):
    """Results on the held-out clips.

    Attributes:
        rows: method to its scores.
        fits: optimizer to the fitted stabilizer, on the training clips.
        tracks: method to its output (N, T, 68, 2), pixels of the 256 px crop.
        settings: filter to its best settings on the training clips.
    """

    rows: dict[str, Score]
    fits: dict[str, stabilizer.Fit]
    tracks: dict[str, Float[np.ndarray, "n t 68 2"]]
    settings: dict[str, dict[str, float | int]]


def track_clips(
    key: PRNGKeyArray, net: Net, *, clips: int, frames: int, progress: ProgressCallback = silent
) -> TrackedClips:
    """Render clips and predict the landmarks of each frame on its own.

    Args:
        key: of the clips and the camera noise.
        net: the network.
        clips: N, how many clips.
        frames: T, of each clip.
        progress: called after every clip.

    Returns:
        Tracks of shape (N, T, 68, 2).
    """
    size = net.config.crop
    truth, observed, argmax = [], [], []
    for i in range(clips):
        clip_key, noise_key = jax.random.split(jax.random.fold_in(key, i))
        clip = _sample_clip(clip_key, frames)
        images = examples.render_in_batches(clip.filled, size=size).image
        images = _camera(jax.random.split(noise_key, frames), images)
        side = clip.side[0]
        truth.append(np.asarray(CROP * clip.points / side))
        for tracks, decoder in ((observed, "fractional"), (argmax, "argmax")):
            points = pipeline.predict_all(net, images, decoder=decoder).points
            # From crop pixels to fractions of the frame: half-pixel rule, then the square of the crop.
            fraction = geometry.to_fractions(points, size) - 0.5
            tracks.append(np.asarray(CROP * (clip.centre[:, None] + clip.side[:, None, None] * fraction) / side))
        progress(Progress(i + 1, clips))
    return TrackedClips(np.stack(truth), np.stack(observed), np.stack(argmax))


def tune(videos: stabilizer.Videos) -> dict[str, dict[str, float | int]]:
    """For each filter of `FILTERS` the settings with the lowest stabilization loss on these videos (N, T, 68, 2)."""
    return {baseline.name: baselines.tune(baseline, videos, starts=1, evaluations=60).settings for baseline in FILTERS}


def compare(
    clips: TrackedClips, *, train: int, seconds: float, progress: ProgressCallback = silent
) -> StabilizerComparison:
    """Fit stabilizers and tune filters on the first `train` clips, and score them on the others.

    Args:
        clips: from `track_clips`.
        train: number of training clips.
        seconds: for each fit.
        progress: called during the fits, see `compare_fits.compare_fits`.
    """
    videos = _without_bias(clips.observed, clips.truth)
    training = jax.tree.map(lambda array: array[:train], videos)
    fits = compare_fits.compare_fits(training, seconds=seconds, progress=progress)
    settings = tune(training)
    observed = jnp.asarray(clips.observed)[train:]
    tracks = {ARGMAX: jnp.asarray(clips.argmax)[train:], RAW: observed}
    for baseline in FILTERS:
        tracks[baseline.name] = baselines.smooth(baseline, settings[baseline.name], observed)
    params = {DEFAULT: stabilizer.default_params()} | {_fitted(name): fit.params for name, fit in fits.items()}
    tracks |= {name: stabilizer.run(one, observed) for name, one in params.items()}
    rows = {name: score_tracks(track, jnp.asarray(clips.truth)[train:]) for name, track in tracks.items()}
    return StabilizerComparison(rows, fits, {name: np.asarray(track) for name, track in tracks.items()}, settings)


def score_tracks(tracks: Float[Array, "n t 68 2"], truth: Float[Array, "n t 68 2"]) -> Score:
    """Scores of tracks (N, T, 68, 2), crop pixels, without their constant error; only the NRMSE includes it."""
    videos = _without_bias(tracks, truth)
    return score(videos.observed, videos)._replace(nrmse=float(metrics.nrmse(tracks, truth).mean()))


def best_fit(comparison: StabilizerComparison) -> str:
    """Name of the fitted stabilizer with the lowest loss on the held-out clips."""
    return min(map(_fitted, comparison.fits), key=lambda name: comparison.rows[name].loss)


def histories(fits: dict[str, stabilizer.Fit]) -> dict[str, Any]:
    """Loss against seconds and evaluations of every fit, as a dictionary that JSON can hold."""
    return {name: {**fit.history._asdict(), "compile_seconds": fit.compile_seconds} for name, fit in fits.items()}


def _fitted(name: str) -> str:
    """Name of the stabilizer that an optimizer fitted."""
    return f"stabilizer, {name}"


class _Clip(NamedTuple):
    """A clip whose frames are filled by the face, and where these squares lie, in fractions of the clip's own frame."""

    filled: faces.SyntheticFace
    points: Float[Array, "t 68 2"]
    centre: Float[Array, "t 2"]
    side: Float[Array, " t"]


@partial(jax.jit, static_argnums=1)
def _sample_clip(key: PRNGKeyArray, frames: int) -> _Clip:
    clip = faces.clip(key, frames)
    points = jax.vmap(faces.landmarks)(clip)
    centre, side = jax.vmap(geometry.landmark_square)(points)
    return _Clip(jax.vmap(faces.fill)(clip), points, centre, side)


@jax.jit
def _camera(keys: Key[Array, " t"], images: Float[Array, "t s s 3"]) -> Float[Array, "t s s 3"]:
    def one(key: PRNGKeyArray, image: Array) -> Array:
        noisy = image + NOISE * jax.random.normal(key, image.shape)
        return jnp.clip(augment.jpeg(noisy, quality=QUALITY), 0, 1)

    return jax.vmap(one)(keys, images)


def _without_bias(tracks: Any, truth: Any) -> stabilizer.Videos:
    """Videos of tracks (N, T, M, 2) without the constant error of each landmark."""
    centred = [stabilizer.without_bias(z, p) for z, p in zip(np.asarray(tracks), np.asarray(truth), strict=True)]
    return stabilizer.as_videos(jnp.asarray(np.stack(centred)), jnp.asarray(truth))
