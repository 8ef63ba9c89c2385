"""The stabilizer on landmarks: state, one step, one scan. Missing points, units and cuts are handled here.

The mixture (`mixture.py`) works on coordinates relative to the first frame, so that float32 keeps its digits at
any distance from the origin, turned into the basis of the parameters and, if they ask for it, divided by the
size of the face.
"""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.filters import Filter
from fhr_jax.stabilizer import mixture
from fhr_jax.stabilizer.gate import Doubt, judge
from fhr_jax.stabilizer.params import Params

Covariance = Literal["diagonal", "full"]
Estimate = Literal["mean", "mode"]


class State(NamedTuple):
    """All that the stabilizer keeps between frames, a pytree of constant size.

    Attributes:
        history: past outputs, relative to `origin`, in units of `scale`, in the basis.
        origin: (M, d), where each point was first seen (or last taken anew after a jump), units of the track.
        seen: (M,), False for points that were never seen.
        scale: units of the track in one unit of the parameters.
        doubt: what the gate keeps; None without a gate.
    """

    history: mixture.History
    origin: Float[Array, "m d"]
    seen: Bool[Array, " m"]
    scale: Float[Array, ""]
    doubt: Doubt | None


def init_state(params: Params, *, dims: int = 2, covariance: Covariance = "diagonal") -> State:
    """The state before the first frame, for points of `dims` dimensions (M is the basis' size over it)."""
    size = params.noise.shape[0]
    if size % dims:
        raise InputError(f"params: {size} directions, expected a multiple of the {dims} dimensions of a point")
    if covariance not in ("diagonal", "full"):
        raise InputError(f"covariance: {covariance!r}, expected 'diagonal' or 'full'")
    points, zero = size // dims, jnp.zeros_like(params.gamma)
    nothing = jnp.zeros_like(zero, shape=(points, dims))
    doubt = None if params.gate is None else Doubt(nothing[:, 0], nothing, nothing[:, 0])
    return State(
        history=mixture.start(params, full=covariance == "full"),
        origin=nothing,
        seen=jnp.zeros(points, bool),
        scale=jnp.ones_like(zero),
        doubt=doubt,
    )


def step(
    params: Params,
    state: State,
    z: Float[Array, "m d"],
    *,
    dt: float | Float[Array, ""] = 1.0,
    mask: Bool[Array, ""] | Bool[Array, " m"] | None = None,
    confidence: Float[Array, " m"] | None = None,
    estimate: Estimate = "mean",
) -> tuple[State, Float[Array, "m d"]]:
    """One frame: the next state and the stabilized points.

    Args:
        params: the parameters.
        state: from `init_state` or the last step.
        z: observed points (M, d), units of the track; a point with a NaN is missing.
        dt: frames since the last step, 1 for even time; the history fades by gamma^dt.
        mask: False where a point, or with a scalar the whole frame, is to count as missing.
        confidence: (M,) in [0, 1]: the step that the observation asks for is mixed in this proportion with the mean
            step of all points; 0 is missing.
        estimate: "mean" of the posterior, or its "mode" as in Eq. 8.

    Returns:
        The state and the points (M, d), in the units of the track. A missing point is predicted and moves with the
        others; a frame without any observation leaves the history as it is but for its fading. Points never
        seen are NaN.

    Raises:
        InputError: the points have other numbers of coordinates than the parameters.
    """
    _check(params, z[None])
    here = jnp.isfinite(z).all(axis=-1)
    if mask is not None:
        here = here & mask
    weight = here.astype(z.dtype)
    if confidence is not None:
        weight = jnp.where(here, jnp.clip(confidence, 0, 1), 0)
        here = weight > 0
    z = jnp.where(here[:, None], z, 0)
    return _step(params, state, z, here, weight, jnp.asarray(dt, z.dtype), estimate)


@partial(jax.jit, static_argnames=("covariance", "estimate"))
def run(
    params: Params,
    track: Float[Array, "t m d"],
    *,
    mask: Bool[Array, " t"] | Bool[Array, "t m"] | None = None,
    covariance: Covariance = "diagonal",
    estimate: Estimate = "mean",
) -> Float[Array, "t m d"]:
    """Stabilize a track, causally: the output of a frame depends on it and on those before it.

    Args:
        params: `default_params()`, `init_params(...)`, or fitted ones.
        track: (T, M, d), T at least 1; NaN where a point is missing.
        mask: False where a frame (T,) or a point (T, M) is to count as missing.
        covariance: "diagonal" keeps the diagonal of the history's covariance in the basis, fast; "full" keeps
            all of it, as the paper.
        estimate: "mean" of the posterior, or its "mode", as the paper (slow).

    Returns:
        The stabilized track (T, M, d) in the same units, NaN for each point until it is first seen.
    """
    _check(params, track)
    mask = jnp.ones(track.shape[0], bool) if mask is None else mask

    def frame(state: State, inputs: tuple[Array, Array]) -> tuple[State, Array]:
        z, valid = inputs
        return step(params, state, z, mask=valid, estimate=estimate)

    state = init_state(params, dims=track.shape[-1], covariance=covariance)
    return jax.lax.scan(frame, state, (track, mask))[1]


