"""The stabilizer on landmarks: its state and one step; `run_tracks.py` scans it over whole tracks.

A step has four parts: missing points (`_observe`), the size of the face (`_check_size`), outliers and common motion
(`_align`), and the mixture (`_filter`, the model of `mixture.py`). The mixture works on coordinates relative to the
first frame, so float32 keeps its digits at any distance from the origin. They are rotated into the basis of the
parameters and, for parameters in face units, divided by the face size.
"""

from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.filters import Filter
from fhr_jax.stabilizer import mixture, size_tracking
from fhr_jax.stabilizer.covariance import WINDOW, CovarianceKind
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from fhr_jax.stabilizer.extensions.common_motion import common_motion
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.units import is_observed

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
        size: the size of the face so far; None for parameters in units of the track without outlier detection.
        outliers: state of the outlier detection; None without `Params.outliers`.
    """

    filter: mixture.FilterState
    origin: Float[Array, "m d"]
    seen: Bool[Array, " m"]
    scale: Float[Array, ""]
    size: size_tracking.SizeState | None
    outliers: outlier_detection.OutlierState | None


class _Frame(NamedTuple):
    """One observed frame.

    Attributes:
        z: (M, d) observed points, units of the track, 0 where missing.
        present: (M,) True where a point is observed.
        weight: (M,) confidence in [0, 1], 0 where missing.
        dt: () frames since the last step.
    """

    z: Float[Array, "m d"]
    present: Bool[Array, " m"]
    weight: Float[Array, " m"]
    dt: Float[Array, ""]


class _Aligned(NamedTuple):
    """A frame as the mixture filters it.

    Attributes:
        y: (D,) observation in the basis, relative to `origin`, in units of the parameters.
        means: (K, D) predicted means of the components, in the same coordinates.
        history: past outputs; empty after a cut.
        origin: (M, d), see `State`.
        z: (M, d) observed points, those too far from the face moved nearer, units of the track.
        seen: (M,), see `State`, with the points of this frame.
        cut: () True if every point starts where it is.
        outliers: see `State`.
    """

    y: Float[Array, " D"]
    means: Float[Array, "k D"]
    history: mixture.FilterState
    origin: Float[Array, "m d"]
    z: Float[Array, "m d"]
    seen: Bool[Array, " m"]
    cut: Bool[Array, ""]
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
        size=size_tracking.init_state(one) if _follows_size(params) else None,
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
        z: (M, d) observed points, units of the track; a point that is not finite is missing. Computed in float32 at
            least.
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
        others. A frame without any observation only fades the history. Until a point is
        accepted for the first time it is returned as observed, or NaN where it is missing.

    Raises:
        InputError: the points and the parameters differ in their number of coordinates.
    """
    check_points(params, z.shape)
    if estimate not in get_args(Estimate):
        raise InputError(f"estimate: {estimate!r}, expected one of {', '.join(get_args(Estimate))}")
    if reset is not None:
        state = _reset(state, reset)
    frame = _observe(z, dt=dt, mask=mask, confidence=confidence)
    observed = frame.present
    state, frame = _check_size(params, state, frame)
    aligned = _align(params, state, frame)
    history, x = _filter(params, frame, aligned, estimate)
    points = aligned.origin + state.scale * _to_points(params, x, z.shape)
    after = State(history, aligned.origin, aligned.seen, state.scale, state.size, aligned.outliers)
    after = _follow_size(params, after, points, at_once=aligned.cut | (aligned.seen & ~state.seen).any())
    unseen = jnp.where(observed[:, None], aligned.z, jnp.nan)
    return after, jnp.where(aligned.seen[:, None], points, unseen)


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


def _observe(z: Array, *, dt: Any, mask: Any, confidence: Any) -> _Frame:
    """Which points are observed, and how much each counts."""
    z = z.astype(jnp.promote_types(z.dtype, jnp.float32))
    present = is_observed(z)
    if mask is not None:
        present = present & jnp.asarray(mask, bool)
    weight = present.astype(z.dtype)
    if confidence is not None:
        weight = jnp.where(present, jnp.clip(jnp.nan_to_num(confidence), 0, 1), 0).astype(z.dtype)
        present = weight > 0
    z = jnp.where(present[:, None], z, 0)
    dt = jnp.asarray(dt, z.dtype)
    dt = jnp.where(jnp.isfinite(dt), jnp.clip(dt, MIN_DT, MAX_DT), 1)
    return _Frame(z, present, weight, dt)


def _follows_size(params: Params) -> bool:
    return params.face_size is not None or params.outliers is not None


