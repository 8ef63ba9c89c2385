"""Read pairs of an observed and a true track from a user's files, to fit the stabilizer."""

from pathlib import Path

import numpy as np

from fhr_jax import npz
from fhr_jax.benchmark.steadiness import zero_phase
from fhr_jax.errors import InputError

Pair = tuple[np.ndarray, np.ndarray]
"""Observed and true track, each (T, M, d)."""

TRUTH = ("truth", "ground_truth")
OBSERVED = ("predictions", "landmarks")
"""Names of the arrays in a file, the first that is there counts."""

ENOUGH = 5
"""Minimum number of tracks of which some are held out by default."""


def read_pairs(paths: tuple[Path, ...]) -> tuple[list[Pair], int]:
    """Read (observed, truth) of every .npz file; also returns how many of them had no truth.

    The zero-phase smoothing of the observed track replaces a missing truth.

    Args:
        paths: files, or folders that are searched for files.

    Raises:
        InputError: a folder has no .npz file, a file lacks the arrays, or its number of points differs from the first.
    """
    files = [file for path in paths for file in (_tracks(path) if path.is_dir() else [path])]
    if paths and not files:
        raise InputError(f"{paths[0]}: no .npz file in it, expected tracks")
    pairs, smoothed = [], 0
    for file in files:
        arrays = npz.read(file)
        observed = _array(file, arrays, OBSERVED)
        if any(name in arrays for name in TRUTH):
            truth = _array(file, arrays, TRUTH)
        else:
            truth, smoothed = zero_phase(observed), smoothed + 1
        if truth.shape != observed.shape:
            raise InputError(
                f"{file}: truth has shape {truth.shape}, expected that of the predictions, {observed.shape}"
            )
        if pairs and observed.shape[1:] != pairs[0][0].shape[1:]:
            raise InputError(f"{file}: points {observed.shape[1:]}, expected {pairs[0][0].shape[1:]} as in {files[0]}")
        pairs.append((observed, truth.astype(np.float32)))
    return pairs, smoothed


def _tracks(folder: Path) -> list[Path]:
    """All .npz files below the folder, except the results of fits."""
    return [file for file in sorted(folder.rglob("*.npz")) if not (file.parent / "fit.npz").exists()]


def holdout_count(asked: int | None, tracks: int) -> int:
    """How many of the tracks to hold out.

    Args:
        asked: what the user wants; None is a fifth of the tracks if there are at least `ENOUGH`.
        tracks: how many there are.

    Raises:
        InputError: the number is negative, or no track would be left to fit.
    """
    if asked is None:
        return round(tracks / 5) if tracks >= ENOUGH else 0
    if not 0 <= asked < tracks:
        raise InputError(f"--holdout is {asked}, expected a number from 0 to below {tracks}, the number of tracks")
    return asked


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


def _array(file: Path, arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    found = next((arrays[name] for name in names if name in arrays), None)
    if found is None:
        raise InputError(f"{file}: no array {' or '.join(names)}, expected one of shape (T, M, 2)")
    if found.ndim != 3 or found.shape[-1] not in (2, 3) or 0 in found.shape or found.dtype.kind not in "fiu":
        raise InputError(f"{file}: {found.dtype} of shape {found.shape}, expected numbers of shape (T, M, 2)")
    if not np.isfinite(found).any():
        raise InputError(f"{file}: no landmark in any frame, every point is missing; expected some")
    return found.astype(np.float32)
