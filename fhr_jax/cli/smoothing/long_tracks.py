"""A track of any length through the stabilizer, piece by piece: memory does not grow, and one pass gives the same.

`stabilizer.run` and `stabilizer.smooth` take a whole track, and need several copies of it. Here a piece is read, the
state goes on to the next piece, and the frames that still wait for later ones go with it. The pieces have one length,
so that one program is compiled for all tracks.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.stabilizer import Params, State, init_state, run, smooth, step
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.filter import Estimate
from fhr_jax.stabilizer.smoothing.chunks import CHUNK, HORIZON, Carry, init_carry, smooth_chunk
from fhr_jax.stabilizer.smoothing.mixing import MixingNet
from fhr_jax.stabilizer.smoothing.smooth_tracks import with_later_cuts

CHUNKS = 8
"""Chunks of `stabilizer.smooth` in a piece."""

MARGIN = 16
"""Frames on each side of a piece that `cuts.find` looks at, and more."""

_FILL: dict[str, Any] = {"z": np.nan, "dt": 1.0, "confidence": 0.0, "reset": False}
"""Frames before the first one and after the last one: without any observation."""

Frames = dict[str, np.ndarray]
"""The landmarks "z" (N, M, d) of N frames, and options of `stabilizer.step` by name, (N,) or (N, M)."""


class How(NamedTuple):
    """What is done to a track.

    Attributes:
        lag: frames of look-ahead; None for all.
        causal: no look-ahead at all.
        covariance: of the causal stabilizer.
        estimate: of the causal stabilizer.
    """

    lag: int | None = None
    causal: bool = False
    covariance: CovarianceKind = "diagonal"
    estimate: Estimate = "mean"


def piece_length() -> int:
    """Frames of a piece; shorter tracks are smoothed at once."""
    return CHUNKS * CHUNK


def stabilize(
    params: Params, read: Callable[[int, int], Frames], frames: int, how: How
) -> Iterator[Float[np.ndarray, "n m d"]]:
    """Yield the outputs (N, M, d) of the frames in order, piece by piece; N differs.

    What `stabilizer.smooth` or `stabilizer.run` give for the whole track, up to rounding.

    Args:
        params: see there.
        read: gives the frames from a number up to another one, excluded; the options are those of all frames.
        frames: how many there are.
        how: what is done.
    """
    if frames <= piece_length():
        yield _at_once(params, read, frames, how)
        return
    mixed = not how.causal or (params.movements is not None and how.estimate == "mean")
    if not mixed:
        yield from _stepped(params, read, frames, how)
        return
    net, lag = (params.movements, 0) if how.causal else (params.smoother, how.lag)
    tail = HORIZON if lag is None else lag
    if net is None:
        raise ValueError("params: without a smoother")
    points, dims = read(0, 1)["z"].shape[1:]
    carry = init_carry(params, points, dims, jnp.zeros_like(params.gamma), tail=tail, covariance=how.covariance)
    later = lag is None and params.outliers is not None
    length = piece_length()
    for start in range(0, frames + tail, length):
        around = _padded(read, frames, start - MARGIN, start + length + MARGIN)
        inputs = {name: values[MARGIN:-MARGIN] for name, values in around.items()}
        if later:
            inputs["reset"] = np.asarray(_later_cuts(around))[MARGIN:-MARGIN]
        carry, outputs = _smooth_piece(params, net, carry, inputs, tail=tail, lag=lag)
        # The outputs are those of `tail` frames earlier.
        first, last = max(tail - start, 0), min(frames + tail - start, length)
        if last > first:
            yield np.asarray(outputs)[first:last]


def _at_once(params: Params, read: Callable[[int, int], Frames], frames: int, how: How) -> np.ndarray:
    # The length is padded to a power of two with missing frames, so that few lengths are compiled. Frames without any
    # observation do not change those before them.
    inputs: dict[str, Any] = _padded(read, frames, 0, 1 << max(frames - 1, 0).bit_length())
    track = inputs.pop("z")
    if how.causal:
        return np.asarray(run(params, track, covariance=how.covariance, estimate=how.estimate, **inputs))[:frames]
    return np.asarray(smooth(params, track, lag=how.lag, **inputs))[:frames]


def _stepped(params: Params, read: Callable[[int, int], Frames], frames: int, how: How) -> Iterator[np.ndarray]:
    """Without movement types: `step` by `step`."""
    length = piece_length()
    state = init_state(params, dims=read(0, 1)["z"].shape[2], covariance=how.covariance)
    for start in range(0, frames, length):
        inputs = _padded(read, frames, start, start + length)
        state, outputs = _step_piece(params, state, inputs, estimate=how.estimate)
        yield np.asarray(outputs)[: frames - start]


@partial(jax.jit, static_argnames="estimate")
def _step_piece(
    params: Params, state: State, inputs: dict[str, Array], *, estimate: Estimate
) -> tuple[State, Float[Array, "n m d"]]:
    def one_frame(state: State, frame: dict[str, Any]) -> tuple[State, Array]:
        return step(params, state, estimate=estimate, **frame)

    return jax.lax.scan(one_frame, state, inputs)


@partial(jax.jit, static_argnames=("tail", "lag"))
def _smooth_piece(
    params: Params, net: MixingNet, carry: Carry, inputs: dict[str, Array], *, tail: int, lag: int | None
) -> tuple[Carry, Float[Array, "n m d"]]:
    """Read a piece, and smooth as many frames, `tail` frames earlier: the loop of `stabilizer.smooth`."""
    chunks = jax.tree.map(lambda a: a.reshape(-1, CHUNK, *a.shape[1:]), inputs)
    carry, outputs = jax.lax.scan(partial(smooth_chunk, params, net, tail=tail, lag=lag), carry, chunks)
    return carry, outputs.reshape(-1, *outputs.shape[2:])


_later_cuts = jax.jit(with_later_cuts)


def _padded(read: Callable[[int, int], Frames], frames: int, start: int, stop: int) -> Frames:
    """Frames from `start` up to `stop`, which may lie before the first one and after the last one."""
    first, last = min(max(start, 0), frames), min(max(stop, 0), frames)
    found = read(first, last)
    padded = {}
    for name, values in found.items():
        dtype = bool if values.dtype == bool else np.float32
        padded[name] = np.full((stop - start, *values.shape[1:]), _FILL[name], dtype)
        padded[name][first - start : last - start] = values
    return padded
