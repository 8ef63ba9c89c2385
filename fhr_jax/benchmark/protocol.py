"""The protocol of every stabilizer experiment: which videos train, which test, what is observed and what is true.

Three sources, all in pixels of the 256 crop, (x, y):

* "tracks": synthetic tracks (`data.synthetic.tracks`), drawn anew for every seed; needs no download. Frames without
  an observation and broken frames are not scored.
* "300vw": the folder `300vw_fhr_predictions` in the folder that FHR_JAX_DATA names, files `GROUP/ID.npz` with
  `predictions` (T, M, 2) and, if there are any, `broken_frames` (1-based).
* a folder of such files. Where all of them hold `truth` (T, M, 2) too, the pairs are taken as they are: this is
  where annotations come in.

Predictions have no truth. The motion of a video is the zero-phase smoothing of its predictions, the noise is what
the smoothing took off, and a pair is the motion of one video with the noise of another one of the same set, so that
the truth is exact and the noise knows nothing of the motion. What that hides: blinks and other motion as fast as the
noise are smoothed out of the truth (and counted as noise), and noise that follows the motion no longer does.

Broken frames are bridged in the motion and not scored; their residuals are left out of the noise. Single points that
were thrown away (`FAR`) are interpolated before smoothing. Around them a smoothing says little about where the face is,
so frames within half a window of a thrown point are treated as broken ones too, unless `throws` asks for them.

Results are to be given as mean and spread over the seeds of `SEEDS`. NumPy on the host.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import maximum_filter1d

from fhr_jax import npz
from fhr_jax.benchmark.steadiness import find_outliers, interpolate, zero_phase
from fhr_jax.data.synthetic import tracks
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import Videos, as_videos, pad_videos

SEEDS = (0, 1, 2)
"""Each is one split and one transplant."""

TRAIN, TEST = 21, 12
"""Videos of each set; of a folder with another number of files, the same shares."""

FRAMES = 600
"""Default length of a pair."""

FAR = 0.25
"""A point this many face sizes (of about 72 px) from the median of its 9 neighbouring frames was thrown."""

WINDOW = 13
"""Frames of the smoothing that gives the motion."""


class TrackPair(NamedTuple):
    """A video to filter and where its landmarks are, pixels of the 256 crop.

    Attributes:
        observed: z, (T, M, 2), NaN where nothing was found.
        truth: p, (T, M, 2); in frames that are not scored, anything finite.
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
    """The pairs to tune or fit on, and those to judge by."""

    train: list[TrackPair]
    test: list[TrackPair]


class TrackSource(NamedTuple):
    """One file, taken apart.

    Attributes:
        name: GROUP/ID.
        group: what the split is stratified by.
        observed: predictions, (T, M, 2).
        truth: (T, M, 2), the file's own or the motion.
        mask: (T,), False where a frame is broken or has no truth.
        residual: noise of the good frames, one after the other, (at most T, M, 2); None where the file has a truth.
    """

    name: str
    group: str
    observed: Float[np.ndarray, "t m 2"]
    truth: Float[np.ndarray, "t m 2"]
    mask: Bool[np.ndarray, " t"]
    residual: Float[np.ndarray, "n m 2"] | None


def make(
    seed: int,
    *,
    source: str | os.PathLike[str] | Sequence[TrackSource] = "tracks",
    frames: int | None = FRAMES,
    crops: int = 1,
    throws: bool = False,
) -> Split:
    """The pairs of one seed; the same seed gives the same pairs.

    Args:
        seed: of the split, the transplant, the crops and the synthetic tracks.
        source: "tracks", "300vw", a folder, or what `read` returned (to read once for all seeds).
        frames: longest pair; longer videos are cropped at a random place, shorter ones stay as they are. None keeps
            whole videos (synthetic ones have `FRAMES`).
        crops: pairs made of each video. Of synthetic tracks, as many more are drawn.
        throws: True keeps the frames with thrown points, and the throws in the noise. They are 4 frames in 100 of the
            published predictions and more than half of the loss of the raw tracks, so comparisons of smoothing go
            without them. Files with a truth keep theirs either way.

    Raises:
        InputError: FHR_JAX_DATA is needed and not set, a folder has too few files, or a file is not as expected.
    """
    if crops < 1 or (frames is not None and frames < 3):
        raise InputError(f"crops: {crops}, frames: {frames}, expected at least 1 and 3")
    if isinstance(source, str) and source == "tracks":
        return _synthetic(seed, frames or FRAMES, crops)
    if isinstance(source, str | os.PathLike):
        source = read(source, throws=throws)
    rng = np.random.default_rng([seed, 300])
    train, test = _stratified(rng, source)
    return Split(*(_pairs(rng, videos, frames, crops) for videos in (train, test)))