def _check_size(params: Params, state: State, frame: _Frame) -> tuple[State, _Frame]:
    """Start anew where the size of the face becomes known, and drop the points of broken frames."""
    if state.size is None:
        return state, frame
    means = mixture.predict(params, state.filter, frame.dt)
    expected = state.origin + state.scale * _to_points(params, _mix(params, means), frame.z.shape)
    far = None if params.outliers is None else outlier_detection.FAR_AT_START
    size, found = size_tracking.check(state.size, frame.z, expected, present=frame.present, seen=state.seen, far=far)
    state = _reset(state, found.start)
    scale = jnp.where(found.start, size_tracking.new_scale(size, state.scale, params.face_size), state.scale)
    weight = jnp.where(found.present, frame.weight, 0)
    return state._replace(size=size, scale=scale), _Frame(found.z, found.present, weight, frame.dt)


def _follow_size(params: Params, state: State, points: Array, *, at_once: Array) -> State:
    """The state with the size of the output, and with another scale if the face has become much larger or smaller."""
    if state.size is None:
        return state
    size = size_tracking.follow(state.size, points, seen=state.seen, at_once=at_once)
    scale = size_tracking.new_scale(size, state.scale, params.face_size, tolerance=size_tracking.TOLERANCE)
    return state._replace(filter=mixture.rescale(state.filter, state.scale / scale), scale=scale, size=size)


def _align(params: Params, state: State, frame: _Frame) -> _Aligned:
    """Outliers and common motion: place each point between its observation and where the others take it.

    With the prediction p, the common motion c of the points (`common_motion.py`), and P and N the prior and noise
    variances at a point, a point of weight w enters the mixture at

        p + g(v) c + g(w) (z - p - c),     g(w) = w (P + N) / (w P + N),

    with v the mean weight of the points that determine c. The gain g(w) times that of the mixture, P / (P + N), is
    P / (P + N / w): the noise variance of the point is N / w. A new or missing point moves by c alone.
    """
    z, shape, scale = frame.z, frame.z.shape, state.scale
    history, origin, outliers = state.filter, state.origin, state.outliers
    means = mixture.predict(params, history, frame.dt)
    predicted = scale * _to_points(params, _mix(params, means), shape)
    expected = origin + predicted
    prior, noise = _point_variances(params, mixture.prior_variances(params, history, frame.dt), shape)
    weight = jnp.where(state.seen, frame.weight, 0)
    present, cut = frame.present, jnp.zeros((), bool)
    new = present & ~state.seen
    if params.outliers is None or outliers is None:
        common = common_motion(z - expected, expected, weight)
    else:
        outliers, found = outlier_detection.detect(
            params.outliers,
            outliers,
            z,
            expected,
            weight=weight,
            seen=state.seen,
            variance=prior + noise,
            scale=scale,
        )
        common, cut = found.common_motion, found.cut
        # After a cut every point starts where it is; missing points and outliers go where the others went.
        z = jnp.where((cut & (weight > 0) & (found.inlier_probability < 0.5))[:, None], expected + common, z)
        origin = jnp.where(cut, expected + common, origin)
        z = jnp.where((found.far & ~cut)[:, None], found.placed, z)
        present = present & ~found.far
        new = present & (~state.seen | found.reacquired | cut)
        weight = weight * found.inlier_probability
        common, means, predicted = (jnp.where(cut, 0, value) for value in (common, means, predicted))
        history = jax.tree.map(lambda value: jnp.where(cut, 0, value), history)
        if params.outliers.jump is not None:
            # The past moves with a jump, and the components, whose predictions it has refuted, agree on the new place.
            jump = found.jump * common
            common, expected, origin = common - jump, expected + jump, origin + jump
            mixed = _mix(params, means)
            means = mixed + (1 - found.jump) * (means - mixed)
            shift = jnp.matmul((jump / scale).reshape(-1), params.basis, precision=Precision.HIGHEST)
            history = mixture.jump(params, history, shift, history.unobserved + frame.dt)

    common_weight = (weight**2).sum() / jnp.maximum(weight.sum(), 1e-12)
    gain, common_gain = (w * (prior + noise) / (w * prior + noise) for w in (weight, common_weight))
    deviation = z - expected - common
    common = common_gain[:, None] * common
    moved = common + gain[:, None] * deviation
    origin = jnp.where(new[:, None], z - predicted - common, origin)
    moved = jnp.where((new | ~present)[:, None], common, moved)
    in_basis = jnp.matmul((moved / scale).reshape(-1), params.basis, precision=Precision.HIGHEST)
    seen = state.seen | present
    return _Aligned(_mix(params, means) + in_basis, means, history, origin, z, seen, cut, outliers)


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
