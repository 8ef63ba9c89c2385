"""The stabilizer on landmarks: state, one step, one scan. Missing points, units and cuts are handled here.

The mixture (`mixture.py`) works on coordinates relative to the first frame, so that float32 keeps its digits at
any distance from the origin, turned into the basis of the parameters and, if they ask for it, divided by the
size of the face.
"""

from functools import partial
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.filters import Filter
from fhr_jax.stabilizer import mixture
from fhr_jax.stabilizer.checkpointed_scan import checkpointed_scan
from fhr_jax.stabilizer.covariance import WINDOW, CovarianceKind
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from fhr_jax.stabilizer.extensions.common_motion import common_motion
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.units import track_scale

Estimate = Literal["mean", "mode"]

SHORTEST, LONGEST = 1e-3, 1e6
"""Frames; a shorter or longer dt counts as this long."""

FARTHEST = 1e15
"""Units of the track; a point further out, whose square could overflow, counts as missing."""


class State(NamedTuple):
    """All that the stabilizer keeps between frames, a pytree of constant size.

    Attributes:
        filter: past outputs, relative to `origin`, in units of `scale`, in the basis.
        origin: (M, d), where each point was first seen (or last taken anew after a jump), units of the track.
        seen: (M,), False for points that were never seen.
        scale: units of the track in one unit of the parameters.
        outliers: state of `Params.outliers`, or None.
    """

    filter: mixture.FilterState
    origin: Float[Array, "m d"]
    seen: Bool[Array, " m"]
    scale: Float[Array, ""]
    outliers: outlier_detection.OutlierState | None


def init_state(
    params: Params, *, dims: int = 2, covariance: CovarianceKind = "diagonal", window: int = WINDOW
) -> State:
    """The state before the first frame, for points of `dims` dimensions (M is the basis' size over it)."""
    size = params.noise.shape[0]
    if size % dims:
        raise InputError(
            f"params: {size} directions, expected a multiple of the {dims} dimensions of a point (dims=3 in 3D)"
        )
    if covariance not in get_args(CovarianceKind):
        raise InputError(f"covariance: {covariance!r}, expected one of {', '.join(get_args(CovarianceKind))}")
    if window < 1:
        raise InputError(f"window: {window}, expected at least one frame")
    points, one = size // dims, jnp.ones_like(params.gamma)
    state = State(
        filter=mixture.init(params, covariance, window=window),
        origin=jnp.zeros_like(one, shape=(points, dims)),
        seen=jnp.zeros(points, bool),
        scale=one,
        outliers=None if params.outliers is None else outlier_detection.init_state(points, dims, one),
    )
    # No two leaves share a buffer, so that the state can be donated.
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
    """One frame: the next state and the stabilized points.

    Args:
        params: the parameters.
        state: from `init_state` or the last step.
        z: observed points (M, d), units of the track; a point that is not finite is missing.
        dt: frames since the last step, 1 for even time and where it is not finite; the history fades by gamma^dt, and
            the prior is dt times as wide.
        mask: False where a point, or with a scalar the whole frame, is to count as missing.
        confidence: (M,), or one for all points, in [0, 1]: the noise of a point is 1 / confidence times as large; 0
            is missing.
        reset: True forgets the past: the frame is taken as the first one (another face, a cut).
        estimate: "mean" of the posterior, or its "mode" as in Eq. 8. The mode is meant for the paper's model: where
            directions have weights of their own (`switch`) it is that of their narrowest components, which freezes
            the face.

    Returns:
        The state and the points (M, d), in the units of the track. A missing point is predicted and moves with the
        others; a frame without any observation leaves the history as it is but for its fading. Points never
        seen are NaN.

    Raises:
        InputError: the points have other numbers of coordinates than the parameters.
    """
    _check(params, z[None])
    if estimate not in get_args(Estimate):
        raise InputError(f"estimate: {estimate!r}, expected one of {', '.join(get_args(Estimate))}")
    here = _known(z).all(axis=-1)
    if mask is not None:
        here = here & jnp.asarray(mask, bool)
    weight = here.astype(z.dtype)
    if confidence is not None:
        weight = jnp.where(here, jnp.clip(jnp.nan_to_num(confidence), 0, 1), 0)
        here = weight > 0
    if reset is not None:
        fresh = jax.tree.map(jnp.zeros_like, state)._replace(scale=jnp.ones_like(state.scale))
        if state.outliers is not None:
            fresh = fresh._replace(outliers=outlier_detection.init_state(*z.shape, state.scale))
        state = jax.tree.map(lambda new, old: jnp.where(reset, new, old), fresh, state)
    z = jnp.where(here[:, None], z, 0)
    dt = jnp.asarray(dt, z.dtype)
    dt = jnp.where(jnp.isfinite(dt), jnp.clip(dt, SHORTEST, LONGEST), 1)
    return _step(params, state, z, here, weight, dt, estimate)


