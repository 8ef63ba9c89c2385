"""The stabilizer over whole tracks: one track or a batch, with a fast path for tracks without missing points."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer import mixture
from fhr_jax.stabilizer.checkpointed_scan import checkpointed_scan
from fhr_jax.stabilizer.covariance import WINDOW, CovarianceKind
from fhr_jax.stabilizer.filter import Estimate, check_points, step
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.size_tracking import ROUNDING, TOLERANCE
from fhr_jax.stabilizer.smoothing.chunks import mix_track
from fhr_jax.stabilizer.state import State, init_state
from fhr_jax.stabilizer.units import MAX_COORDINATE, track_scale


def run(
    params: Params,
    track: Float[Array | np.ndarray, "*batch t m d"],
    *,
    dt: Float[Array | np.ndarray, "..."] | None = None,
    mask: Bool[Array | np.ndarray, "..."] | None = None,
    confidence: Float[Array | np.ndarray, "..."] | None = None,
    reset: Bool[Array | np.ndarray, "..."] | None = None,
    covariance: CovarianceKind = "diagonal",
    window: int = WINDOW,
    estimate: Estimate = "mean",
    chunk: int | None = None,
    complete: bool | None = None,
) -> Float[Array, "*batch t m d"]:
    """Stabilize one track or a batch of tracks, causally: an output depends on its frame and on those before it.

    The function is compiled once for each shape and set of options. `dt`, `mask`, `confidence` and `reset` take the
    shapes below with the leading axes of the track in front, or without them for one value that all tracks share. (A
    shape that could be read both ways, such as (N, N) for N tracks of N frames and N points, has the leading axes.)

    Complete tracks of one size take a fast path: it transforms all frames at once and does nothing for missing points.
    Under `jax.jit`, `jax.vmap` and `jax.grad` the values of a traced track are unknown, so say `complete=True` there if
    you know that no point is missing. Prefer leading axes to `jax.vmap(run)`, which traces the track.

    Args:
        params: `default_params()`, `init_params(...)`, or fitted ones.
        track: (..., T, M, d) with T at least 1; NaN where a point is missing.
        dt: (T,) frames since the frame before, more than 0; the first value is ignored. None: 1.
        mask: (T,) for frames or (T, M) for points; False marks what is missing.
        confidence: (T,) for frames or (T, M) for points, in [0, 1]; see `step`.
        reset: (T,) True where the past is forgotten; see `step`.
        covariance: "diagonal" keeps the diagonal of the history's covariance in the basis, and is fast; "full" keeps
            all of it, as the paper does; "windowed" keeps the contributions of the last `window` frames, which equals
            "full" once gamma^window is negligible.
        window: R, for "windowed".
        estimate: "mean" of the posterior, or its "mode" as in the paper (slow; see `step`).
        chunk: store the state only every `chunk` frames for a gradient, and recompute the states between.
        complete: True asserts that no coordinate is missing and takes the fast path, whose output is NaN from the
            first missing point on, and whose unit is the face in the first frame. It needs parameters without outlier
            detection and movement types, and none of dt, mask, confidence, reset, or estimate="mode". False takes the
            general path. None looks at the values, and takes the fast path if that is possible and the whole batch is
            complete and of one size; a traced track, or one spread over several processes, counts as incomplete.

    Returns:
        (..., T, M, d) the stabilized track in the same units, in float32 for narrower types; a point is NaN until it
        is first observed.

    Raises:
        InputError: a shape or an option does not fit, or `complete=True` is impossible.
    """
    check_track(params, track)
    given = {"dt": dt, "mask": mask, "confidence": confidence, "reset": reset}
    options = {name: value for name, value in given.items() if value is not None}
    batched = options_with_batch_axes(options, track.shape)
    fast = not options and params.outliers is None and params.movements is None and estimate == "mean"
    if complete and not fast:
        raise InputError(
            "complete: True, expected parameters without outlier detection and movement types, estimate 'mean', and "
            "no dt, mask, confidence or reset"
        )
    if complete is None:
        complete = fast and _is_complete(track) and (params.face_size is None or _has_one_size(track))
    settings = {"covariance": covariance, "window": window, "chunk": chunk}
    return _run(params, track, options, batched=batched, estimate=estimate, complete=complete, **settings)


@partial(jax.jit, static_argnames=("batched", "covariance", "window", "estimate", "chunk", "complete"))
def _run(
    params: Params,
    track: Array,
    options: dict[str, Array],
    *,
    batched: tuple[str, ...],
    covariance: CovarianceKind,
    window: int,
    estimate: Estimate,
    chunk: int | None,
    complete: bool,
) -> Array:
    def one_track(inputs: dict[str, Array]) -> Array:
        if complete:
            return _run_complete(params, inputs["z"], covariance=covariance, window=window, chunk=chunk)

        if params.movements is not None and estimate == "mean":
            return mix_track(params, params.movements, inputs, lag=0, chunk=chunk, covariance=covariance, window=window)

        def body(state: State, frame: dict[str, Any]) -> tuple[State, Array]:
            return step(params, state, estimate=estimate, **frame)

        state = init_state(params, dims=track.shape[-1], covariance=covariance, window=window)
        return checkpointed_scan(body, state, inputs, chunk=chunk)[1]

    axes = {"z": 0} | {name: 0 if name in batched else None for name in options}
    all_tracks = one_track
    for _ in track.shape[:-3]:
        all_tracks = jax.vmap(all_tracks, in_axes=(axes,))
    return all_tracks({"z": track} | options)


def _run_complete(params: Params, track: Array, **settings: Any) -> Array:
    """One track (T, M, d) without missing points: all frames are transformed at once, only the recursion is a scan."""
    track = track.astype(jnp.promote_types(track.dtype, jnp.float32))
    scale = track_scale(params, track[0], jnp.ones(track.shape[1], bool))
    relative = ((track - track[:1]) / scale).reshape(track.shape[0], -1)
    y = jnp.matmul(relative, params.basis, precision=Precision.HIGHEST)
    x = run_in_basis(params, y, **settings)
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
    """The recursion alone, on a complete track (T, D) in the basis.

    Args:
        params: the parameters.
        y: (T, D) coordinates in the basis, relative to the first frame, in units of the parameters.
        covariance: see `run`.
        window: see `run`.
        chunk: see `run`.
    """
    dt = jnp.ones_like(params.gamma)

    def body(history: mixture.FilterState, y: Array) -> tuple[mixture.FilterState, Array]:
        means = mixture.predict(params, history, dt)
        history, posterior = mixture.posterior(params, history, means, y, dt)
        x = mixture.estimate_mean(posterior)
        return mixture.update(params, history, x, dt), x

    # The loop overhead is a third of such a short step; longer steps would only compile more slowly.
    short = covariance == "diagonal" and params.recurrent is None
    history = mixture.init(params, covariance, window=window)
    return checkpointed_scan(body, history, y, chunk=chunk, unroll=4 if short else 1)[1]


def _is_complete(track: Array | np.ndarray) -> bool:
    """Whether the host can see that no coordinate is missing."""
    if isinstance(track, Tracer) or not getattr(track, "is_fully_addressable", True):
        return False
    return bool((np.abs(np.asarray(track, np.float64)) <= MAX_COORDINATE).all())


def _has_one_size(track: Array | np.ndarray) -> bool:
    """Whether no frame of a complete track makes the general path change the size that its first frame has."""
    values = np.asarray(track, np.float64)
    sizes = np.sqrt(((values - values.mean(axis=-2, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1))
    least = ROUNDING * np.abs(values).max(axis=(-2, -1))
    ratio = sizes / np.maximum(sizes[..., :1], 1e-30)
    return bool((sizes > least).all() and ratio.max() <= TOLERANCE and ratio.min() * TOLERANCE >= 1)


def _has_batch_axes(name: str, value: Array | np.ndarray, track: tuple[int, ...]) -> bool:
    """Whether an option has the leading axes of the track; refuses any other shape."""
    batch, per_frame, per_point = track[:-3], track[-3:-2], track[-3:-1]
    allowed = [per_frame, per_point] if name in ("mask", "confidence") else [per_frame]
    if value.shape in [(*batch, *shape) for shape in allowed]:
        return True
    if value.shape in allowed:
        return False
    expected = " or ".join(str(shape) for shape in allowed)
    raise InputError(f"{name}: shape {value.shape}, expected {expected}, with or without the leading axes {batch}")


def options_with_batch_axes(options: dict[str, Any], track: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the options that have the leading axes of a track of this shape (..., T, M, d).

    Raises:
        InputError: an option has another shape than `run` says.
    """
    return tuple(name for name, value in options.items() if _has_batch_axes(name, value, track))


def check_track(params: Params, track: Array | np.ndarray) -> None:
    """Refuse a track that is empty, or whose shape (..., T, M, d) does not fit the parameters."""
    if track.ndim < 3:
        raise InputError(f"track: shape {track.shape}, expected (..., T, M, d): frames, points, coordinates")
    if track.shape[-3] == 0:
        raise InputError("track: empty, expected at least one frame")
    check_points(params, track.shape[-2:])
