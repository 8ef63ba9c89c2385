"""What the stabilizer keeps between two frames."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer import mixture, size_tracking
from fhr_jax.stabilizer.covariance import WINDOW, CovarianceKind
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.smoothing import causal


class State(NamedTuple):
    """Everything that the stabilizer keeps between two frames: a pytree of constant size.

    Attributes:
        filter: past outputs in the basis, relative to `origin`, in units of the parameters.
        origin: (M, d) where each point was first seen or last reacquired, units of the track.
        seen: (M,) False for points that were never observed.
        scale: () units of the track in one unit of the parameters.
        size: the size of the face so far; None for parameters in units of the track without outlier detection.
        outliers: state of the outlier detection; None without `Params.outliers`.
        movements: state of the movement types; None without `Params.movements`.
    """

    filter: mixture.FilterState
    origin: Float[Array, "m d"]
    seen: Bool[Array, " m"]
    scale: Float[Array, ""]
    size: size_tracking.SizeState | None
    outliers: outlier_detection.OutlierState | None
    movements: causal.MovementState | None


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
        size=size_tracking.init_state(one) if follows_size(params) else None,
        outliers=None if params.outliers is None else outlier_detection.init_state(points, dims, one),
        movements=None if params.movements is None else causal.init_state(points, dims, one),
    )
    # No two leaves share a buffer, so the state can be donated.
    return jax.tree.map(jnp.copy, state)


def reset_where(state: State, reset: Bool[Array, ""]) -> State:
    """The state before the first frame where `reset` () is True."""
    empty = jax.tree.map(jnp.zeros_like, state)._replace(scale=jnp.ones_like(state.scale))
    if state.outliers is not None:
        empty = empty._replace(outliers=outlier_detection.init_state(*state.origin.shape, state.scale))
    return jax.tree.map(lambda new, old: jnp.where(reset, new, old), empty, state)


def follows_size(params: Params) -> bool:
    """Whether the size of the face is tracked; not with parameters in units of the track without outlier detection."""
    return params.face_size is not None or params.outliers is not None
