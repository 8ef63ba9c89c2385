"""Smoothing with a lag while frames arrive: constant memory, and the same outputs as `smooth(lag=...)`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fhr_jax.stabilizer.filter import step_cleaned
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.smoothing import kalman_bank, mixing, passes
from fhr_jax.stabilizer.smoothing.causal import mix
from fhr_jax.stabilizer.smoothing.passes import Displacement, ForwardPass, ForwardState, MixingState
from fhr_jax.stabilizer.smoothing.smooth_tracks import smoother_of
from fhr_jax.stabilizer.state import State, init_state


class LaggedState(NamedTuple):
    """Everything that is kept between two frames: a pytree of constant size.

    Attributes:
        causal: of the mixture and of all that cleans a frame before it.
        forward: of the Kalman filters, at the newest frame.
        mixing: of the mixture, at the last output.
        newest: of the mixture without look-ahead, at the newest frame; None without `Params.movements`.
        waiting: the last lag + 1 frames, oldest first.
        frames: () number of frames read, at most lag + 1.
    """

    causal: State
    forward: ForwardState
    mixing: MixingState
    newest: MixingState | None
    waiting: ForwardPass
    frames: Int[Array, ""]


def init_lagged(params: Params, *, lag: int, dims: int = 2) -> LaggedState:
    """The state before the first frame.

    Args:
        params: as for `smooth`.
        lag: frames of look-ahead, at least 0.
        dims: coordinates of a point, d.

    Raises:
        InputError: the lag is negative, or the parameters do not fit.
    """
    smoother_of(params, lag)
    causal = init_state(params._replace(movements=None), dims=dims)
    points, like = causal.origin.shape[0], jnp.zeros_like(params.gamma)
    forward = passes.init_forward(points, dims, like)
    nothing = jnp.full((points, dims), jnp.nan, like.dtype)
    first = jax.eval_shape(lambda z: passes.forward(forward, step_cleaned(params, causal, z)[1])[1], nothing)
    waiting = jax.tree.map(lambda a: jnp.zeros((lag + 1, *a.shape), a.dtype), first)
    mixture = passes.init_mixing(points, dims, like)
    at_once = None if params.movements is None else mixture
    # No two leaves share a buffer, so the state can be donated.
    return jax.tree.map(jnp.copy, LaggedState(causal, forward, mixture, at_once, waiting, jnp.zeros((), jnp.int32)))


def step_lagged(
    params: Params,
    state: LaggedState,
    z: Float[Array, "m d"],
    *,
    dt: float | Float[Array, ""] = 1.0,
    mask: Bool[Array, ""] | Bool[Array, " m"] | None = None,
    confidence: Float[Array, ""] | Float[Array, " m"] | None = None,
    reset: Bool[Array, ""] | None = None,
) -> tuple[LaggedState, Float[Array, "m d"]]:
    """Read one frame, and give the output of the frame `lag` frames before it.

    At the end of a track, `lag` frames of NaN give the outputs that are still waiting.

    Args:
        params: as for `smooth`.
        state: from `init_lagged` or the last step.
        z: (M, d) observed points, units of the track; NaN where missing.
        dt: (), see `step`.
        mask: (M,) or (), see `step`.
        confidence: (M,) or (), see `step`.
        reset: (), see `step`.

    Returns:
        The state, and the points (M, d) of the frame `lag` frames ago; NaN in the first `lag` frames, and for points
        that were not observed up to then.

    Raises:
        InputError: the points and the parameters differ in their number of coordinates.
    """
    state, (_, x) = step_both(params, state, z, dt=dt, mask=mask, confidence=confidence, reset=reset)
    return state, x


def step_both(
    params: Params,
    state: LaggedState,
    z: Float[Array, "m d"],
    *,
    dt: float | Float[Array, ""] = 1.0,
    mask: Bool[Array, ""] | Bool[Array, " m"] | None = None,
    confidence: Float[Array, ""] | Float[Array, " m"] | None = None,
    reset: Bool[Array, ""] | None = None,
) -> tuple[LaggedState, tuple[Float[Array, "m d"], Float[Array, "m d"]]]:
    """`step_lagged`, which also gives what the causal `step` returns for the frame that was read.

    Args:
        params: as for `smooth`.
        state: from `init_lagged` or the last step.
        z: (M, d) observed points.
        dt: see `step_lagged`.
        mask: see `step_lagged`.
        confidence: see `step_lagged`.
        reset: see `step_lagged`.

    Returns:
        The state; and the points (M, d) of this frame, causal, and of the frame `lag` frames ago, smoothed.

    Raises:
        InputError: as `step_lagged` does.
    """
    given: dict[str, Any] = {"mask": mask, "confidence": confidence, "reset": reset}
    options = {name: value for name, value in given.items() if value is not None}
    causal, observation = step_cleaned(params, state.causal, z, dt=dt, **options)
    forward, newest = passes.forward(state.forward, observation)
    at_once, now = state.newest, observation.output
    if params.movements is not None and at_once is not None:
        at_once, now = mix(params.movements, at_once, newest)
    waiting = jax.tree.map(lambda old, new: jnp.concatenate([old[1:], new[None]]), state.waiting, newest)
    frame = jax.tree.map(lambda a: a[0], waiting.frame)
    position = kalman_bank.smooth(waiting.bank, lag=None)[0]
    displaced = passes.displace(frame, position)
    displacement = Displacement(displaced, passes.evidence_of(frame, displaced, state.mixing.last))
    number = waiting.frame.dt.shape[0]
    frames = jnp.minimum(state.frames + 1, number)
    started = frames == number
    evidence = mixing.update_evidence(
        state.mixing.evidence,
        displacement.evidence,
        observed=jnp.where(started, frame.some, 0),
        dt=frame.dt,
        first=frame.first,
    )
    ahead = passes.ahead(waiting.frame, lag=None)[0]
    x = passes.mix(smoother_of(params, None), frame, displacement, evidence.mean, ahead)
    parts = jax.tree.map(lambda new, old: jnp.where(started, new, old), displaced, state.mixing.last)
    after = LaggedState(causal, forward, MixingState(evidence, parts), at_once, waiting, frames)
    return after, (now, jnp.where(started, x, jnp.nan))
