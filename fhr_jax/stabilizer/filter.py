"""The stabilizer on landmarks: one step; `run_tracks.py` scans it over whole tracks.

A step has four parts: missing points, the size of the face, outliers and common motion (all of `cleaning.py`), and the
mixture (`_filter`, the model of `mixture.py`). With `Params.movements`, as by default, `smoothing/causal.py` then makes
the output from the cleaned frame, and that of the mixture serves for outliers and missing points.

The mixture works on coordinates relative to the first frame, so float32 keeps its digits at any distance from the
origin. They are rotated into the basis of the parameters and, for parameters in face units, divided by the face size.
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.filters import Filter
from fhr_jax.stabilizer import cleaning, mixture
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.smoothing import causal
from fhr_jax.stabilizer.smoothing.passes import Cleaned
from fhr_jax.stabilizer.state import State, init_state, reset_where
from fhr_jax.stabilizer.units import face_size

Estimate = Literal["mean", "mode"]


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
        estimate: "mean" of the posterior, or its "mode" as in Eq. 8, without movement types. The mode is meant for the
            paper's model. With responsibilities by direction it is the mode of the narrowest components, which freezes
            the face.

    Returns:
        The state, and the points (M, d) in the units of the track. A missing point is predicted, and moves with the
        others. A frame without any observation only fades the history. Until a point is accepted for the first time it
        is returned as observed, or NaN where it is missing.

    Raises:
        InputError: the points and the parameters differ in their number of coordinates.
    """
    state, cleaned = step_cleaned(
        params, state, z, dt=dt, mask=mask, confidence=confidence, reset=reset, estimate=estimate
    )
    if params.movements is None or state.movements is None or estimate == "mode":
        return state, cleaned.output
    movements, output = causal.step(params.movements, state.movements, cleaned)
    return state._replace(movements=movements), output


def step_cleaned(
    params: Params,
    state: State,
    z: Float[Array, "m d"],
    *,
    dt: float | Float[Array, ""] = 1.0,
    mask: Bool[Array, ""] | Bool[Array, " m"] | None = None,
    confidence: Float[Array, ""] | Float[Array, " m"] | None = None,
    reset: Bool[Array, ""] | None = None,
    estimate: Estimate = "mean",
) -> tuple[State, Cleaned]:
    """`step` without movement types, which also says what it made of the frame.

    Args:
        params: the parameters.
        state: from `init_state` or the last step.
        z: (M, d) observed points.
        dt: see `step`.
        mask: see `step`.
        confidence: see `step`.
        reset: see `step`.
        estimate: see `step`.

    Returns:
        The state, and the frame as it was used, with the stabilized points.

    Raises:
        InputError: as `step` does.
    """
    check_points(params, z.shape)
    if estimate not in get_args(Estimate):
        raise InputError(f"estimate: {estimate!r}, expected one of {', '.join(get_args(Estimate))}")
    if reset is not None:
        state = reset_where(state, reset)
    frame = cleaning.observe(z, dt=dt, mask=mask, confidence=confidence)
    observed = frame.present
    state, frame, predicted = cleaning.check_size(params, state, frame, cleaning.predict(params, state, frame.dt))
    first = ~state.seen.any()
    aligned = cleaning.align(params, state, frame, predicted)
    history, x = _filter(params, frame, aligned, estimate)
    points = aligned.origin + state.scale * cleaning.to_points(params, x, z.shape)
    after = state._replace(filter=history, origin=aligned.origin, seen=aligned.seen, outliers=aligned.outliers)
    after = cleaning.update_size(params, after, state, frame, aligned, points)
    unseen = jnp.where(observed[:, None], aligned.z, jnp.nan)
    output = jnp.where(aligned.seen[:, None], points, unseen)
    size = face_size(points, aligned.seen)
    if after.size is not None:
        size = jnp.where(after.size.size > 0, after.size.size, size)
    return after, Cleaned(aligned.z, aligned.weight, aligned.restart, aligned.seen, size, output, frame.dt, first)


def as_filter(params: Params, *, covariance: CovarianceKind = "diagonal", estimate: Estimate = "mean") -> Filter:
    """The stabilizer as a `Filter`, the interface of the baselines in `fhr_jax.filters`, with its `dt`.

    Args:
        params: the parameters.
        covariance: see `run`.
        estimate: see `step`.
    """

    def init(frame: Float[Array, "m d"]) -> State:
        return init_state(params, dims=frame.shape[-1], covariance=covariance)

    def next_frame(
        state: State, z: Float[Array, "m d"], dt: float | Float[Array, ""] = 1.0
    ) -> tuple[State, Float[Array, "m d"]]:
        return step(params, state, z, dt=dt, estimate=estimate)

    return Filter(init, next_frame)


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


def _filter(
    params: Params, frame: cleaning.Frame, aligned: cleaning.Aligned, estimate: Estimate
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
