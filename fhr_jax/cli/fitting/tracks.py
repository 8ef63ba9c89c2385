"""Read a user's tracks, to fit the stabilizer; with or without a truth."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.cli import track_times
from fhr_jax.data.io import landmark_arrays, landmark_files
from fhr_jax.data.io.frame_times import Timeline
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError


class UserTrack(NamedTuple):
    """One face of a file, without frames that repeat the one before.

    Attributes:
        observed: (T, M, d) float32 in the unit of the file, NaN where a point is missing.
        truth: (T, M, d) float32, NaN where it is unknown; None if the file has none.
        dt: (T,) steps in frames of a thirtieth of a second; None where all are 1.
        confidence: (T,) or (T, M) in [0, 1], or None.
    """

    observed: Float[np.ndarray, "t m d"]
    truth: Float[np.ndarray, "t m d"] | None = None
    dt: Float[np.ndarray, " t"] | None = None
    confidence: Float[np.ndarray, "t *m"] | None = None


class UserTracks(NamedTuple):
    """Tracks from a user's files.

    Attributes:
        tracks: all of the same number of points.
        notes: files, and what was assumed about them.
    """

    tracks: list[UserTrack]
    notes: list[tuple[Path, str]]


SUFFIXES = frozenset(suffix for format in landmark_files.FORMATS.values() for suffix in format.suffixes)
"""Names of files of tracks in a folder."""

LEAST = 3
"""Fewest frames of a piece of a track between long gaps."""

ENOUGH = 5
"""Minimum number of tracks of which some are held out by default."""


def read_tracks(
    paths: tuple[Path, ...], *, options: ReadOptions = landmark_arrays.DEFAULT, fps: float | None = None
) -> UserTracks:
    """Read every file that `fhr-jax smooth` reads too, in the same way; only .npz files may have a truth.

    Frames that repeat the one before, because a rate was raised, are left out.

    Args:
        paths: files, folders with a file a frame (.pts, or of OpenPose), or folders that are searched for files and
            folders of any kind that `data.io.landmark_files` knows.
        options: how the numbers of the files are read.
        fps: frames a second of all files; None takes the times or the rate of each file.

    Raises:
        InputError: a folder has no tracks, a file lacks the arrays, its times are wrong, or its number of points
            differs from the first.
    """
    files: list[Path] = []
    notes: list[tuple[Path, str]] = []
    for path in paths:
        inside, others = _tracks(path) if path.is_dir() else ([path], [])
        files += inside
        if others:
            notes.append((path, f"left out, since no tracks are known in them: {_listed(others, path)}"))
    if paths and not files:
        raise InputError(f"{paths[0]}: no tracks in it, expected files that fhr-jax smooth reads")
    tracks: list[UserTrack] = []
    for file in files:
        recording = landmark_files.read(file, options=options)
        track_times.check_over_time(recording)
        if recording.kind not in ("npz", "npy", "pts") and recording.title != "a table of OpenFace":
            notes.append((file, f"read as {recording.title}"))
        notes += [(file, note) for note in recording.notes]
        for number, track in enumerate(recording.tracks):
            observed = _present(file, track.points)
            truth = _truth(recording, number, options, notes)
            if truth is not None and truth.shape != observed.shape:
                raise InputError(
                    f"{file}: truth has shape {truth.shape}, expected that of the predictions, {observed.shape}"
                )
            timeline = track_times.timeline(track, recording, fps=fps)
            notes += [(file, note) for note in timeline.notes]
            found = track_times.pieces(observed[timeline.new].astype(np.float64), timeline)
            notes += [(file, note) for note in track_times.gap_notes(found, track.present[timeline.new])]
            read = _new_frames(observed, truth, timeline, track_times.confidence(track, timeline))
            if tracks and observed.shape[1:] != tracks[0].observed.shape[1:]:
                expected = f"{tracks[0].observed.shape[1:]} as in {files[0]}"
                raise InputError(f"{file}: points {observed.shape[1:]}, expected {expected}")
            tracks += _pieces(read, found)
    return UserTracks(tracks, notes)


def _new_frames(
    observed: np.ndarray, truth: np.ndarray | None, timeline: Timeline, confidence: np.ndarray | None
) -> UserTrack:
    """A track without repeated frames, and without points of confidence 0."""
    observed = observed[timeline.new]
    if confidence is not None and confidence.ndim == 2:
        observed = np.where(confidence[..., None] > 0, observed, np.float32(np.nan))
    dt = None if timeline.dt is None else timeline.dt.astype(np.float32)
    return UserTrack(observed, None if truth is None else truth[timeline.new], dt, confidence)


def _pieces(track: UserTrack, found: track_times.Pieces) -> list[UserTrack]:
    """The track without its long gaps, as a track for each piece between them that shows some motion."""
    starts = [0, *np.flatnonzero(found.restart), int(found.used.sum())]
    if len(starts) == 2 and found.used.all():
        return [track]
    observed, truth, dt, confidence = (None if value is None else value[found.used] for value in track)
    assert observed is not None
    parts = []
    for start, end in pairwise(starts):
        own = slice(start, end)
        steps = None if found.dt is None else found.dt[own].astype(np.float32)
        values = (None if value is None else value[own] for value in (truth, confidence))
        part = UserTrack(observed[own], next(values), steps, next(values))
        parts += [part] if end - start >= LEAST else []
    return parts or [UserTrack(observed, truth, None if dt is None else found.dt, confidence)]


def _listed(files: list[Path], folder: Path) -> str:
    names = [str(file.relative_to(folder)) for file in files]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _tracks(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folder itself if it holds a file a frame, else the files below it that hold tracks, but for results of fits.

    Also those with the name of a file of tracks that hold none.
    """
    if any(file.name.lower().endswith((".pts", "_keypoints.json")) for file in folder.iterdir()):
        return [folder], []
    entries = [entry for entry in sorted(folder.rglob("*")) if not (entry.parent / "fit.npz").exists()]
    parts = {entry for entry in entries if entry.is_dir() and landmark_files.kind_of(entry) is not None}
    files = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    inside = [file for file in files if not parts.intersection(file.parents)]
    # The same track in two files, as `track` writes it, counts once.
    inside = [file for file in inside if file.suffix.lower() == ".npz" or not file.with_suffix(".npz").exists()]
    # An .npz without tracks is refused when it is read; other files may be anything.
    known = {file for file in inside if file.suffix.lower() == ".npz" or landmark_files.kind_of(file) is not None}
    return sorted(parts | known), [file for file in inside if file not in known]


