"""Videos to fit from a user's tracks: pairs of what a detector observed and what was true.

A track without a truth is separated into motion, its zero-phase smoothing, and noise, what remains. The smoothing holds
a part of the noise of its own track, so a fit to both would learn to let noise pass. Therefore the motion of one track
gets the noise of another track. Frames near an outlier are neither scored nor used as noise.

A single track has no other: it gets its own noise, half the track later.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax.benchmark import protocol
from fhr_jax.cli.fitting.tracks import UserTrack
from fhr_jax.stabilizer import Videos, as_videos, scale_to_face_size, without_bias

FRAMES = 300
"""Frames of a video at most."""

VIDEOS = 24
"""Number of videos of each fit."""

FEW = 30
"""Frames of noise that a track needs to lend it to others."""

PARTS, PART = 4, 60
"""Parts into which a single track is cut, so that some can be left out, and the fewest frames of a part."""


class PreparedTrack(NamedTuple):
    """A track as a fit uses it.

    Attributes:
        observed: (T, M, d), NaN where a point is missing.
        truth: (T, M, d) the true landmarks, NaN where unknown; or the smoothed motion, finite.
        scored: (T,) frames that are scored, whose noise is lent to other tracks.
        own: whether the file has the truth, so that the track keeps its own noise.
        dt: (T,) steps in frames, all 1 where the file says nothing.
        confidence: (T, M), all 1 where the file says nothing.
    """

    observed: Float[np.ndarray, "t m d"]
    truth: Float[np.ndarray, "t m d"]
    scored: Bool[np.ndarray, " t"]
    own: bool
    dt: Float[np.ndarray, " t"]
    confidence: Float[np.ndarray, "t m"]

    @property
    def noise(self) -> Float[np.ndarray, "n m d"]:
        """(N, M, d) noise of the scored frames."""
        return (self.observed - self.truth)[self.scored]


def prepare(track: UserTrack, *, keep_bias: bool = False) -> PreparedTrack:
    """A track with a truth, its own or its smoothed motion, in the unit of the file.

    Args:
        track: from `read_tracks`.
        keep_bias: keep the mean error of each point.
    """
    observed, own = np.asarray(track.observed, np.float64), track.truth is not None
    if track.truth is None:
        step = 1.0 if track.dt is None else max(float(np.median(track.dt[1:])), 1e-3)
        window = 2 * round((protocol.WINDOW / step - 1) / 2) + 1  # as long in seconds at every rate
        present = np.isfinite(observed).all(axis=-1).mean(axis=1) >= 0.5
        truth, scored = protocol.smooth_motion(observed, present, window=max(window, 5))
    else:
        truth = np.asarray(track.truth, np.float64)
        scored = np.asarray(np.isfinite(truth).all(axis=(1, 2)))
    if not keep_bias:
        observed = without_bias(observed, truth)
    frames, points = observed.shape[:2]
    confidence = np.ones((frames, points))
    if track.confidence is not None:
        confidence[:] = track.confidence if track.confidence.ndim == 2 else track.confidence[:, None]
    return PreparedTrack(observed, truth, scored, own, np.ones(frames) if track.dt is None else track.dt, confidence)


def in_pixels(track: PreparedTrack) -> PreparedTrack:
    """The track scaled so that its faces have the size of those in the 256 crop, as in `scale_to_face_size`."""
    observed, truth = scale_to_face_size(track.observed, track.truth)
    return track._replace(observed=observed, truth=truth)


def parts(track: PreparedTrack) -> list[PreparedTrack]:
    """A single track in parts, one after the other; as it is where it is too short."""
    number = min(PARTS, len(track.dt) // PART)
    if number < 2:
        return [track]
    edges = np.linspace(0, len(track.dt), number + 1).astype(int)
    return [_cut(track, slice(*edge)) for edge in pairwise(edges)]


def number_of_videos(tracks: Sequence[PreparedTrack]) -> int:
    """Videos that hold the frames of these tracks, those without a truth twice, as motion of two noises."""
    pieces = sum(-(-len(track.dt) // FRAMES) * (1 if track.own else 2) for track in tracks)
    return max(min(VIDEOS, pieces), 2)


def sample(tracks: Sequence[PreparedTrack], chosen: Sequence[int], seed: int, *, videos: int) -> Videos:
    """Videos of some of the tracks, each of them in turn; always of the same shape.

    Args:
        tracks: all.
        chosen: those to use, both for motion and for noise.
        seed: draws the place in longer tracks, and the noise.
        videos: their number.
    """
    rng = np.random.default_rng([seed, 16])
    length = min(FRAMES, max(len(track.dt) for track in tracks))
    made: list[PreparedTrack] = []
    while len(made) < videos:
        order = rng.permutation(np.asarray(chosen)).tolist()
        lenders = [i for i in order if not tracks[i].own and tracks[i].scored.sum() >= FEW]
        for i in order[: videos - len(made)]:
            piece = _crop(rng, tracks[i].scored, length)
            made.append(_with_noise(rng, tracks, i, lenders, piece))
    return _stack(made, length)


def whole(tracks: Sequence[PreparedTrack], *, seed: int) -> Videos:
    """Every track in its whole length, once."""
    rng = np.random.default_rng([seed, 16])
    lenders = [i for i, track in enumerate(tracks) if not track.own and track.scored.sum() >= FEW]
    made = [_with_noise(rng, tracks, i, lenders, slice(None)) for i in range(len(tracks))]
    return _stack(made, max(len(track.dt) for track in tracks))


def _with_noise(
    rng: np.random.Generator,
    tracks: Sequence[PreparedTrack],
    i: int,
    lenders: Sequence[int],
    piece: slice,
) -> PreparedTrack:
    """A piece of a track; without a truth it gets the noise of another track, from a random place on."""
    track = _cut(tracks[i], piece)
    if track.own or not len(lenders):
        return track
    others = [j for j in lenders if j != i]
    lender = tracks[rng.choice(others)] if others else tracks[i]
    noise, length = lender.noise, len(track.dt)
    if others:
        start = int(rng.integers(len(noise)))
    else:  # far from where it was: half the track later
        start = int(tracks[i].scored[: piece.start or 0].sum()) + len(noise) // 2
    places = (start + np.arange(length)) % len(noise)
    return track._replace(observed=track.truth + noise[places], confidence=lender.confidence[lender.scored][places])


def _crop(rng: np.random.Generator, scored: np.ndarray, length: int) -> slice:
    """A random range of `length` frames, at least half of them scored if there is such a range."""
    if len(scored) <= length:
        return slice(0, len(scored))
    number = np.convolve(scored, np.ones(length), mode="valid")
    start = int(rng.choice(np.flatnonzero(number >= min(length / 2, number.max()))))
    return slice(start, start + length)


def _cut(track: PreparedTrack, piece: slice) -> PreparedTrack:
    observed, truth, scored, own, dt, confidence = track
    return PreparedTrack(observed[piece], truth[piece], scored[piece], own, dt[piece], confidence[piece])


def _stack(tracks: Sequence[PreparedTrack], length: int) -> Videos:
    """Videos of one length; the last frame is repeated, and not scored."""

    def stack(arrays: list[np.ndarray]) -> np.ndarray:
        return np.stack([np.concatenate([a, np.repeat(a[-1:], length - len(a), axis=0)]) for a in arrays])

    mask = np.stack([np.pad(track.scored, (0, length - len(track.dt))) for track in tracks])
    dt = stack([track.dt for track in tracks]).astype(np.float32)
    dt[:, 0] = 1
    confidence = stack([track.confidence for track in tracks]).astype(np.float32)
    return as_videos(
        stack([track.observed for track in tracks]).astype(np.float32),
        stack([track.truth for track in tracks]).astype(np.float32),
        mask=mask,
        dt=None if (dt == 1).all() else dt,
        confidence=None if (confidence == 1).all() else confidence,
    )