@partial(jax.jit, static_argnames=("covariance", "window", "estimate", "chunk"))
def run(
    params: Params,
    track: Float[Array, "t m d"],
    *,
    dt: Float[Array, " t"] | None = None,
    mask: Bool[Array, " t"] | Bool[Array, "t m"] | None = None,
    confidence: Float[Array, " t"] | Float[Array, "t m"] | None = None,
    reset: Bool[Array, " t"] | None = None,
    covariance: CovarianceKind = "diagonal",
    window: int = WINDOW,
    estimate: Estimate = "mean",
    chunk: int | None = None,
) -> Float[Array, "t m d"]:
    """Stabilize a track, causally: the output of a frame depends on it and on those before it.

    Args:
        params: `default_params()`, `init_params(...)`, or fitted ones.
        track: (T, M, d), T at least 1; NaN where a point is missing.
        dt: (T,) frames since the frame before, more than 0; the first is of no account. None: 1.
        mask: False where a frame (T,) or a point (T, M) is to count as missing.
        confidence: (T, M) in [0, 1], see `step`; (T,) holds for all points of a frame.
        reset: (T,) True where the past is forgotten, see `step`.
        covariance: "diagonal" keeps the diagonal of the history's covariance in the basis, fast; "full" keeps
            all of it, as the paper; "windowed" what the last `window` frames brought to it, which is the same once
            gamma^window is negligible.
        window: R, for "windowed".
        estimate: "mean" of the posterior, or its "mode", as the paper (slow; see `step`).
        chunk: with a number of frames, a gradient keeps the states of every so manyth frame alone and computes the
            rest again.

    Returns:
        The stabilized track (T, M, d) in the same units, NaN for each point until it is first seen.
    """
    _check(params, track)
    inputs = {"z": track, "dt": dt, "mask": mask, "confidence": confidence, "reset": reset}
    for name, value in inputs.items():
        if value is None:
            continue
        if value.shape[:1] != track.shape[:1]:
            raise InputError(f"{name}: shape {value.shape}, expected the {track.shape[0]} frames of the track")
        if name in ("mask", "confidence") and value.shape not in (track.shape[:1], track.shape[:2]):
            raise InputError(f"{name}: shape {value.shape}, expected {track.shape[:2]}, frames and points")
    given = {name: value for name, value in inputs.items() if value is not None}
    state = init_state(params, dims=track.shape[-1], covariance=covariance, window=window)

    def frame(state: State, inputs: dict[str, Array]) -> tuple[State, Array]:
        rest = dict(inputs)
        return step(params, state, rest.pop("z"), estimate=estimate, **rest)

    def careful(track: Array) -> Array:
        return checkpointed_scan(frame, state, given | {"z": track}, chunk)[1]

    def complete(track: Array) -> Array:
        # Under vmap both branches are computed, and a NaN would come out of this one's gradient.
        track = jnp.where(_known(track), track, 0)
        return run_complete(params, track, covariance=covariance, window=window, chunk=chunk)

    if len(given) > 1 or params.outliers is not None or estimate != "mean":
        return careful(track)
    return jax.lax.cond(_known(track).all(), complete, careful, track)


@partial(jax.jit, static_argnames=("covariance", "window", "chunk"))
def run_complete(
    params: Params,
    track: Float[Array, "t m d"],
    *,
    covariance: CovarianceKind = "diagonal",
    window: int = WINDOW,
    chunk: int | None = None,
) -> Float[Array, "t m d"]:
    """`run` for tracks that miss nothing and parameters without `tail`: turns all frames at once, so much faster."""
    _check(params, track)
    if params.outliers is not None:
        raise InputError("params: with a heavy tail, expected none, since any point may then be left out")
    points = track.shape[1]
    scale = track_scale(params, track[0], jnp.ones(points, bool))
    relative = ((track - track[:1]) / scale).reshape(track.shape[0], -1)
    y = jnp.matmul(relative, params.basis, precision=Precision.HIGHEST)
    x = run_in_basis(params, y, covariance=covariance, window=window, chunk=chunk)
    x = jnp.matmul(x, params.basis.T, precision=Precision.HIGHEST).reshape(track.shape)
    return track[:1] + scale * x


