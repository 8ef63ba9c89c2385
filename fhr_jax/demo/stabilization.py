"""Raw against stabilized landmarks: synthetic clips through a network, fits, and the classical filters.

As in the paper's evaluation on 300-VW, every frame is cropped by its true landmarks. Tracks are in pixels of a 256 px
crop of the clip's first frame, the unit in which the weights of the loss are meant. The part of a clip's error that is
constant, point by point, is taken off for the loss and the delay, since no filter can change it; NRMSE keeps it.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from fhr_jax import augment, filters, geometry, losses, metrics, pipeline, stabilizer
from fhr_jax.benchmark import compare_fits
from fhr_jax.data import examples, faces
from fhr_jax.demo.regression import Progress
from fhr_jax.filters import Filter
from fhr_jax.progress import ProgressCallback, silent
from fhr_jax.weights import Net

CROP = 256.0
NOISE, QUALITY = 0.02, 60.0
"""Of the camera: standard deviation of the noise of each frame, and its JPEG quality."""

GRID: dict[str, tuple[Callable[..., Filter], dict[str, tuple[float, ...]]]] = {
    "moving average": (filters.moving_average, {"n": (2, 3, 4, 5)}),
    "first order": (filters.first_order, {"a": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)}),
    "second order": (filters.second_order, {"a": (0.3, 0.45, 0.6, 0.75), "c": (0.02, 0.05, 0.1, 0.3)}),
    "constant speed": (filters.constant_speed, {"a": (0.3, 0.45, 0.6, 0.75, 0.9)}),
    "One Euro": (
        lambda min_cutoff, beta: filters.one_euro(min_cutoff=min_cutoff, beta=beta),
        {"min_cutoff": (0.5, 1.0, 2.0, 4.0), "beta": (0.01, 0.03, 0.1, 0.3)},
    ),
}
"""The baselines of Fig. 6 and One Euro, with the settings that are tried for each."""


ARGMAX, RAW, SHIPPED = "argmax, raw", "fractional, raw", "stabilizer, as shipped"


class TrackedClips(NamedTuple):
    """Clips as landmarks.

    Attributes:
        truth: (N, T, 68, 2) pixels of the 256 px crop.
        observed: what the network finds, with the fractional decoder.
        argmax: the same with the conventional decoder.
    """

    truth: Float[np.ndarray, "n t 68 2"]
    observed: Float[np.ndarray, "n t 68 2"]
    argmax: Float[np.ndarray, "n t 68 2"]


class Row(NamedTuple):
    """One line of the table: errors in percent of the inter-ocular distance, delay in frames, loss in square pixels."""

    nrmse: float
    stability: float
    delay: float
    loss: float


class Comparison(NamedTuple):
    """What `compare` finds on the held-out clips.

    Attributes:
        rows: of the table, by method.
        fits: of the stabilizer, on the training clips.
        tracks: (N, T, 68, 2) of every method.
        settings: of the baselines, the best on the training clips.
    """

    rows: dict[str, Row]
    fits: dict[str, stabilizer.Fit]
    tracks: dict[str, Float[np.ndarray, "n t 68 2"]]
    settings: dict[str, dict[str, float | int]]


def track_clips(
    key: PRNGKeyArray, net: Net, *, clips: int, frames: int, progress: Progress | None = None
) -> TrackedClips:
    """Render clips and find the landmarks of every frame on its own."""
    size = net.config.crop
    truth, observed, argmax = [], [], []
    for i in range(clips):
        clip_key, noise_key = jax.random.split(jax.random.fold_in(key, i))
        clip = _clip(clip_key, frames)
        images = examples.render_in_batches(clip.filled, size=size).image
        images = _camera(jax.random.split(noise_key, frames), images)
        side = clip.side[0]
        truth.append(np.asarray(CROP * clip.points / side))
        for found, decoder in ((observed, "fractional"), (argmax, "argmax")):
            points = pipeline.predict_all(net, images, decoder=decoder).points
            # From crop pixels to fractions of the frame: half pixels, then the square of the crop.
            fraction = (points + 0.5) / size - 0.5
            found.append(np.asarray(CROP * (clip.centre[:, None] + clip.side[:, None, None] * fraction) / side))
        if progress is not None:
            progress(i + 1, clips, "clips")
    return TrackedClips(np.stack(truth), np.stack(observed), np.stack(argmax))


def tune(observed: Array, truth: Array) -> dict[str, dict[str, float | int]]:
    """For each baseline the setting of `GRID` with the lowest stabilization loss."""
    best = {}
    for name, (make, grid) in GRID.items():
        settings = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]

        @partial(jax.jit, static_argnames="n")
        def score(make: Callable[..., Filter] = make, **setting: Array | int) -> Array:
            output = jax.vmap(lambda track: filters.run(make(**setting), track))(observed)
            return losses.stabilization(output, truth).total

        best[name] = min(settings, key=lambda setting: float(score(**setting)))
    return best


def compare(clips: TrackedClips, *, train: int, seconds: float, progress: ProgressCallback = silent) -> Comparison:
    """Fit and tune on the first `train` clips, measure on the others.

    Args:
        clips: from `track_clips`.
        train: how many clips the fits see.
        seconds: for each fit.
        progress: of `compare_fits.compare_fits`.
    """
    centred = [stabilizer.without_bias(z, p) for z, p in zip(clips.observed, clips.truth, strict=True)]
    observed, truth = jnp.asarray(np.stack(centred)), jnp.asarray(clips.truth)
    fits = compare_fits.compare_fits(
        stabilizer.as_videos(observed[:train], truth[:train]), seconds=seconds, progress=progress
    )
    settings = tune(observed[:train], truth[:train])
    held = jnp.asarray(clips.observed)[train:]
    tracks = {ARGMAX: jnp.asarray(clips.argmax)[train:], RAW: held}
    for name, setting in settings.items():
        tracks[name] = _filtered(GRID[name][0](**setting), held)
    tracks[SHIPPED] = _stabilized(stabilizer.default_params(), held)
    for name, fit in fits.items():
        tracks[f"stabilizer, {name}"] = _stabilized(fit.params, held)
    rows = {name: _row(track, truth[train:]) for name, track in tracks.items()}
    return Comparison(rows, fits, {name: np.asarray(track) for name, track in tracks.items()}, settings)


def best(comparison: Comparison) -> str:
    """The name of the fitted stabilizer whose loss on the held-out clips is lowest."""
    names = [f"stabilizer, {name}" for name in comparison.fits]
    return min(names, key=lambda name: comparison.rows[name].loss)


def histories(fits: dict[str, stabilizer.Fit]) -> dict[str, Any]:
    """Loss against seconds and evaluations of every fit, ready for JSON."""
    return {name: {**fit.history._asdict(), "compile_seconds": fit.compile_seconds} for name, fit in fits.items()}


class _Clip(NamedTuple):
    """A clip whose camera fills each frame with the face, and where that is in fractions of the clip's own frame."""

    filled: faces.SyntheticFace
    points: Float[Array, "t 68 2"]
    centre: Float[Array, "t 2"]
    side: Float[Array, " t"]


@partial(jax.jit, static_argnums=1)
def _clip(key: PRNGKeyArray, frames: int) -> _Clip:
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


def _filtered(filter: Filter, tracks: Array) -> Array:
    return jax.jit(jax.vmap(lambda track: filters.run(filter, track)))(tracks)


def _stabilized(params: stabilizer.Params, tracks: Array) -> Array:
    return stabilizer.run(params, tracks)


def _loss(tracks: Array, truth: Array) -> float:
    return float(losses.stabilization(tracks, truth).total)


def _row(tracks: Array, truth: Array) -> Row:
    centred = [stabilizer.without_bias(x, p) for x, p in zip(np.asarray(tracks), np.asarray(truth), strict=True)]
    steady = jnp.asarray(np.stack(centred))
    return Row(
        nrmse=float(metrics.nrmse(tracks, truth).mean()),
        stability=float(metrics.stability(tracks, truth).mean()),
        delay=float(metrics.delay(steady, truth).mean()),
        loss=_loss(steady, truth),
    )
