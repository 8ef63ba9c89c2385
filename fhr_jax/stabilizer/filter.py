"""The stabilizer on landmarks: its state and one step; `run_tracks.py` scans it over whole tracks.

A step has three parts: units and missing points (`_observe`), outliers and common motion (`_align`), and the mixture
(`_filter`, the model of `mixture.py`). The mixture works on coordinates relative to the first frame, so float32 keeps
its digits at any distance from the origin. They are rotated into the basis of the parameters and, for parameters in
face units, divided by the face size.
"""

from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.filters import Filter
from fhr_jax.stabilizer import mixture
from fhr_jax.stabilizer.covariance import WINDOW, CovarianceKind
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from fhr_jax.stabilizer.extensions.common_motion import common_motion
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.units import is_observed, track_scale

Estimate = Literal["mean", "mode"]

MIN_DT, MAX_DT = 1e-3, 1e6
"""Frames; `dt` is clipped to this range."""


class State(NamedTuple):
    """Everything that the stabilizer keeps between two frames: a pytree of constant size.

    Attributes:
        filter: past outputs in the basis, relative to `origin`, in units of the parameters.
        origin: (M, d) where each point was first seen or last reacquired, units of the track.
        seen: (M,) False for points that were never observed.
        scale: () units of the track in one unit of the parameters.
        outliers: state of the outlier detection; None without `Params.outliers`.
    """

    filter: mixture.FilterState
    origin: Float[Array, "m d"]
    seen: Bool[Array, " m"]
    scale: Float[Array, ""]
    outliers: outlier_detection.OutlierState | None


class _Frame(NamedTuple):
    """One observed frame.

    Attributes:
        z: (M, d) observed points, units of the track, 0 where missing.
        present: (M,) True where a point is observed.
        weight: (M,) confidence in [0, 1], 0 where missing.
        dt: () frames since the last step.
        scale: () units of the track in one unit of the parameters.
    """

    z: Float[Array, "m d"]
    present: Bool[Array, " m"]
    weight: Float[Array, " m"]
    dt: Float[Array, ""]
    scale: Float[Array, ""]


class _Aligned(NamedTuple):
    """A frame as the mixture filters it.

    Attributes:
        y: (D,) observation in the basis, relative to `origin`, in units of the parameters.
        means: (K, D) predicted means of the components, in the same coordinates.
        history: past outputs; empty after a cut.
        origin: (M, d), see `State`.
        outliers: see `State`.
    """

    y: Float[Array, " D"]
    means: Float[Array, "k D"]
    history: mixture.FilterState
    origin: Float[Array, "m d"]
    outliers: outlier_detection.OutlierState | None


def init_state(
    params: Params, *, dims: int = 2, covariance: CovarianceKind = "diagonal", window: int = WINDOW
) -> State:
    """The state before the first frame.

    Args:
        params: the parameters; their D directions give M = D / dims points.
        dims: coordinates of a point, d.
        covariance: see `run`.
        window: see `run`.

    Raises:
        InputError: D is no multiple of `dims`, or an option is unknown.
    """
    size = params.noise.shape[0]
    if size % dims:
        raise InputError(
            f"params: {size} directions, expected a multiple of the {dims} dimensions of a point (dims=3 in 3D)"
        )
    points, one = size // dims, jnp.ones_like(params.gamma)
    state = State(
        filter=mixture.init(params, covariance, window=window),
        origin=jnp.zeros_like(one, shape=(points, dims)),
        seen=jnp.zeros(points, bool),
        scale=one,
        outliers=None if params.outliers is None else outlier_detection.init_state(points, dims, one),
    )
    # No two leaves share a buffer, so the state can be donated.
    return jax.tree.map(jnp.copy, state)


