"""`fhr-jax smooth`: stabilize a file of landmarks and write one of the same kind."""

import numpy as np

from fhr_jax import stabilizer
from fhr_jax.cli import look_ahead, notes, track_times
from fhr_jax.cli.arguments.smooth import SmoothOptions
from fhr_jax.cli.smoothing import summary
from fhr_jax.cli.smoothing.long_tracks import Frames, How, piece_length, stabilize
from fhr_jax.cli.track_times import Pieces
from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.frame_times import Timeline
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.io.landmark_files import LandmarkTrack
from fhr_jax.errors import InputError
from fhr_jax.reports import page, recordings, track_report


def run(options: SmoothOptions) -> None:
    """Read, stabilize and write the landmarks, and print the jitter before and after."""
    _check_look_ahead(options)
    wanted = ReadOptions(options.keep_zeros, options.third, options.part, share=True)
    recording = landmark_files.read(options.input, options=wanted)
    notes.say((options.input, note) for note in (landmark_files.sentence(recording), *recording.notes))
    landmark_files.check_output(options.output, recording)
    if recording.images:
        landmark_files.write(options.output, recording, [np.full_like(one.points, np.nan) for one in recording.tracks])
        print(f"{options.output}: copied: each row is the face of a single image, which has no frames to smooth over")
        return
    if options.report:
        page.check(recordings.beside(options.output))
    if not any(track_times.seen(track.points).any() for track in recording.tracks):
        raise InputError(f"{options.input}: no landmark in any frame, expected at least one that is not missing")
    if options.params is None and max(track.points.shape[1] for track in recording.tracks) < 2:
        raise InputError(
            f"{options.input}: a single landmark, expected at least 2, so that the face has a size; "
            "fhr_jax.filters.run smooths single points, such as with one_euro()"
        )
    # The individuals of a file may have different numbers of points.
    shapes = {track.points.shape[1:] for track in recording.tracks}
    params = {shape: _params(options, *shape) for shape in shapes if shape[0] > 1 or options.params is not None}
    timelines = [track_times.timeline(track, recording, fps=options.fps) for track in recording.tracks]
    pieces = [track_times.track_pieces(*both) for both in zip(recording.tracks, timelines, strict=True)]
    said = [note for timeline in timelines for note in timeline.notes]
    if len(params) < len(shapes):
        said.append("who has a single point has no size, and is left as it is")
    for track, timeline, found in zip(recording.tracks, timelines, pieces, strict=True):
        said += track_times.gap_notes(found, track.present[timeline.new])
    notes.say((options.input, note) for note in said)
    smoothed = [
        _smooth(track, timeline, found, params[track.points.shape[1:]], options)
        if track.points.shape[1:] in params
        else track.points
        for track, timeline, found in zip(recording.tracks, timelines, pieces, strict=True)
    ]
    landmark_files.write(options.output, recording, smoothed)
    print(f"{options.output}: {look_ahead.sentence(0 if options.causal else options.lag)}")
    print(summary.summary(options.output, recording.tracks, smoothed, timelines))
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


def _smooth(
    track: LandmarkTrack, timeline: Timeline, found: Pieces, params: stabilizer.Params, options: SmoothOptions
) -> np.ndarray:
    steady = np.full_like(track.points, np.nan)
    # Places of the frames that are used: in the track, and among its new frames.
    places, new = np.flatnonzero(timeline.new)[found.used], np.flatnonzero(found.used)
    confidence = track_times.confidence(track, timeline)

    def read(start: int, stop: int) -> Frames:
        frames: Frames = {"z": track.points[places[start:stop]]}
        if confidence is not None:
            frames["confidence"] = confidence[new[start:stop]]
        if found.dt is not None:
            frames["dt"] = found.dt[start:stop]
        if found.restart.any():
            frames["reset"] = found.restart[start:stop]
        return frames

    done = 0
    how = How(options.lag, options.causal, options.covariance, options.estimate)
    for part in stabilize(params, read, len(places), how):
        steady[places[done : done + len(part)]] = part
        done += len(part)
    if not timeline.new.all():
        # A repeated frame shows the picture of the frame before, so it gets the same landmarks.
        repeated = np.flatnonzero(~timeline.new)
        shown = np.maximum.accumulate(np.where(timeline.new, np.arange(len(timeline.new)), 0))
        for some in np.array_split(repeated, 1 + len(repeated) // piece_length()):
            steady[some] = steady[shown[some]]
    return steady
