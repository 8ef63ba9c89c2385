"""Pairs of an observed and a true track from a user's files, to fit a stabilizer on."""

from pathlib import Path

import numpy as np

from fhr_jax import npz
from fhr_jax.benchmark.steadiness import zero_phase
from fhr_jax.errors import InputError

Pair = tuple[np.ndarray, np.ndarray]
"""Observed and true track, (T, M, d)."""

TRUTH = ("truth", "ground_truth")
OBSERVED = ("predictions", "landmarks")
"""Names of the arrays in a file."""

ENOUGH = 5
"""Tracks from which on some are held out."""


def read_pairs(paths: tuple[Path, ...]) -> tuple[list[Pair], int]:
    """(observed, truth) of every .npz file, and how many had no truth, whose own zero-phase smoothing stands for it.

    Args:
        paths: files, or folders that are searched for them.

    Raises:
        InputError: nothing there, or a file without such arrays, or with points unlike those of the first.
    """
    files = [file for path in paths for file in (_tracks(path) if path.is_dir() else [path])]
    if paths and not files:
        raise InputError(f"{paths[0]}: no .npz file in it, expected tracks")
    pairs, alone = [], 0
    for file in files:
        arrays = npz.read(file)
        observed = _array(file, arrays, OBSERVED)
        if any(name in arrays for name in TRUTH):
            truth = _array(file, arrays, TRUTH)
        else:
            truth, alone = zero_phase(observed), alone + 1
        if truth.shape != observed.shape:
            raise InputError(
                f"{file}: truth has shape {truth.shape}, expected that of the predictions, {observed.shape}"
            )
        if pairs and observed.shape[1:] != pairs[0][0].shape[1:]:
            raise InputError(f"{file}: points {observed.shape[1:]}, expected {pairs[0][0].shape[1:]} as in {files[0]}")
        pairs.append((observed, truth.astype(np.float32)))
    return pairs, alone


def _tracks(folder: Path) -> list[Path]:
    """All .npz files below, but for those that a fit has left there."""
    return [file for file in sorted(folder.rglob("*.npz")) if not (file.parent / "fit.npz").exists()]


def divide(pairs: list[Pair], held_out: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Tracks to fit and tracks to judge by: a share of them, at random, if there are enough."""
    number = round(held_out * len(pairs))
    if len(pairs) < ENOUGH or number == 0:
        return pairs, []
    judging = set(np.random.default_rng(seed).permutation(len(pairs))[:number].tolist())
    return (
        [pair for i, pair in enumerate(pairs) if i not in judging],
        [pair for i, pair in enumerate(pairs) if i in judging],
    )


def check_motion(truth: np.ndarray, mask: np.ndarray) -> None:
    """Refuse tracks (N, T, M, d) of which no term of the loss says anything; `mask` (N, T) has the scored frames."""
    if not mask.any():
        raise InputError("tracks: no frame has both a truth and an observation of every point so far")
    together = mask[:, 2:] & mask[:, 1:-1] & mask[:, :-2]
    step = np.abs(truth[:, 2:] - truth[:, :-2]).max(axis=(2, 3))
    if not (together & (step > 1e-6)).any():
        raise InputError("tracks: no three frames in a row with a truth that moves, expected tracks to learn from")


def _array(file: Path, arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    found = next((arrays[name] for name in names if name in arrays), None)
    if found is None:
        raise InputError(f"{file}: no array {' or '.join(names)}, expected one of shape (T, M, 2)")
    if found.ndim != 3 or found.shape[-1] not in (2, 3) or 0 in found.shape or found.dtype.kind not in "fiu":
        raise InputError(f"{file}: {found.dtype} of shape {found.shape}, expected numbers of shape (T, M, 2)")
    if not np.isfinite(found).any():
        raise InputError(f"{file}: no landmark in any frame: every point is missing")
    return found.astype(np.float32)
