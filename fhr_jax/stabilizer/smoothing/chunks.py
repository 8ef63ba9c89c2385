"""One track in chunks, so that memory does not grow with its length."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.stabilizer.covariance import WINDOW, CovarianceKind
from fhr_jax.stabilizer.filter import step_cleaned
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.smoothing import passes
from fhr_jax.stabilizer.smoothing.mixing import MixingNet
from fhr_jax.stabilizer.smoothing.passes import Cleaned, ForwardState, MixingState
from fhr_jax.stabilizer.state import State, init_state

CHUNK = 512
"""Frames that are smoothed at once."""

HORIZON = 128
"""Frames that look-ahead over a whole track sees in a track of several chunks. The longest movement type forgets within
ten frames, so only a longer gap between observations is filled differently."""


def mix_track(
    params: Params,
    net: MixingNet,
    inputs: dict[str, Array],
    *,
    lag: int | None,
    chunk: int | None = None,
    covariance: CovarianceKind = "diagonal",
    window: int = WINDOW,
) -> Float[Array, "t m d"]:
    """The movement types of one track, mixed: chunk by chunk, each with the frames before it that had no future yet.

    Args:
        params: of the causal stabilizer, which cleans the frames.
        net: weighs the movement types.
        inputs: the track "z" (T, M, d), and options of `step` by name, (T, ...).
        lag: frames of look-ahead, at least 0; None for all.
        chunk: frames of a chunk, whose states a gradient then computes again instead of keeping them; default:
            `CHUNK`, and a gradient keeps all.
        covariance: see `run`.
        window: see `run`.
    """
    z = inputs["z"]
    inputs = inputs | {"z": z.astype(jnp.promote_types(z.dtype, jnp.float32))}
    frames, points, dims = z.shape
    length = CHUNK if chunk is None else chunk
    tail = HORIZON if lag is None else lag
    if frames <= length + tail:
        tail, length, number = 0, frames, 1
    else:
        number = -(-(frames + tail) // length)
    padding = number * length - frames
    padded = {name: _pad(name, value, padding) for name, value in inputs.items()}
    chunks = jax.tree.map(lambda a: a.reshape(number, length, *a.shape[1:]), padded)
    like = jnp.zeros_like(inputs["z"], shape=())
    carry = init_carry(params, points, dims, like, tail=tail, covariance=covariance, window=window)
    body = partial(smooth_chunk, params, net, tail=tail, lag=lag)
    outputs = jax.lax.scan(body if chunk is None else jax.checkpoint(body), carry, chunks)[1]
    return outputs.reshape(number * length, points, dims)[tail : tail + frames]


Carry = tuple[State, Cleaned, ForwardState, MixingState]
"""After a chunk: the causal stabilizer, the frames that wait for later ones, the pass forward, and the mixing."""


def init_carry(
    params: Params,
    points: int,
    dims: int,
    like: Float[Array, ""],
    *,
    tail: int,
    covariance: CovarianceKind = "diagonal",
    window: int = WINDOW,
) -> Carry:
    """What goes into the first chunk.

    Args:
        params: of the causal stabilizer.
        points: M.
        dims: d.
        like: () has the dtype.
        tail: frames that wait for later ones.
        covariance: see `run`.
        window: see `run`.
    """
    return (
        init_state(params._replace(movements=None), dims=dims, covariance=covariance, window=window),
        _empty(tail, points, dims, like),
        passes.init_forward(points, dims, like),
        passes.init_mixing(points, dims, like),
    )


def smooth_chunk(
    params: Params, net: MixingNet, carry: Carry, inputs: dict[str, Array], *, tail: int, lag: int | None
) -> tuple[Carry, Float[Array, "c m d"]]:
    """Read a chunk of C frames, and smooth as many, `tail` frames earlier: (C, M, d) in the units of the track.

    Args:
        params: of the causal stabilizer.
        net: weighs the movement types.
        carry: from `init_carry` or the chunk before.
        inputs: "z" (C, M, d), and options of `step` by name, (C, ...).
        tail: frames that wait for later ones, at least the look-ahead.
        lag: frames of look-ahead; None for all that wait.
    """
    state, waiting, forward, mixing = carry

    def first_pass(state: State, frame: dict[str, Any]) -> tuple[State, Cleaned]:
        return step_cleaned(params, state, **frame)

    state, read = jax.lax.scan(first_pass, state, inputs)
    chunk = read.dt.shape[0]
    frames = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), waiting, read)
    done, later = (jax.tree.map(part, frames) for part in (lambda a: a[:chunk], lambda a: a[chunk:]))
    forward, passed = passes.forward_all(forward, done)
    if tail:
        beyond = passes.forward_all(forward, later)[1]
        passed = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), passed, beyond)
    prepared = passes.prepare(passed, mixing, lag=lag)
    prepared = jax.tree.map(lambda a: a[:chunk], prepared)
    evidence, outputs = passes.mix_all(net, prepared, mixing)
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
    return Cleaned(zeros, zeros[..., 0], never, never, ones, zeros, ones, ones > 0)
