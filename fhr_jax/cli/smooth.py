"""`fhr-jax smooth`: stabilize a file of landmarks and write one of the same kind."""

from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from fhr_jax import metrics, stabilizer
from fhr_jax.cli import look_ahead, notes, track_times
from fhr_jax.cli.arguments.smooth import SmoothOptions
from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.frame_times import Timeline
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.io.landmark_files import LandmarkTrack
from fhr_jax.errors import InputError
from fhr_jax.reports import page, recordings, track_report

SHARES = 3.0
"""Largest coordinate of a file whose points are shares of the image."""


def run(options: SmoothOptions) -> None:
    """Read, stabilize and write the landmarks, and print the jitter before and after."""
    _check_look_ahead(options)
    wanted = ReadOptions(options.keep_zeros, options.third, options.part)
    recording = landmark_files.read(options.input, options=wanted)
    notes.say((options.input, note) for note in (landmark_files.sentence(recording), *recording.notes))
    landmark_files.check_output(options.output, recording)
    if recording.images:
        landmark_files.write(options.output, recording, [np.full_like(one.points, np.nan) for one in recording.tracks])
        print(f"{options.output}: copied: each row is the face of a single image, which has no frames to smooth over")
        return
    if options.report:
        page.check(recordings.beside(options.output))
    if not any(np.isfinite(track.points).any() for track in recording.tracks):
        raise InputError(f"{options.input}: no landmark in any frame, expected at least one that is not missing")
    if options.params is None and max(track.points.shape[1] for track in recording.tracks) < 2:
        raise InputError(f"{options.input}: a single landmark, expected at least 2, so that the face has a size")
    # The individuals of a file may have different numbers of points.
    shapes = {track.points.shape[1:] for track in recording.tracks}
    params = {shape: _params(options, *shape) for shape in shapes if shape[0] > 1 or options.params is not None}
    timelines = [track_times.timeline(track, recording, fps=options.fps) for track in recording.tracks]
    said = [note for timeline in timelines for note in timeline.notes]
    if len(params) < len(shapes):
        said.append("who has a single point has no size, and is left as it is")
    for track, timeline in zip(recording.tracks, timelines, strict=True):
        said += track_times.gap_notes(
            track_times.pieces(track.points[timeline.new], timeline), track.present[timeline.new]
        )
    notes.say((options.input, note) for note in said)
    smoothed = [
        _smooth(track, timeline, params[track.points.shape[1:]], options)
        if track.points.shape[1:] in params
        else track.points
        for track, timeline in zip(recording.tracks, timelines, strict=True)
    ]
    landmark_files.write(options.output, recording, smoothed)
    print(f"{options.output}: {look_ahead.sentence(0 if options.causal else options.lag)}")
    print(_summary(options.output, recording.tracks, smoothed, timelines))
    if options.report:
        html = recordings.beside(options.output)
        shown = recordings.of_smoothed(recording, smoothed, title=options.output.name, fps=options.fps)
        print(f"{html}: {track_report.write(html, shown).line}")


def _check_look_ahead(options: SmoothOptions) -> None:
    look_ahead.check(options.lag, causal=options.causal)
    if not options.causal:
        for name, value, default in (
            ("covariance", options.covariance, "diagonal"),
            ("estimate", options.estimate, "mean"),
        ):
            if value != default:
                raise InputError(f"--{name} {value}: an option of the causal stabilizer, expected --causal with it")


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
            "--estimate mode: with these parameters every direction has its own responsibilities, and the mode would "
            "freeze the face; expected --estimate mean, or --params of a fit with --model paper"
        )
    if params.smoother is None:  # files written before it; the smoother serves any parameters
        params = params._replace(smoother=stabilizer.default_params(max(landmarks, 2), dims).smoother)
    return params


def _smooth(track: LandmarkTrack, timeline: Timeline, params: stabilizer.Params, options: SmoothOptions) -> np.ndarray:
    # The length is padded to a power of two with missing frames, so that few lengths are compiled. Frames without any
    # observation do not change those before them.
    found = track_times.pieces(track.points[timeline.new], timeline)
    frames = int(found.used.sum())
    if not frames:
        return np.full_like(track.points, np.nan)
    padded = np.full((1 << (frames - 1).bit_length(), *track.points.shape[1:]), np.nan, np.float32)
    padded[:frames] = track.points[timeline.new][found.used]
    confidence, more = track_times.confidence(track, timeline), {}
    if confidence is not None:
        more["confidence"] = jnp.ones((len(padded), *confidence.shape[1:])).at[:frames].set(confidence[found.used])
    if found.dt is not None:
        more["dt"] = jnp.ones(len(padded)).at[:frames].set(found.dt)
    if found.restart.any():
        more["reset"] = jnp.zeros(len(padded), bool).at[:frames].set(found.restart)
    if options.causal:
        filtered = partial(stabilizer.run, covariance=options.covariance, estimate=options.estimate)
    else:
        filtered = partial(stabilizer.smooth, lag=options.lag)
    steady = np.full((len(found.used), *track.points.shape[1:]), np.nan)
    steady[found.used] = filtered(params, jnp.asarray(padded), **more)[:frames]
    # A repeated frame shows the picture of the frame before, so it gets the same landmarks.
    return steady[timeline.new.cumsum() - 1]


def _summary(
    output: Path, before: tuple[LandmarkTrack, ...], after: list[np.ndarray], timelines: list[Timeline]
) -> str:
    frames = sum(int(track.present.sum()) for track in before)
    points = sum(track.points[track.present][..., 0].size for track in before)
    missing = sum(int(np.isnan(track.points[track.present][..., 0]).sum()) for track in before)
    faces = f"{len(before)} face{'s' if len(before) > 1 else ''}"
    lines = [f"{output}: {frames} frames, {faces}, {100 * missing / points:.2f} % of the points were missing"]
    # A repeated frame makes the track seem to stand still, before and after.
    tracks = zip(before, after, timelines, strict=True)
    pairs = [(track.points[time.new], steady[time.new]) for track, steady, time in tracks]
    raw, steady = (np.concatenate([_jitter(p[i], p[0]) for p in pairs]) for i in (0, 1))
    if raw.size:
        # Normalised coordinates are shares of the image, and their jitter far below a thousandth.
        unit = "pixels" if max(np.nanmax(np.abs(p), initial=0) for p, _ in pairs) > SHARES else "units"
        without = "" if all(time.new.all() for time in timelines) else ", without repeated frames"
        lines.append(
            f"jitter (median second difference of a point over time{without}): {_number(np.median(raw))} before, "
            f"{_number(np.median(steady))} after, in {unit} of the file"
        )
    return "\n".join(lines)


def _number(value: Any) -> str:
    return f"{value:.3f}" if value >= 0.1 or value == 0 else f"{value:.3g}"


def _jitter(points: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Jitter wherever all three points were observed."""
    known = np.isfinite(observed[..., 0])
    return metrics.second_difference(points)[known[:-2] & known[1:-1] & known[2:]]
