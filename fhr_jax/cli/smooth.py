"""`fhr-jax smooth`: a file of landmarks in, a steady one of the same kind out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import stabilizer
from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.landmark_files import LandmarkTrack
from fhr_jax.errors import InputError

_Positional = tyro.conf.Positional

LEAST = 0.05
"""Confidence of a face that OpenFace has found, however little: the noise is 1 / confidence times as large."""

FARTHEST = 1e7
"""Pixels; beyond, float32 does not tell one from the next."""


@dataclass(frozen=True)
class SmoothOptions:
    """Steady the landmarks of a file, frame after frame, without looking ahead.

    IN is an .npz with an array `predictions` or `landmarks` of shape (T, M, 2) or
    (T, M, 3), a .csv of OpenFace, or a folder
    with one .pts a frame. OUT is of the same kind; everything in it that is no landmark is carried over. Missing
    points (NaN, or `success` 0) are predicted; a frame of OpenFace counts by its `confidence`.

    Example:  fhr-jax smooth openface.csv steady.csv
    """

    input: Annotated[_Positional[Path], tyro.conf.arg(metavar="IN")]
    """File or folder to read."""
    output: Annotated[_Positional[Path], tyro.conf.arg(metavar="OUT")]
    """File or folder to write; a folder must be new."""
    params: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Parameters that `fhr-jax fit` made; default: those that ship with the package."""
    covariance: Literal["diagonal", "full"] = "diagonal"
    """What is kept of the spread of past landmarks; full is the paper's, and slower."""
    estimate: Literal["mean", "mode"] = "mean"
    """What is taken of the posterior; mode is the paper's, for parameters of its model, and slower."""


def run(options: SmoothOptions) -> None:
    """Read, stabilize, write, and say how much steadier it became."""
    recording = landmark_files.read(options.input)
    landmark_files.check_output(options.output, recording)
    landmarks, dims = recording.tracks[0].points.shape[1:]
    if not any(np.isfinite(track.points).any() for track in recording.tracks):
        raise InputError(f"{options.input}: no landmark in any frame: every point is missing")
    if landmarks < 2 and options.params is None:
        raise InputError(f"{options.input}: a single landmark, expected at least 2, which have a size")
    largest = max(float(np.nanmax(np.abs(track.points), initial=0)) for track in recording.tracks)
    if largest > FARTHEST:
        raise InputError(f"{options.input}: a coordinate of {largest:.3g}, expected pixels, at most {FARTHEST:.0e}")
    params = _params(options, landmarks, dims)
    smoothed = [_smooth(track, params, options) for track in recording.tracks]
    landmark_files.write(options.output, recording, smoothed)
    print(_summary(options.output, recording.tracks, smoothed))


def _params(options: SmoothOptions, landmarks: int, dims: int) -> stabilizer.Params:
    if options.params is None:
        params = stabilizer.default_params(landmarks, dims)
    else:
        params = stabilizer.load(options.params)
        expected = params.noise.shape[0]
        if landmarks * dims != expected:
            raise InputError(
                f"{options.input}: {landmarks} landmarks, expected {expected // dims} of {dims} coordinates for "
                f"{options.params}"
            )
    if options.estimate == "mode" and params.responsibilities is not None:
        raise InputError(
            "--estimate mode: the directions of these parameters have weights of their own, and their narrowest "
            "components would freeze the face; expected mean, or --params of a fit with --model paper"
        )
    return params


def _smooth(track: LandmarkTrack, params: stabilizer.Params, options: SmoothOptions) -> np.ndarray:
    # Missing frames at the end change nothing before them, and keep the number of compiled lengths small.
    frames = len(track.points)
    padded = np.full((1 << (frames - 1).bit_length(), *track.points.shape[1:]), np.nan, np.float32)
    padded[:frames] = track.points
    confidence = None
    if track.confidence is not None and track.confidence.max() > 0:
        confidence = jnp.ones(len(padded)).at[:frames].set(np.clip(track.confidence, LEAST, 1))
    steady = _run(
        params, jnp.asarray(padded), confidence=confidence, covariance=options.covariance, estimate=options.estimate
    )
    return np.asarray(steady[:frames], np.float64)


def _summary(output: Path, before: tuple[LandmarkTrack, ...], after: list[np.ndarray]) -> str:
    frames = sum(int(track.kept.sum()) for track in before)
    points = sum(track.points[track.kept][..., 0].size for track in before)
    missing = sum(int(np.isnan(track.points[track.kept][..., 0]).sum()) for track in before)
    faces = f"{len(before)} face{'s' if len(before) > 1 else ''}"
    lines = [f"{output}: {frames} frames, {faces}, {100 * missing / points:.2f} % of the points were missing"]
    pairs = [(track.points, steady) for track, steady in zip(before, after, strict=True)]
    raw, steady = (np.concatenate([_second_difference(p[i], p[0]) for p in pairs]) for i in (0, 1))
    if raw.size:
        lines.append(
            f"jitter (median second difference of a point over time): {np.median(raw):.3f} before, "
            f"{np.median(steady):.3f} after, in pixels of the file"
        )
    return "\n".join(lines)


def _second_difference(points: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """|x(t-1) - 2 x(t) + x(t+1)| wherever all three were observed."""
    seen = np.isfinite(observed[..., 0])
    size = np.linalg.norm(points[:-2] - 2 * points[1:-1] + points[2:], axis=-1)
    return size[seen[:-2] & seen[1:-1] & seen[2:]]


_run = jax.jit(stabilizer.run, static_argnames=("covariance", "estimate"))
