"""Videos to fit: observed and true tracks, padded to one length and masked."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.cleaning import LONGEST_GAP
from fhr_jax.stabilizer.units import FACE_SIZE, median_distance


class Videos(NamedTuple):
    """Videos padded to one length, in the pixels in which the weights of the loss are meant (those of the 256 crop).

    Attributes:
        observed: z, (N, T, M, d), NaN where a point is missing.
        truth: p, (N, T, M, d), NaN where it is unknown.
        mask: (N, T), True where a frame is scored.
        dt: (N, T), frames since the last one, see `run`; None where all are 1.
        confidence: (N, T, M) in [0, 1], see `run`; None where all are 1.
    """

    observed: Float[Array, "n t m d"]
    truth: Float[Array, "n t m d"]
    mask: Bool[Array, "n t"]
    dt: Float[Array, "n t"] | None = None
    confidence: Float[Array, "n t m"] | None = None


def pad_videos(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    dt: Sequence[np.ndarray | None] | None = None,
    confidence: Sequence[np.ndarray | None] | None = None,
) -> Videos:
    """Pad videos to the length of the longest.

    Args:
        pairs: (observed, truth) of each video, both (T, M, d) with a T of its own.
        dt: (T,) of each video, see `run`, None for a video in which all are 1.
        confidence: (T,) or (T, M) of each video, see `run`, None for a video in which all are 1.

    Raises:
        InputError: there are none, or the shapes do not match.
    """
    if not pairs:
        raise InputError("videos: none, expected at least one pair of tracks")
    longest = max(len(z) for z, _ in pairs)
    shape = pairs[0][0].shape[1:]
    for i, (z, p) in enumerate(pairs):
        if z.shape != p.shape or z.ndim != 3 or len(z) == 0 or z.shape[1:] != shape:
            raise InputError(f"video {i}: shapes {z.shape} and {p.shape}, expected (T, {shape[0]}, {shape[1]}) twice")

    def pad(track: np.ndarray) -> np.ndarray:
        # Repeat the last frame instead of NaN, for the fast path of `run`. Padding lies after all scored frames.
        return np.concatenate([track, np.repeat(track[-1:], longest - len(track), axis=0)])

    observed, truth = (np.stack([pad(pair[i]) for pair in pairs]).astype(np.float32) for i in (0, 1))
    lengths = np.array([len(z) for z, _ in pairs])
    inside = np.arange(longest)[None] < lengths[:, None]
    steps = _pad_options("dt", dt, lengths, ())
    weights = _pad_options("confidence", confidence, lengths, (shape[0],))
    return as_videos(observed, truth, mask=inside, dt=steps, confidence=weights)


def _pad_options(
    name: str, options: Sequence[np.ndarray | None] | None, lengths: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray | None:
    """Options (N, T, *shape) of all videos, 1 where they have none; None where no video has any."""
    if options is None or all(option is None for option in options):
        return None
    padded = np.ones((len(lengths), lengths.max(), *shape), np.float32)
    for i, (option, length) in enumerate(zip(options, lengths, strict=True)):
        if option is not None:
            if option.shape not in ((length,), (length, *shape)):
                raise InputError(f"video {i}: {name} of shape {option.shape}, expected {(int(length), *shape)}")
            padded[i, :length] = option if option.ndim == 1 + len(shape) else option[:, None]
    return padded


def as_videos(
    observed: np.ndarray | Array,
    truth: np.ndarray | Array,
    *,
    mask: np.ndarray | Array | None = None,
    dt: np.ndarray | Array | None = None,
    confidence: np.ndarray | Array | None = None,
) -> Videos:
    """Videos of one length, with the mask of scored frames: the truth is known and every point has been seen by then.

    After a gap of more than `LONGEST_GAP` frames every point has to be seen again, since the stabilizer starts anew.

    Args:
        observed: (N, T, M, d), NaN where a point is missing.
        truth: (N, T, M, d), NaN where it is unknown.
        mask: (N, T), False excludes further frames.
        dt: (N, T), frames since the last one, see `run`; None is 1.
        confidence: (N, T, M) in [0, 1], see `run`; None is 1. A point is missing where it is 0.
    """
    observed, truth = np.asarray(observed), np.asarray(truth)
    scored = np.isfinite(truth).all(axis=(-2, -1))
    seen = np.isfinite(observed).all(axis=-1)
    if confidence is not None:
        seen = seen & (np.asarray(confidence) > 0)
    index = np.arange(observed.shape[1])[None]
    last_seen = np.maximum.accumulate(np.where(seen, index[..., None], -1), axis=1)
    scored &= (last_seen >= _starts(np.asarray(seen.any(axis=-1)), dt)[..., None]).all(axis=-1)
    if mask is not None:
        scored &= np.asarray(mask)
    options = (None if value is None else jnp.asarray(value) for value in (dt, confidence))
    return Videos(jnp.asarray(observed), jnp.asarray(truth), jnp.asarray(scored), *options)


def _starts(seen: np.ndarray, dt: np.ndarray | Array | None) -> np.ndarray:
    """The frame at which the stabilizer started anew last (N, T), from where there is a point (N, T)."""
    time = np.cumsum(np.ones(seen.shape) if dt is None else np.asarray(dt, np.float64), axis=1)
    last = np.maximum.accumulate(np.where(seen, time, -np.inf), axis=1)
    before = np.concatenate([np.full((len(seen), 1), -np.inf), last[:, :-1]], axis=1)
    index = np.arange(seen.shape[1])[None]
    return np.maximum.accumulate(np.where(time - before > LONGEST_GAP, index, 0), axis=1)


def without_bias(observed: Float[np.ndarray, "t m d"], truth: Float[np.ndarray, "t m d"]) -> np.ndarray:
    """The observed track (T, M, d) minus the mean error of each point over the video, which no filter can remove.

    A detector with a constant error of some pixels would hide the error that a filter can change. In the paper's
    initial parameters, rho would measure the constant error only.

    Args:
        observed: (T, M, d), NaN where a point is missing.
        truth: (T, M, d), NaN where it is unknown.
    """
    error = observed - truth
    known = np.isfinite(error)
    mean = np.where(known, error, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return (observed - mean[None]).astype(observed.dtype)


def scale_to_face_size(
    observed: Float[np.ndarray, "t m d"], truth: Float[np.ndarray, "t m d"]
) -> tuple[np.ndarray, np.ndarray]:
    """Both tracks (T, M, d) of a video, scaled so that `median_distance` of the truth is `FACE_SIZE` pixels.

    The weights of the loss are meant for faces of this size, which faces have in the 256 crop.

    Args:
        observed: (T, M, d) in any unit, NaN where a point is missing.
        truth: (T, M, d) in the same unit, NaN where it is unknown.
    """
    scale = FACE_SIZE / median_distance(truth)
    return observed * scale, truth * scale


def pad_to_mesh(videos: Videos, mesh: Mesh | None) -> Videos:
    """The videos divided among the devices of a mesh; unscored copies of the first video make the parts equal.

    Args:
        videos: (N, T, M, d) tracks.
        mesh: None leaves them as they are.
    """
    if mesh is None:
        return videos
    number = len(videos.mask)
    missing = -number % mesh.devices.size

    def pad(array: jax.Array) -> jax.Array:
        return jnp.concatenate([array, jnp.repeat(array[:1], missing, axis=0)])

    padded = jax.tree.map(pad, videos)
    padded = padded._replace(mask=padded.mask.at[number:].set(False))
    return sharding.spread(padded, mesh)