def step(
    params: Params,
    state: State,
    z: Float[Array, "m d"],
    *,
    dt: float | Float[Array, ""] = 1.0,
    mask: Bool[Array, ""] | Bool[Array, " m"] | None = None,
    confidence: Float[Array, ""] | Float[Array, " m"] | None = None,
    reset: Bool[Array, ""] | None = None,
    estimate: Estimate = "mean",
) -> tuple[State, Float[Array, "m d"]]:
    """Filter one frame: the next state and the stabilized points.

    Args:
        params: the parameters.
        state: from `init_state` or the last step.
        z: (M, d) observed points, units of the track; a point that is not finite is missing.
        dt: () frames since the last step; 1 for evenly spaced frames and where it is not finite. The history fades by
            gamma^dt, and the variances of the components grow with dt.
        mask: (M,), or () for the whole frame; False marks a missing point.
        confidence: (M,), or () for all points, in [0, 1]. The noise variance of a point is divided by it; 0 is
            missing.
        reset: () True forgets the past, so that this frame is the first one (another face, a cut).
        estimate: "mean" of the posterior, or its "mode" as in Eq. 8. The mode is meant for the paper's model. With
            responsibilities by direction it is the mode of the narrowest components, which freezes the face.

    Returns:
        The state, and the points (M, d) in the units of the track. A missing point is predicted, and moves with the
        others. A frame without any observation only fades the history. Points that were never seen are NaN.

    Raises:
        InputError: the points and the parameters differ in their number of coordinates.
    """
    check_points(params, z.shape)
    if estimate not in get_args(Estimate):
        raise InputError(f"estimate: {estimate!r}, expected one of {', '.join(get_args(Estimate))}")
    if reset is not None:
        state = _reset(state, reset)
    frame = _observe(params, state, z, dt=dt, mask=mask, confidence=confidence)
    aligned = _align(params, state, frame)
    history, x = _filter(params, frame, aligned, estimate)
    seen = state.seen | frame.present
    points = aligned.origin + frame.scale * _to_points(params, x, z.shape)
    return State(history, aligned.origin, seen, frame.scale, aligned.outliers), jnp.where(
        seen[:, None], points, jnp.nan
    )


def as_filter(params: Params, *, covariance: CovarianceKind = "diagonal", estimate: Estimate = "mean") -> Filter:
    """The stabilizer as a `Filter`, the interface of the baselines in `fhr_jax.filters`."""

    def init(frame: Float[Array, "m d"]) -> State:
        return init_state(params, dims=frame.shape[-1], covariance=covariance)

    return Filter(init, partial(step, params, estimate=estimate))


def check_points(params: Params, shape: tuple[int, ...]) -> None:
    """Refuse points of shape (M, d) that have another number of coordinates than the parameters, or d above 3."""
    points, dims = shape
    if dims > 3:
        raise InputError(
            f"track: {points} points of {dims} coordinates, expected at most 3: order the axes as frames, points, "
            "coordinates (T, M, d)"
        )
    if points * dims != params.noise.shape[-1]:
        raise InputError(
            f"track: {points} points of {dims} dimensions, expected {params.noise.shape[-1]} coordinates "
            f"a frame as in the parameters; default_params({points}, {dims}) fits these points"
        )


def _observe(params: Params, state: State, z: Array, *, dt: Any, mask: Any, confidence: Any) -> _Frame:
    """Units and missing points: which points are observed, how much each counts, and the scale of the track."""
    present = is_observed(z)
    if mask is not None:
        present = present & jnp.asarray(mask, bool)
    weight = present.astype(z.dtype)
    if confidence is not None:
        weight = jnp.where(present, jnp.clip(jnp.nan_to_num(confidence), 0, 1), 0)
        present = weight > 0
    z = jnp.where(present[:, None], z, 0)
    dt = jnp.asarray(dt, z.dtype)
    dt = jnp.where(jnp.isfinite(dt), jnp.clip(dt, MIN_DT, MAX_DT), 1)
    # The first frame with a point fixes the scale.
    scale = jnp.where(state.seen.any(), state.scale, track_scale(params, z, present))
    return _Frame(z, present, weight, dt, scale)