@partial(jax.jit, static_argnames="covariance")
def run_complete(
    params: Params, track: Float[Array, "t m d"], *, covariance: Covariance = "diagonal"
) -> Float[Array, "t m d"]:
    """`run` for tracks that miss nothing and parameters without a gate: turns all frames at once, so much faster."""
    _check(params, track)
    if params.gate is not None:
        raise InputError("params: with a gate, expected none, since any point may then be missing")
    points = track.shape[1]
    scale = _scale(params, track[0], jnp.ones(points, bool))
    relative = ((track - track[:1]) / scale).reshape(track.shape[0], -1)
    y = jnp.matmul(relative, params.basis, precision=Precision.HIGHEST)
    dt = jnp.ones_like(params.gamma)

    def frame(history: mixture.History, y: Array) -> tuple[mixture.History, Array]:
        x = mixture.estimate_mean(mixture.posterior(params, history, mixture.predict(params, history, dt), y))
        return mixture.remember(params, history, x, dt), x

    x = jax.lax.scan(frame, mixture.start(params, full=covariance == "full"), y)[1]
    x = jnp.matmul(x, params.basis.T, precision=Precision.HIGHEST).reshape(track.shape)
    return track[:1] + scale * x


def as_filter(params: Params, *, covariance: Covariance = "diagonal", estimate: Estimate = "mean") -> Filter:
    """The stabilizer as a Filter, beside the baselines of `fhr_jax.filters`."""

    def init(frame: Float[Array, "m d"]) -> State:
        return init_state(params, dims=frame.shape[-1], covariance=covariance)

    return Filter(init, partial(step, params, estimate=estimate))


def _step(
    params: Params, state: State, z: Array, here: Array, weight: Array, dt: Array, estimate: Estimate
) -> tuple[State, Array]:
    state, z, here = _gate(params, state, z, here, dt)
    scale = jnp.where(state.seen.any(), state.scale, _scale(params, z, here))
    history = state.history
    means, predicted = _predict(params, history, dt, scale, z.shape)
    centre = (params.alpha[:, None] * means).sum(axis=0)

    # A point seen for the first time starts where its prediction is 0 away.
    origin = jnp.where((here & ~state.seen)[:, None], z - predicted, state.origin)
    seen = state.seen | here
    residual = _filled(jnp.where(here[:, None], (z - origin - predicted) / scale, 0), weight)
    y = centre + jnp.matmul(residual.reshape(-1), params.basis, precision=Precision.HIGHEST)

    posterior = mixture.posterior(params, history, means, y)
    x = mixture.estimate_mean(posterior) if estimate == "mean" else mixture.estimate_mode(posterior)
    after = mixture.remember(params, history, x, dt)
    skipped, prediction = mixture.skip(params, history, dt)
    some = here.any()
    after = jax.tree.map(lambda new, old: jnp.where(some, new, old), after, skipped)
    x = jnp.where(some, x, prediction)

    points = origin + scale * _to_points(params, x, z.shape)
    return State(after, origin, seen, scale, state.doubt), jnp.where(seen[:, None], points, jnp.nan)


def _filled(residual: Array, weight: Array) -> Array:
    """Residuals of points that are missing, wholly or in part, replaced by the mean of those that are there.

    So a hidden landmark moves with the rest of the face.
    """
    weight = weight[:, None]
    mean = (weight * residual).sum(axis=0, keepdims=True) / jnp.maximum(weight.sum(), 1e-6)
    return weight * residual + (1 - weight) * mean


def _predict(
    params: Params, history: mixture.History, dt: Array, scale: Array, shape: tuple[int, ...]
) -> tuple[Array, Array]:
    """Means of the components in the basis, and their mean as points relative to the origin, units of the track."""
    means = mixture.predict(params, history, dt)
    return means, scale * _to_points(params, (params.alpha[:, None] * means).sum(axis=0), shape)


def _gate(params: Params, state: State, z: Array, here: Array, dt: Array) -> tuple[State, Array, Array]:
    """The state, the observation and which points count, after the gate (if there is one)."""
    if params.gate is None or state.doubt is None:
        return state, z, here
    predicted = state.origin + _predict(params, state.history, dt, state.scale, z.shape)[1]
    distance = params.gate.distance * state.scale
    doubt, verdict = judge(params.gate, state.doubt, z, here, predicted, state.seen, distance)
    full = state.history.covariance.ndim == 2
    fresh = init_state(params, dims=z.shape[-1], covariance="full" if full else "diagonal")
    state = state._replace(seen=state.seen & ~verdict.anew)
    state = jax.tree.map(lambda new, kept: jnp.where(verdict.cut, new, kept), fresh, state)
    return state._replace(doubt=doubt), verdict.z, verdict.here


def _scale(params: Params, z: Array, here: Array) -> Array:
    """Units of the track in one unit of the parameters, from the first valid frame."""
    if params.face is None:
        return jnp.ones_like(params.gamma)
    number = jnp.maximum(here.sum(), 1)
    z = jnp.where(here[:, None], z, 0)
    off = jnp.where(here[:, None], z - z.sum(axis=0, keepdims=True) / number, 0)
    square = (off**2).sum() / number
    size = jnp.sqrt(jnp.where(square > 0, square, 1))
    return size / params.face


def _to_points(params: Params, y: Array, shape: tuple[int, ...]) -> Array:
    return jnp.matmul(params.basis, y, precision=Precision.HIGHEST).reshape(shape)


def _check(params: Params, track: Array) -> None:
    if track.ndim != 3:
        raise InputError(f"track: shape {track.shape}, expected (T, M, d): frames, points, coordinates")
    frames, points, dims = track.shape
    if frames == 0:
        raise InputError("track: empty, expected at least one frame")
    if points * dims != params.noise.shape[0]:
        raise InputError(
            f"track: {points} points of {dims} dimensions, expected {params.noise.shape[0]} coordinates "
            "a frame as in the parameters"
        )