def _truth(
    recording: landmark_files.Recording, number: int, options: ReadOptions, notes: list[tuple[Path, str]]
) -> np.ndarray | None:
    """The true track (T, M, d) of a face of an .npz, if it has one."""
    if recording.kind != "npz":
        return None
    arrays, found = recording.content
    if landmark_arrays.first_name(arrays, landmark_arrays.TRUTH) is None:
        return None
    if found.rows is not None:
        arrays = dict(arrays)
        key = landmark_arrays.first_name(arrays, landmark_arrays.TRUTH)
        assert key is not None
        if arrays[key].shape[:3] != found.array.shape[:3]:
            shapes = f"truth has shape {arrays[key].shape}, expected that of the predictions, {found.array.shape}"
            raise InputError(f"{recording.path}: {shapes}")
        face, own = found.rows[number]
        track = recording.tracks[number]
        full = np.full((len(track.points), *arrays[key].shape[2:]), np.nan)
        full[track.present] = arrays[key][face, own]
        arrays[key] = full
    key, stored, _ = landmark_arrays.landmarks(recording.path, arrays, landmark_arrays.TRUTH)
    dims = recording.tracks[0].points.shape[-1]
    truth, more = landmark_arrays.points_as_nan(stored[..., :dims], options)
    notes += [(recording.path, f"{key}: {note}") for note in more]
    return _present(recording.path, truth)


def _present(file: Path, points: np.ndarray) -> np.ndarray:
    if not np.isfinite(points).any():
        raise InputError(f"{file}: no landmark in any frame, every point is missing; expected some")
    return points.astype(np.float32)


def holdout_count(wanted: int | None, tracks: int) -> int:
    """How many of the tracks to hold out.

    Args:
        wanted: the number that the user gave; None is a fifth of the tracks if there are at least `ENOUGH`.
        tracks: how many there are.

    Raises:
        InputError: the number is negative, or no track would be left to fit.
    """
    if wanted is None:
        return round(tracks / 5) if tracks >= ENOUGH else 0
    if not 0 <= wanted < tracks:
        raise InputError(f"--holdout is {wanted}, expected a number from 0 to below {tracks}, the number of tracks")
    return wanted


def drawn_holdout(tracks: int, number: int, *, seed: int) -> list[int]:
    """Which of the tracks to hold out: `number` of them, drawn at random, in their order."""
    return sorted(np.random.default_rng(seed).permutation(tracks)[:number].tolist())


def check_motion(truth: np.ndarray, mask: np.ndarray) -> None:
    """Refuse tracks that give the loss nothing to learn from.

    Args:
        truth: (N, T, M, d).
        mask: (N, T), True where a frame is scored.

    Raises:
        InputError: no frame is scored, or the truth never moves.
    """
    if not mask.any():
        raise InputError("tracks: no frame can be scored: it needs a truth, and every point observed in it or before")
    three = mask[:, 2:] & mask[:, 1:-1] & mask[:, :-2]
    motion = np.abs(truth[:, 2:] - truth[:, :-2]).max(axis=(2, 3))
    if not (three & (motion > 1e-6)).any():
        raise InputError("tracks: the truth does not move in any three frames in a row, expected tracks to learn from")
