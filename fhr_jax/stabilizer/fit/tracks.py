"""Videos to fit on: observed tracks and where the landmarks are, padded to one length and masked."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float

from fhr_jax import sharding
from fhr_jax.errors import InputError


class Videos(NamedTuple):
    """Videos of one length, padded; pixels of the 256 crop, or of any track whose lambdas are meant.

    Attributes:
        observed: z, (N, T, M, d), NaN where a point is missing.
        truth: p, (N, T, M, d), NaN where it is not known.
        mask: (N, T), True where a frame is scored.
    """

    observed: Float[Array, "n t m d"]
    truth: Float[Array, "n t m d"]
    mask: Bool[Array, "n t"]


def pad_videos(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Videos:
    """Videos of any lengths, each a pair (observed, truth) of shape (T, M, d), padded to the longest."""
    if not pairs:
        raise InputError("videos: none, expected at least one pair of tracks")
    longest = max(len(z) for z, _ in pairs)
    shape = pairs[0][0].shape[1:]
    for i, (z, p) in enumerate(pairs):
        if z.shape != p.shape or z.ndim != 3 or len(z) == 0 or z.shape[1:] != shape:
            raise InputError(f"video {i}: shapes {z.shape} and {p.shape}, expected (T, {shape[0]}, {shape[1]}) twice")

    def pad(track: np.ndarray) -> np.ndarray:
        # The last frame again, not NaN: the padding comes after all that is scored and changes nothing.
        return np.concatenate([track, np.repeat(track[-1:], longest - len(track), axis=0)])

    observed, truth = (np.stack([pad(pair[i]) for pair in pairs]).astype(np.float32) for i in (0, 1))
    lengths = np.array([len(z) for z, _ in pairs])
    inside = np.arange(longest)[None] < lengths[:, None]
    return as_videos(observed, truth, inside)


def as_videos(
    observed: np.ndarray | Array, truth: np.ndarray | Array, mask: np.ndarray | Array | None = None
) -> Videos:
    """Videos (N, T, M, d) with the mask worked out: the truth is known and every point has been seen by then."""
    observed, truth = np.asarray(observed), np.asarray(truth)
    scored = np.isfinite(truth).all(axis=(-2, -1))
    scored &= np.isfinite(observed).all(axis=-1).cumsum(axis=1).all(axis=-1)
    if mask is not None:
        scored &= np.asarray(mask)
    return Videos(jnp.asarray(observed), jnp.asarray(truth), jnp.asarray(scored))


def without_bias(observed: Float[np.ndarray, "t m d"], truth: Float[np.ndarray, "t m d"]) -> np.ndarray:
    """The track less the constant part of its error, point by point: no filter can remove it.

    A detector that is off by some pixels throughout a video would drown the error that a filter does change, above
    all in the paper's start, where rho would be that of the bias.
    """
    error = observed - truth
    known = np.isfinite(error)
    mean = np.where(known, error, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return (observed - mean[None]).astype(observed.dtype)


def fill_up(videos: Videos, mesh: Mesh | None) -> Videos:
    """The videos spread over the devices of a mesh, filled up to equal parts with unscored copies of the first."""
    if mesh is None:
        return videos
    number = len(videos.mask)
    lacking = -number % mesh.devices.size

    def fill(array: jax.Array) -> jax.Array:
        return jnp.concatenate([array, jnp.repeat(array[:1], lacking, axis=0)])

    filled = Videos(fill(videos.observed), fill(videos.truth), fill(videos.mask).at[number:].set(False))
    return sharding.spread(filled, mesh)
