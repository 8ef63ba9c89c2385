"""The protocol of every stabilizer experiment: which videos train, which test, what is observed and what is true.

There are three sources, all in pixels of the 256 crop, (x, y):

* "tracks": synthetic tracks (`data.synthetic.tracks`), new ones for every seed; needs no download. Frames without an
  observation and broken frames are not scored.
* "300vw": the folder `300vw_fhr_predictions` in the folder that FHR_JAX_DATA names. It has files `GROUP/ID.npz` with
  `predictions` (T, M, 2) and optionally `broken_frames` (1-based).
* a folder of such files. If all of them also hold `truth` (T, M, 2), the pairs are used as they are. Use this for
  annotated videos.

Predictions have no truth. So the zero-phase smoothing of the predictions is the motion of a video, and the residual is
its noise. A pair combines the motion of one video with the noise of another video of the same set: its truth is exact,
and its noise is independent of the motion. This hides two things: motion as fast as the noise, such as blinks, is
removed from the truth and counted as noise; and noise that depends on the motion no longer does.

Broken frames are interpolated in the motion and not scored, and their residuals are not used as noise. Outliers (`FAR`)
are interpolated before smoothing. Frames within half a window of an outlier are treated as broken, too, since the
smoothing is inaccurate there; `keep_outliers` keeps them.

Report results as mean and standard deviation over the seeds in `SEEDS`. All in NumPy.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from fhr_jax import npz
from fhr_jax.benchmark.steadiness import find_outliers, interpolate, zero_phase
from fhr_jax.data.synthetic import tracks
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import Videos, as_videos, pad_videos

SEEDS = (0, 1, 2)
"""Each gives one split and one assignment of noise to motion."""

TRAIN, TEST = 21, 12
"""Videos of each set; a folder with another number of files is split in the same ratio."""

FRAMES = 600
"""Default number of frames of a pair."""

FAR = 0.25
"""A point is an outlier this many face sizes (of about 72 px) from the median of its 9 neighbouring frames."""

WINDOW = 13
"""Frames of the smoothing filter."""


class TrackPair(NamedTuple):
    """A video to filter and its true landmarks, pixels of the 256 crop.

    Attributes:
        observed: z, (T, M, 2), NaN where nothing was found.
        truth: p, (T, M, 2); arbitrary finite values in frames that are not scored.
        mask: (T,), True where a frame is scored.
        motion: name of the video that the truth is from.
        noise: name of the video that the noise is from.
    """

    observed: Float[np.ndarray, "t m 2"]
    truth: Float[np.ndarray, "t m 2"]
    mask: Bool[np.ndarray, " t"]
    motion: str
    noise: str


class Split(NamedTuple):
    """Pairs for tuning and fitting, and pairs for testing."""

    train: list[TrackPair]
    test: list[TrackPair]


class TrackSource(NamedTuple):
    """One file, separated into motion and noise.

    Attributes:
        name: GROUP/ID.
        group: the split is stratified by it.
        observed: predictions, (T, M, 2).
        truth: (T, M, 2), that of the file, or the smoothed motion.
        mask: (T,), False where a frame is broken or has no truth.
        residual: noise of the scored frames, (at most T, M, 2); None if the file has a truth.
    """

    name: str
    group: str
    observed: Float[np.ndarray, "t m 2"]
    truth: Float[np.ndarray, "t m 2"]
    mask: Bool[np.ndarray, " t"]
    residual: Float[np.ndarray, "n m 2"] | None


def make_split(
    seed: int,
    *,
    source: str | os.PathLike[str] | Sequence[TrackSource] = "tracks",
    frames: int | None = FRAMES,
    crops: int = 1,
    keep_outliers: bool = False,
) -> Split:
    """The pairs of one seed, with tracks (T, M, 2); the same seed gives the same pairs.

    Args:
        seed: draws the split, the assignment of noise to motion, the crops and the synthetic tracks.
        source: "tracks", "300vw", a folder, or what `read` returned (to read the files once for all seeds).
        frames: frames of a pair at most. Longer videos are cropped at a random place. None keeps whole videos
            (synthetic ones have `FRAMES`).
        crops: pairs per video. As many more synthetic tracks are drawn.
        keep_outliers: True keeps outliers in the noise, and scores the frames around them. They are in 4 of 100 frames
            of the published predictions, and make more than half of the loss of the raw tracks, so comparisons of
            smoothing leave them out. Files with a truth keep theirs either way.

    Raises:
        InputError: FHR_JAX_DATA is needed and not set, a folder has too few files, or a file is not as expected.
    """
    if crops < 1 or (frames is not None and frames < 3):
        raise InputError(f"crops: {crops}, frames: {frames}, expected at least 1 and 3")
    if isinstance(source, str) and source == "tracks":
        return _synthetic(seed, frames or FRAMES, crops)
    if isinstance(source, str | os.PathLike):
        source = read(source, keep_outliers=keep_outliers)
    rng = np.random.default_rng([seed, 300])
    train, test = _split_by_group(rng, source)
    return Split(*(make_pairs(rng, videos, frames=frames, crops=crops) for videos in (train, test)))


def batch(pairs: Sequence[TrackPair]) -> Videos:
    """The pairs as padded, masked videos (N, T, M, 2), for the fits and the losses."""
    videos = pad_videos([(pair.observed, pair.truth) for pair in pairs])
    longest = videos.mask.shape[1]
    mask = np.stack([np.pad(pair.mask, (0, longest - len(pair.mask))) for pair in pairs])
    return as_videos(videos.observed, videos.truth, mask=mask & np.asarray(videos.mask))


def read(source: str | os.PathLike[str], *, keep_outliers: bool = False) -> list[TrackSource]:
    """Read all files GROUP/ID.npz of "300vw" or of a folder, by name, and separate motion and noise.

    Raises:
        InputError: as `make_split`.
    """
    folder = _folder_300vw() if source == "300vw" else Path(source)
    files = sorted(folder.glob("*/*.npz")) or sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(f"{folder}: no files GROUP/ID.npz, expected tracks there")
    videos = [_read_track(file, keep_outliers=keep_outliers) for file in files]
    known = {video.residual is None for video in videos}
    if len(known) > 1:
        raise InputError(f"{folder}: some files hold truth and some do not, expected it in all or in none")
    sizes = {video.truth.shape[1:] for video in videos}
    if len(sizes) > 1:
        raise InputError(f"{folder}: tracks of different numbers of points {sorted(sizes)}, expected one number")
    return videos


def _folder_300vw() -> Path:
    folder = os.environ.get("FHR_JAX_DATA")
    if not folder:
        raise InputError("FHR_JAX_DATA: not set, expected the folder that holds 300vw_fhr_predictions")
    return Path(folder) / "300vw_fhr_predictions"


def _read_track(file: Path, *, keep_outliers: bool) -> TrackSource:
    arrays = npz.read(file)
    if "predictions" not in arrays:
        raise InputError(f"{file}: no array predictions, expected one of shape (T, M, 2)")
    observed = np.asarray(arrays["predictions"], np.float64)
    if observed.ndim != 3 or observed.shape[-1] != 2 or len(observed) < 3:
        raise InputError(f"{file}: predictions of shape {observed.shape}, expected (T, M, 2) of at least 3 frames")
    good = np.ones(len(observed), bool)
    broken = np.asarray(arrays.get("broken_frames", ()), int) - 1
    if ((broken < 0) | (broken >= len(good))).any():
        raise InputError(f"{file}: broken_frames outside 1..{len(good)}")
    good[broken] = False
    name = f"{file.parent.name}/{file.stem}"

    if "truth" in arrays:
        truth = np.asarray(arrays["truth"], np.float64)
        if truth.shape != observed.shape:
            raise InputError(f"{file}: truth of shape {truth.shape}, expected that of predictions, {observed.shape}")
        known = np.isfinite(truth).all(axis=(1, 2))
        truth = np.where(np.isfinite(truth), truth, 0)
        return TrackSource(name, file.parent.name, observed, truth, good & known, None)

    if not good.any():
        raise InputError(f"{file}: every frame is broken, expected one that is not")
    motion, good = smooth_motion(observed, good, keep_outliers=keep_outliers)
    if not good.any():
        raise InputError(f"{file}: every frame is broken or near an outlier, expected one that is not")
    # Where a point is missing its residual is NaN, so it is missing in the frame that gets this noise, too.
    return TrackSource(name, file.parent.name, observed, motion, good, (observed - motion)[good])


def smooth_motion(
    observed: Float[np.ndarray, "t m d"],
    good: Bool[np.ndarray, " t"],
    *,
    keep_outliers: bool = False,
    window: int = WINDOW,
) -> tuple[Float[np.ndarray, "t m d"], Bool[np.ndarray, " t"]]:
    """The motion (T, M, d) of a track without truth, and the frames (T,) whose residual is noise.

    Args:
        observed: predictions (T, M, d), NaN where a point is missing.
        good: (T,), False where a frame is broken; those are interpolated.
        keep_outliers: as in `make_split`.
        window: frames of the smoothing filter, odd.
    """
    from scipy.ndimage import maximum_filter1d

    missing = ~np.isfinite(observed).all(axis=-1) | ~good[:, None]
    replaced = find_outliers(np.where(good[:, None, None], observed, np.nan), far=FAR) | missing
    motion = zero_phase(interpolate(observed, replaced), window=window)
    near = maximum_filter1d((replaced & ~missing).any(axis=1), window)
    return motion, good if keep_outliers else good & ~near


def _split_by_group(
    rng: np.random.Generator, videos: Sequence[TrackSource]
) -> tuple[list[TrackSource], list[TrackSource]]:
    """Train and test videos, each with the same share of every group, up to rounding."""
    number = round(len(videos) * TEST / (TRAIN + TEST))
    if number < 2 or len(videos) - number < 2:
        raise InputError(f"source: {len(videos)} videos, expected enough for two in each set")
    groups = sorted({video.group for video in videos})
    members = {group: [v for v in videos if v.group == group] for group in groups}
    # Largest remainders: round down, then add one where the remainder is largest.
    exact = np.array([number * len(members[group]) / len(videos) for group in groups])
    whole = exact.astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: number - whole.sum()]] += 1
    train, test = [], []
    for group, count in zip(groups, whole, strict=True):
        order = rng.permutation(len(members[group]))
        test += [members[group][i] for i in order[:count]]
        train += [members[group][i] for i in order[count:]]
    return train, test


def make_pairs(
    rng: np.random.Generator, videos: Sequence[TrackSource], *, frames: int | None, crops: int = 1
) -> list[TrackPair]:
    """Pairs of tracks (T, M, 2): each video's motion with noise of another one, or a video with its truth.

    Args:
        rng: draws the assignment and the crops.
        videos: at least two, unless they have a truth.
        frames: as in `make_split`.
        crops: as in `make_split`.
    """
    pairs = []
    for _ in range(crops):
        # The noise of each video goes to the next one of a random cycle, so never to itself.
        cycle = rng.permutation(len(videos))
        donor = dict(zip(cycle, np.roll(cycle, 1), strict=True))
        for i, video in enumerate(videos):
            part = _crop(rng, video.mask, frames)
            truth, mask = video.truth[part].astype(np.float32), video.mask[part]
            if video.residual is None:
                pairs.append(TrackPair(video.observed[part].astype(np.float32), truth, mask, video.name, video.name))
                continue
            other = videos[donor[i]]
            assert other.residual is not None
            pairs.append(
                TrackPair(truth + _noise(rng, other.residual, len(truth)), truth, mask, video.name, other.name)
            )
    return pairs


def _crop(rng: np.random.Generator, mask: Bool[np.ndarray, " t"], frames: int | None) -> slice:
    """A random range of at most `frames` frames, at least half of them scored if there is such a range."""
    if frames is None or len(mask) <= frames:
        return slice(None)
    scored = np.convolve(mask, np.ones(frames), mode="valid")
    starts = np.flatnonzero(scored >= min(frames / 2, scored.max()))
    start = int(rng.choice(starts))
    return slice(start, start + frames)


def _noise(rng: np.random.Generator, residual: Float[np.ndarray, "n m 2"], frames: int) -> np.ndarray:
    """Noise of consecutive frames from a random place on; it is repeated if it is too short."""
    start = int(rng.integers(max(len(residual) - frames, 0) + 1))
    return residual[(start + np.arange(frames)) % len(residual)].astype(np.float32)


def _synthetic(seed: int, frames: int, crops: int) -> Split:
    # Train and test have keys of their own.
    keys = jax.random.split(jax.random.key(seed))
    draw = jax.jit(tracks.batch, static_argnums=(1, 2))
    sets = []
    for name, key, number in (("train", keys[0], TRAIN * crops), ("test", keys[1], TEST * crops)):
        made = jax.tree.map(np.asarray, draw(key, number, frames))
        names = [f"{name}/{i}" for i in range(number)]
        scored = np.isfinite(made.observed).all(axis=(2, 3))
        sets.append(
            [TrackPair(*arrays, n, n) for *arrays, n in zip(made.observed, made.truth, scored, names, strict=True)]
        )
    return Split(*sets)