def run_in_basis(
    params: Params,
    y: Float[Array, "t D"],
    *,
    covariance: CovarianceKind = "diagonal",
    window: int = WINDOW,
    chunk: int | None = None,
) -> Float[Array, "t D"]:
    """The recursion alone: complete tracks (T, D) relative to their first frame, in units and basis of `params`."""
    dt = jnp.ones_like(params.gamma)

    def frame(history: mixture.FilterState, y: Array) -> tuple[mixture.FilterState, Array]:
        means = mixture.predict(params, history, dt)
        history, posterior = mixture.posterior(params, history, means, y, dt)
        x = mixture.estimate_mean(posterior)
        return mixture.update(params, history, x, dt), x

    # The loop itself costs a third of such a short step; longer ones only take longer to compile.
    short = covariance == "diagonal" and params.recurrent is None
    start = mixture.init(params, covariance, window=window)
    return checkpointed_scan(frame, start, y, chunk, unroll=4 if short else 1)[1]


def as_filter(params: Params, *, covariance: CovarianceKind = "diagonal", estimate: Estimate = "mean") -> Filter:
    """The stabilizer as a Filter, beside the baselines of `fhr_jax.filters`."""

    def init(frame: Float[Array, "m d"]) -> State:
        return init_state(params, dims=frame.shape[-1], covariance=covariance)

    return Filter(init, partial(step, params, estimate=estimate))


def _step(
    params: Params, state: State, z: Array, here: Array, weight: Array, dt: Array, estimate: Estimate
) -> tuple[State, Array]:
    scale = jnp.where(state.seen.any(), state.scale, track_scale(params, z, here))
    history, outliers = state.filter, state.outliers
    means = mixture.predict(params, history, dt)
    predicted = scale * _to_points(params, (params.alpha[:, None] * means).sum(axis=0), z.shape)
    expected = state.origin + predicted

    weight = jnp.where(state.seen, weight, 0)
    prior, noise = _at_points(params, mixture.prior_variances(params, history, dt), z.shape)
    if params.outliers is None or outliers is None:
        common = common_motion(z - expected, expected, weight)
        origin, new = state.origin, here & ~state.seen
    else:
        outliers, found = outlier_detection.detect(params.outliers, outliers, z, expected, weight, prior + noise, scale)
        common, cut = found.common, found.cut
        # After a cut all starts where it is; what is missing or thrown out of the face goes where the others went.
        z = jnp.where((cut & (weight > 0) & (found.trust < 0.5))[:, None], expected + common, z)
        origin = jnp.where(cut, expected + common, state.origin)
        new = here & (~state.seen | found.anew | cut)
        weight = weight * found.trust
        common, means, predicted = (jnp.where(cut, 0, value) for value in (common, means, predicted))
        history = jax.tree.map(lambda value: jnp.where(cut, 0, value), history)

    # Trust in proportion c is a noise of N / c: a gain of P / (P + N / c) instead of P / (P + N).
    # The common motion is as sure as the points that it comes from, by their shares in it.
    sure = (weight**2).sum() / jnp.maximum(weight.sum(), 1e-12)
    trust, shared = (w * (prior + noise) / (w * prior + noise) for w in (weight, sure))
    own = z - expected - common
    common = shared[:, None] * common
    moved = common + trust[:, None] * own
    # A point that is new starts where it is, and moves with the others from there.
    origin = jnp.where(new[:, None], z - predicted - common, origin)
    moved = jnp.where((new | ~here)[:, None], common, moved)
    seen = state.seen | here
    centre = (params.alpha[:, None] * means).sum(axis=0)
    y = centre + jnp.matmul((moved / scale).reshape(-1), params.basis, precision=Precision.HIGHEST)

    observed, posterior = mixture.posterior(params, history, means, y, dt)
    mode = estimate == "mode"
    x = mixture.estimate_mode(params, observed, posterior) if mode else mixture.estimate_mean(posterior)
    after = mixture.update(params, observed, x, dt)
    skipped, prediction = mixture.predict_missing(params, history, dt)
    some = here.any()
    after = jax.tree.map(lambda new, old: jnp.where(some, new, old), after, skipped)
    x = jnp.where(some, x, prediction)

    points = origin + scale * _to_points(params, x, z.shape)
    return State(after, origin, seen, scale, outliers), jnp.where(seen[:, None], points, jnp.nan)


def _at_points(params: Params, prior: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Variances of a coordinate of prior and noise at each point (M,), the mean over its coordinates."""
    energy = (params.basis**2).reshape(*shape, -1).mean(axis=1)
    both = jnp.matmul(energy, jnp.stack([prior, params.noise], axis=1), precision=Precision.HIGHEST)
    return both[:, 0], both[:, 1]


def _known(z: Array) -> Array:
    return jnp.abs(z) <= FARTHEST  # False for NaN


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