def batch(pairs: Sequence[TrackPair]) -> Videos:
    """The pairs as padded, masked videos, as the fits and the losses take them."""
    videos = pad_videos([(pair.observed, pair.truth) for pair in pairs])
    longest = videos.mask.shape[1]
    mask = np.stack([np.pad(pair.mask, (0, longest - len(pair.mask))) for pair in pairs])
    return as_videos(videos.observed, videos.truth, mask & np.asarray(videos.mask))


def read(source: str | os.PathLike[str], *, throws: bool = False) -> list[TrackSource]:
    """Read and take apart all files GROUP/ID.npz of "300vw" or of a folder, in the order of their names.

    Raises:
        InputError: as `make`.
    """
    folder = _folder_300vw() if source == "300vw" else Path(source)
    files = sorted(folder.glob("*/*.npz")) or sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(f"{folder}: no files GROUP/ID.npz, expected tracks there")
    videos = [_take_apart(file, throws=throws) for file in files]
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


def _take_apart(file: Path, *, throws: bool) -> TrackSource:
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
    motion, good = smoothed(observed, good, throws=throws)
    if not good.any():
        raise InputError(f"{file}: every frame is broken or near a thrown point, expected one that is not")
    # Where a good frame misses a point, its residual is NaN, and the frame that gets this noise misses the point too.
    return TrackSource(name, file.parent.name, observed, motion, good, (observed - motion)[good])


def smoothed(
    observed: Float[np.ndarray, "t m 2"], good: Bool[np.ndarray, " t"], *, throws: bool = False
) -> tuple[Float[np.ndarray, "t m 2"], Bool[np.ndarray, " t"]]:
    """The motion of a track without truth, and which of its good frames say what the noise is.

    Args:
        observed: predictions, NaN where a point is missing.
        good: False where a frame is broken; those are bridged.
        throws: as in `make`.
    """
    missing = ~np.isfinite(observed).all(axis=-1) | ~good[:, None]
    thrown = find_outliers(np.where(good[:, None, None], observed, np.nan), far=FAR) | missing
    motion = zero_phase(interpolate(observed, thrown), window=WINDOW)
    near = maximum_filter1d((thrown & ~missing).any(axis=1), WINDOW)
    return motion, good if throws else good & ~near


def _stratified(rng: np.random.Generator, videos: Sequence[TrackSource]) -> tuple[list[TrackSource], list[TrackSource]]:
    """Train and test videos, with the same shares of every group as far as whole videos allow."""
    number = round(len(videos) * TEST / (TRAIN + TEST))
    if number < 2 or len(videos) - number < 2:
        raise InputError(f"source: {len(videos)} videos, expected enough for two in each set")
    groups = sorted({video.group for video in videos})
    members = {group: [v for v in videos if v.group == group] for group in groups}
    # Largest remainders: the whole parts first, then one more where most was cut off.
    exact = np.array([number * len(members[group]) / len(videos) for group in groups])
    whole = exact.astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: number - whole.sum()]] += 1
    train, test = [], []
    for group, count in zip(groups, whole, strict=True):
        order = rng.permutation(len(members[group]))
        test += [members[group][i] for i in order[:count]]
        train += [members[group][i] for i in order[count:]]
    return train, test


def _pairs(rng: np.random.Generator, videos: list[TrackSource], frames: int | None, crops: int) -> list[TrackPair]:
    pairs = []
    for _ in range(crops):
        # Around a random ring, every video gives its noise once and never to itself.
        ring = rng.permutation(len(videos))
        giver = dict(zip(ring, np.roll(ring, 1), strict=True))
        for i, video in enumerate(videos):
            part = _crop(rng, video.mask, frames)
            truth, mask = video.truth[part].astype(np.float32), video.mask[part]
            if video.residual is None:
                pairs.append(TrackPair(video.observed[part].astype(np.float32), truth, mask, video.name, video.name))
                continue
            other = videos[giver[i]]
            assert other.residual is not None
            pairs.append(
                TrackPair(truth + _noise(rng, other.residual, len(truth)), truth, mask, video.name, other.name)
            )
    return pairs


def _crop(rng: np.random.Generator, mask: Bool[np.ndarray, " t"], frames: int | None) -> slice:
    """A random stretch of at most `frames` frames, at least half of them to be scored where there is one."""
    if frames is None or len(mask) <= frames:
        return slice(None)
    scored = np.convolve(mask, np.ones(frames), mode="valid")
    starts = np.flatnonzero(scored >= min(frames / 2, scored.max()))
    start = int(rng.choice(starts))
    return slice(start, start + frames)


def _noise(rng: np.random.Generator, residual: Float[np.ndarray, "n m 2"], frames: int) -> np.ndarray:
    """A stretch of noise from a random place; one that is too short starts again at its end."""
    start = int(rng.integers(max(len(residual) - frames, 0) + 1))
    return residual[(start + np.arange(frames)) % len(residual)].astype(np.float32)


def _synthetic(seed: int, frames: int, crops: int) -> Split:
    # Train and test draw from two keys that no other seed has.
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