def _align(params: Params, state: State, frame: _Frame) -> _Aligned:
    """Outliers and common motion: place each point between its observation and where the others take it.

    With the prediction p, the common motion c of the points (`common_motion.py`), and P and N the prior and noise
    variances at a point, a point of weight w enters the mixture at

        p + g(v) c + g(w) (z - p - c),     g(w) = w (P + N) / (w P + N),

    with v the mean weight of the points that determine c. The gain g(w) times that of the mixture, P / (P + N), is
    P / (P + N / w): the noise variance of the point is N / w. A new or missing point moves by c alone.
    """
    z, shape, scale = frame.z, frame.z.shape, frame.scale
    history, origin, outliers = state.filter, state.origin, state.outliers
    means = mixture.predict(params, history, frame.dt)
    predicted = scale * _to_points(params, _mix(params, means), shape)
    expected = origin + predicted
    prior, noise = _point_variances(params, mixture.prior_variances(params, history, frame.dt), shape)
    weight = jnp.where(state.seen, frame.weight, 0)
    new = frame.present & ~state.seen
    if params.outliers is None or outliers is None:
        common = common_motion(z - expected, expected, weight)
    else:
        outliers, found = outlier_detection.detect(
            params.outliers, outliers, z, expected, weight=weight, variance=prior + noise, scale=scale
        )
        common, cut = found.common_motion, found.cut
        # After a cut every point starts where it is; missing points and outliers go where the others went.
        z = jnp.where((cut & (weight > 0) & (found.inlier_probability < 0.5))[:, None], expected + common, z)
        origin = jnp.where(cut, expected + common, origin)
        new = frame.present & (~state.seen | found.reacquired | cut)
        weight = weight * found.inlier_probability
        common, means, predicted = (jnp.where(cut, 0, value) for value in (common, means, predicted))
        history = jax.tree.map(lambda value: jnp.where(cut, 0, value), history)

    common_weight = (weight**2).sum() / jnp.maximum(weight.sum(), 1e-12)
    gain, common_gain = (w * (prior + noise) / (w * prior + noise) for w in (weight, common_weight))
    deviation = z - expected - common
    common = common_gain[:, None] * common
    moved = common + gain[:, None] * deviation
    origin = jnp.where(new[:, None], z - predicted - common, origin)
    moved = jnp.where((new | ~frame.present)[:, None], common, moved)
    in_basis = jnp.matmul((moved / scale).reshape(-1), params.basis, precision=Precision.HIGHEST)
    return _Aligned(_mix(params, means) + in_basis, means, history, origin, outliers)


def _filter(
    params: Params, frame: _Frame, aligned: _Aligned, estimate: Estimate
) -> tuple[mixture.FilterState, Float[Array, " D"]]:
    """The mixture: the estimate x from the posterior, or the prediction if no point is observed."""
    observed, posterior = mixture.posterior(params, aligned.history, aligned.means, aligned.y, frame.dt)
    mode = estimate == "mode"
    x = mixture.estimate_mode(params, observed, posterior) if mode else mixture.estimate_mean(posterior)
    updated = mixture.update(params, observed, x, frame.dt)
    unobserved, prediction = mixture.predict_missing(params, aligned.history, frame.dt)
    some = frame.present.any()
    history = jax.tree.map(lambda new, old: jnp.where(some, new, old), updated, unobserved)
    return history, jnp.where(some, x, prediction)


def _reset(state: State, reset: Array) -> State:
    """The state before the first frame where `reset` is True."""
    empty = jax.tree.map(jnp.zeros_like, state)._replace(scale=jnp.ones_like(state.scale))
    if state.outliers is not None:
        empty = empty._replace(outliers=outlier_detection.init_state(*state.origin.shape, state.scale))
    return jax.tree.map(lambda new, old: jnp.where(reset, new, old), empty, state)


def _mix(params: Params, means: Array) -> Array:
    """(D,) mean of the component means (K, D), weighted by alpha."""
    return (params.alpha[:, None] * means).sum(axis=0)


def _to_points(params: Params, y: Array, shape: tuple[int, ...]) -> Array:
    return jnp.matmul(params.basis, y, precision=Precision.HIGHEST).reshape(shape)


def _point_variances(params: Params, prior: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """(M,) variances of prior and noise at each point, the mean over its coordinates."""
    energy = (params.basis**2).reshape(*shape, -1).mean(axis=1)
    both = jnp.matmul(energy, jnp.stack([prior, params.noise], axis=1), precision=Precision.HIGHEST)
    return both[:, 0], both[:, 1]
