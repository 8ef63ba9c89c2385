"""One frame before the mixture: missing points, broken frames, outliers, common motion, fast faces."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer import mixture, size_tracking
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from fhr_jax.stabilizer.extensions.common_motion import common_motion
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.state import State, reset_where
from fhr_jax.stabilizer.units import is_observed

MIN_DT, MAX_DT = 1e-3, 1e6
"""Frames; `dt` is clipped to this range."""


class Frame(NamedTuple):
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


class Expectation(NamedTuple):
    """Where a frame is expected.

    Attributes:
        means: (K, D) predicted means of the components, in the basis, relative to `origin`, in units of the parameters.
        points: (M, d) their mean, relative to `origin`, units of the track.
    """

    means: Float[Array, "k D"]
    points: Float[Array, "m d"]


class Aligned(NamedTuple):
    """A frame as the mixture filters it.

    Attributes:
        y: (D,) observation in the basis, relative to `origin`, in units of the parameters.
        means: (K, D) predicted means of the components, in the same coordinates.
        history: past outputs; empty after a cut.
        origin: (M, d), see `State`.
        z: (M, d) observed points, those too far from the face moved nearer, units of the track.
        weight: (M,) confidence times inlier probability; 0 for points that do not count.
        restart: (M,) True for points that start anew.
        seen: (M,), see `State`, with the points of this frame.
        cut: () True if every point starts where it is.
        outliers: see `State`.
    """

    y: Float[Array, " D"]
    means: Float[Array, "k D"]
    history: mixture.FilterState
    origin: Float[Array, "m d"]
    z: Float[Array, "m d"]
    weight: Float[Array, " m"]
    restart: Bool[Array, " m"]
    seen: Bool[Array, " m"]
    cut: Bool[Array, ""]
    outliers: outlier_detection.OutlierState | None


def observe(z: Array, *, dt: Any, mask: Any, confidence: Any) -> Frame:
    """Which points are observed, and how much each counts.

    Args:
        z: (M, d), see `filter.step`.
        dt: see `filter.step`.
        mask: see `filter.step`.
        confidence: see `filter.step`.
    """
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
    return Frame(z, present, weight, dt)


def predict(params: Params, state: State, dt: Float[Array, ""]) -> Expectation:
    """Where the points are expected `dt` () frames after the last step."""
    means = mixture.predict(params, state.filter, dt)
    return Expectation(means, state.scale * to_points(params, _mix(params, means), state.origin.shape))


def check_size(params: Params, state: State, frame: Frame, predicted: Expectation) -> tuple[State, Frame, Expectation]:
    """Start anew where the size of the face becomes known, and drop the points of broken frames.

    Args:
        params: the parameters.
        state: from the last frame.
        frame: from `observe`.
        predicted: from `predict`.

    Returns:
        The state, the frame and the expectation: those of a first frame where the filter starts anew.
    """
    if state.size is None:
        return state, frame, predicted
    expected = state.origin + predicted.points
    far = None if params.outliers is None else outlier_detection.FAR_AT_START
    size, found = size_tracking.check(state.size, frame.z, expected, present=frame.present, seen=state.seen, far=far)
    state = reset_where(state, found.start)
    predicted = Expectation(*(jnp.where(found.start, 0, value) for value in predicted))  # as of an empty history
    scale = jnp.where(found.start, size_tracking.new_scale(size, state.scale, params.face_size), state.scale)
    weight = jnp.where(found.present, frame.weight, 0)
    return state._replace(size=size, scale=scale), Frame(found.z, found.present, weight, frame.dt), predicted


def update_size(params: Params, state: State, before: State, frame: Frame, aligned: Aligned, points: Array) -> State:
    """The state with the size of the output, and with another scale if the face has become much larger or smaller.

    Args:
        params: the parameters.
        state: after the frame.
        before: the state before it, from `check_size`.
        frame: from `check_size`.
        aligned: from `align`.
        points: (M, d) the output, units of the track.
    """
    if state.size is None:
        return state
    at_once = aligned.cut | (aligned.seen & ~before.seen).any()
    # Where most points are outliers, the output tells little of the size.
    inliers = frame.present & (2 * aligned.weight >= frame.weight)
    known = 2 * inliers.sum() >= frame.present.sum()
    size = size_tracking.update(state.size, points, seen=state.seen, at_once=at_once, known=known)
    scale = size_tracking.new_scale(size, state.scale, params.face_size, tolerance=size_tracking.TOLERANCE)
    return state._replace(filter=mixture.rescale(state.filter, state.scale / scale), scale=scale, size=size)


def align(params: Params, state: State, frame: Frame, prediction: Expectation) -> Aligned:
    """Outliers and common motion: place each point between its observation and where the others take it.

    With the prediction p, the common motion c of the points (`common_motion.py`), and P and N the prior and noise
    variances at a point, a point of weight w enters the mixture at

        p + g(v) c + g(w) (z - p - c),     g(w) = w (P + N) / (w P + N),

    with v the mean weight of the points that determine c. The gain g(w) times that of the mixture, P / (P + N), is
    P / (P + N / w): the noise variance of the point is N / w. A new or missing point moves by c alone.

    Args:
        params: the parameters.
        state: from `check_size`.
        frame: from `check_size`.
        prediction: from `check_size`.
    """
    z, shape, scale = frame.z, frame.z.shape, state.scale
    history, origin, outliers = state.filter, state.origin, state.outliers
    means, predicted = prediction
    expected = origin + predicted
    prior, noise = _point_variances(params, mixture.prior_variances(params, history, frame.dt), shape)
    weight = jnp.where(state.seen, frame.weight, 0)
    present, cut = frame.present, jnp.zeros((), bool)
    new = restart = present & ~state.seen
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
        restart = new | (cut & state.seen)
        weight = weight * found.inlier_probability
        common, means, predicted = (jnp.where(cut, 0, value) for value in (common, means, predicted))
        history = jax.tree.map(lambda value: jnp.where(cut, 0, value), history)
        if params.outliers.jump is not None:
            # The past moves with a jump, and the components, whose predictions it has refuted, agree on the new place.
            jump = found.jump * common
            common, expected, origin = common - jump, expected + jump, origin + jump
            mixed = _mix(params, means)[None]
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
    counted = jnp.where(new, frame.weight, weight)
    return Aligned(_mix(params, means) + in_basis, means, history, origin, z, counted, restart, seen, cut, outliers)


def _mix(params: Params, means: Array) -> Array:
    """(D,) mean of the component means (K, D), weighted by alpha."""
    return (params.alpha[:, None] * means).sum(axis=0)


def to_points(params: Params, y: Array, shape: tuple[int, ...]) -> Array:
    """(M, d) points of this shape from coordinates (D,) in the basis, in units of the parameters."""
    return jnp.matmul(params.basis, y, precision=Precision.HIGHEST).reshape(shape)


def _point_variances(params: Params, prior: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """(M,) variances of prior and noise at each point, the mean over its coordinates."""
    energy = (params.basis**2).reshape(*shape, -1).mean(axis=1)
    both = jnp.matmul(energy, jnp.stack([prior, params.noise], axis=1), precision=Precision.HIGHEST)
    return both[:, 0], both[:, 1]
