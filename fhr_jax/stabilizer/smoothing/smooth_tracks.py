"""Smoothing with look-ahead of whole tracks, in chunks, so that memory does not grow with the length of a track."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.filter import Cleaned, step_cleaned
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.run_tracks import check_track, options_with_batch_axes, run
from fhr_jax.stabilizer.smoothing import passes
from fhr_jax.stabilizer.smoothing.mixing import MixingNet
from fhr_jax.stabilizer.smoothing.passes import ForwardState, MixingState
from fhr_jax.stabilizer.state import State, init_state

CHUNK = 512
"""Frames that are smoothed at once."""

HORIZON = 128
"""Frames that look-ahead over a whole track sees in a track of several chunks. The longest movement type forgets within
ten frames, so only a longer gap between observations is filled differently."""


def smooth(
    params: Params,
    track: Float[Array | np.ndarray, "*batch t m d"],
    *,
    lag: int | None = None,
    dt: Float[Array | np.ndarray, "..."] | None = None,
    mask: Bool[Array | np.ndarray, "..."] | None = None,
    confidence: Float[Array | np.ndarray, "..."] | None = None,
    reset: Bool[Array | np.ndarray, "..."] | None = None,
) -> Float[Array, "*batch t m d"]:
    """Smooth one track or a batch of tracks with look-ahead: an output depends on the frames after it, too.

    The causal stabilizer runs first: it finds outliers, cuts and the size of the face. Then each movement type is
    smoothed forward and back in time (`kalman_bank.py`), and a network mixes them (`mixing.py`). Nothing is smoothed
    across a cut or a `reset`, and a gap is filled from both sides. Differentiable, and compiled once for each shape,
    lag and set of options. Memory beyond input, output and three copies of the track does not grow with T.

    Args:
        params: as for `run`, with `Params.smoother`.
        track: (..., T, M, d) with T at least 1; NaN where a point is missing.
        lag: frames of look-ahead, at least 0; None for the whole track. 0 is `run`.
        dt: (T,), see `run`.
        mask: (T,) or (T, M), see `run`.
        confidence: (T,) or (T, M), see `run`.
        reset: (T,), see `run`.

    Returns:
        (..., T, M, d) in the units of the track, in float32 for narrower types; a point is NaN until it is first
        observed.

    Raises:
        InputError: a shape does not fit, the lag is negative, or the parameters have no smoother.
    """
    smoother_of(params, lag)
    if lag == 0:
        return run(params, track, dt=dt, mask=mask, confidence=confidence, reset=reset)
    check_track(params, track)
    given = {"dt": dt, "mask": mask, "confidence": confidence, "reset": reset}
    options = {name: value for name, value in given.items() if value is not None}
    batched = options_with_batch_axes(options, track.shape)
    return _smooth(params, track, options, batched=batched, lag=lag)


def smoother_of(params: Params, lag: int | None) -> MixingNet:
    """The network of the smoother; refuses a negative lag, and parameters without a smoother.

    Raises:
        InputError: see above.
    """
    if lag is not None and lag < 0:
        raise InputError(f"lag: {lag}, expected frames of look-ahead, at least 0, or None for the whole track")
    if params.smoother is None:
        raise InputError("params: without a smoother, expected one, such as that of default_params().smoother")
    return params.smoother


@partial(jax.jit, static_argnames=("batched", "lag"))
def _smooth(
    params: Params, track: Array, options: dict[str, Array], *, batched: tuple[str, ...], lag: int | None
) -> Array:
    one_track = partial(smooth_one, params, lag=lag)
    axes = {"z": 0} | {name: 0 if name in batched else None for name in options}
    for _ in track.shape[:-3]:
        one_track = jax.vmap(one_track, in_axes=(axes,))
    track = track.astype(jnp.promote_types(track.dtype, jnp.float32))
    return one_track({"z": track} | options)


def smooth_one(params: Params, inputs: dict[str, Array], *, lag: int | None) -> Array:
    """One track: its frames in chunks, each smoothed with the `tail` of frames before it that had no future yet."""
    frames, points, dims = inputs["z"].shape
    tail = HORIZON if lag is None else lag
    if frames <= CHUNK + tail:
        tail, chunk, number = 0, frames, 1
    else:
        chunk, number = CHUNK, -(-(frames + tail) // CHUNK)
    padding = number * chunk - frames
    padded = {name: _pad(name, value, padding) for name, value in inputs.items()}
    chunks = jax.tree.map(lambda a: a.reshape(number, chunk, *a.shape[1:]), padded)
    like = inputs["z"][0, 0, 0] * 0
    carry = (
        init_state(params, dims=dims),
        _empty(tail, points, dims, like),
        passes.init_forward(points, dims, like),
        passes.init_mixing(points, dims, like),
    )
    outputs = jax.lax.scan(partial(_chunk, params, tail=tail, lag=lag), carry, chunks)[1]
    return outputs.reshape(number * chunk, points, dims)[tail : tail + frames]


Carry = tuple[State, Cleaned, ForwardState, MixingState]


def _chunk(
    params: Params, carry: Carry, inputs: dict[str, Array], *, tail: int, lag: int | None
) -> tuple[Carry, Float[Array, "c m d"]]:
    """Read a chunk of frames, and smooth as many, `tail` frames earlier."""
    state, waiting, forward, mixing = carry

    def first_pass(state: State, frame: dict[str, Any]) -> tuple[State, Cleaned]:
        return step_cleaned(params, state, **frame)

    state, read = jax.lax.scan(first_pass, state, inputs)
    chunk = read.dt.shape[0]
    frames = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), waiting, read)
    done, later = (jax.tree.map(part, frames) for part in (lambda a: a[:chunk], lambda a: a[chunk:]))
    forward, passed = jax.lax.scan(passes.forward, forward, done)
    if tail:
        beyond = jax.lax.scan(passes.forward, forward, later)[1]
        passed = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), passed, beyond)
    prepared = passes.prepare(passed, mixing, lag=lag)
    prepared = jax.tree.map(lambda a: a[:chunk], prepared)
    evidence, outputs = passes.mix_all(smoother_of(params, lag), prepared, mixing)
    mixing = MixingState(*jax.tree.map(lambda a: a[-1], (evidence, prepared.displacements.parts)))
    return (state, later, forward, mixing), outputs


def _pad(name: str, value: Array, padding: int) -> Array:
    """Frames behind the end: without any observation."""
    widths = [(0, padding)] + [(0, 0)] * (value.ndim - 1)
    fill: Any = {"z": jnp.nan, "dt": 1, "confidence": 0}.get(name, False)
    return jnp.pad(value, widths, constant_values=fill)


def _empty(frames: int, points: int, dims: int, like: Array) -> Cleaned:
    """Frames before the first one: no point was ever seen."""
    zeros = jnp.zeros_like(like, shape=(frames, points, dims))
    never = jnp.zeros((frames, points), bool)
    ones = jnp.ones_like(like, shape=(frames,))
    return Cleaned(zeros, zeros[..., 0], never, never, ones, zeros, ones)
