"""Read pairs of an observed and a true track from a user's files, to fit the stabilizer."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from fhr_jax.benchmark.steadiness import zero_phase
from fhr_jax.data.io import frame_times, landmark_arrays, landmark_files
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import FRAME_RATE

Pair = tuple[np.ndarray, np.ndarray]
"""Observed and true track, each (T, M, d)."""


class UserTracks(NamedTuple):
    """Tracks from a user's files.

    Attributes:
        pairs: observed and true tracks.
        smoothed: number of tracks without a truth, which their zero-phase smoothing replaces.
        notes: files, and what was assumed about them.
    """

    pairs: list[Pair]
    smoothed: int
    notes: list[tuple[Path, str]]


ENOUGH = 5
"""Minimum number of tracks of which some are held out by default."""


def read_pairs(paths: tuple[Path, ...], *, options: ReadOptions = landmark_arrays.DEFAULT) -> UserTracks:
    """Read (observed, truth) of every file that `fhr-jax smooth` reads too; only .npz files may have a truth.

    Frames that repeat the one before, because a rate was raised, are left out.

    Args:
        paths: files, folders of .pts files, or folders that are searched for .npz files, and for .csv files where they
            hold none.
        options: how the numbers of the files are read.

    Raises:
        InputError: a folder has no tracks, a file lacks the arrays, or its number of points differs from the first.
    """
    files = [file for path in paths for file in (_tracks(path) if path.is_dir() else [path])]
    if paths and not files:
        raise InputError(f"{paths[0]}: no tracks in it, expected .npz, .csv or .pts files")
    pairs, smoothed, notes = [], 0, []
    for file in files:
        recording = landmark_files.read(file, options=options)
        notes += [(file, note) for note in recording.notes]
        for track in recording.tracks:
            observed = _present(file, track.points)
            truth = _truth(recording, options, notes)
            if truth is not None and truth.shape != observed.shape:
                raise InputError(
                    f"{file}: truth has shape {truth.shape}, expected that of the predictions, {observed.shape}"
                )
            new, more = _new_frames(recording, track)
            notes += [(file, note) for note in more]
            observed = observed[new]
            if truth is None:
                truth, smoothed = zero_phase(observed), smoothed + 1
            else:
                truth = truth[new]
            if pairs and observed.shape[1:] != pairs[0][0].shape[1:]:
                expected = f"{pairs[0][0].shape[1:]} as in {files[0]}"
                raise InputError(f"{file}: points {observed.shape[1:]}, expected {expected}")
            pairs.append((observed, truth.astype(np.float32)))
    return UserTracks(pairs, smoothed, notes)


def _tracks(folder: Path) -> list[Path]:
    """The folder itself if it holds .pts files, else the files below it that hold tracks; no results of fits."""
    if any(file.suffix.lower() == ".pts" for file in folder.iterdir()):
        return [folder]
    found = [file for file in sorted(folder.rglob("*.npz")) if not (file.parent / "fit.npz").exists()]
    return found or sorted(folder.rglob("*.csv"))


def _truth(
    recording: landmark_files.Recording, options: ReadOptions, notes: list[tuple[Path, str]]
) -> np.ndarray | None:
    """The true track (T, M, d) of an .npz, if it has one."""
    if recording.kind != "npz":
        return None
    arrays, _ = recording.content
    if landmark_arrays.first_name(arrays, landmark_arrays.TRUTH) is None:
        return None
    key, stored, _ = landmark_arrays.landmarks(recording.path, arrays, landmark_arrays.TRUTH)
    dims = recording.tracks[0].points.shape[-1]
    truth, more = landmark_arrays.points_as_nan(stored[..., :dims], options)
    notes += [(recording.path, f"{key}: {note}") for note in more]
    return _present(recording.path, truth)


def _new_frames(
    recording: landmark_files.Recording, track: landmark_files.LandmarkTrack
) -> tuple[np.ndarray, list[str]]:
    """(T,) False where a frame repeats the one before, and what to tell about the time, which a fit does not use."""
    new = ~frame_times.repeated(track.points)
    notes = [] if new.all() else [f"{(~new).sum()} of {len(new)} frames repeat the one before: left out"]
    fps = None if track.time is not None else recording.fps
    if track.time is None and fps is None:
        return new, notes
    try:
        dt = frame_times.timeline(track.points, nominal=FRAME_RATE, time=track.time, present=track.present, fps=fps).dt
    except InputError:
        return new, [*notes, "its times are wrong, but a fit does not use them"]
    if dt is not None:
        rate = FRAME_RATE * len(new) / new.sum()
        notes.append(
            f"a fit counts {FRAME_RATE:g} frames a second, unlike this file: smooth it with these parameters and "
            f"--fps {rate:.4g}"
        )
    return new, notes


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


def split_holdout(pairs: list[Pair], number: int, *, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Tracks to fit, and tracks to hold out: `number` of them, drawn at random."""
    chosen = set(np.random.default_rng(seed).permutation(len(pairs))[:number].tolist())
    return (
        [pair for i, pair in enumerate(pairs) if i not in chosen],
        [pair for i, pair in enumerate(pairs) if i in chosen],
    )


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
