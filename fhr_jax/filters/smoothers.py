"""Smoothers that are NOT causal, since they use the whole track: references for what a causal filter can reach."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.filters.base import Gain, nan_unless_seen
from fhr_jax.filters.kalman import KalmanState, kalman, predict, update


@jax.jit
def rts(
    track: Float[Array, "t *point"],
    *,
    q: Gain | Float[Array, "*point"],
    r: Gain | Float[Array, "*point"],
    velocity_variance: Gain = 1.0,
    dt: Float[Array | np.ndarray, " t"] | None = None,
) -> Float[Array, "t *point"]:
    """Rauch-Tung-Striebel smoother: mean of every position given the whole track, in the model of `kalman`.

    NOT causal. Gaps are interpolated. A coordinate is NaN before its first observation, as in the filter.

    Args:
        track: (T, M, d), NaN where missing.
        q: () or (M, d), see `kalman`.
        r: () or (M, d), see `kalman`.
        velocity_variance: (), see `kalman`.
        dt: (T,) frames since the frame before, more than 0; the first value is ignored. None: 1.

    Returns:
        (T, M, d) in the units of the track.

    Raises:
        InputError: the track has no frame.
    """
    if track.shape[0] == 0:
        raise InputError("track: empty, expected at least one frame")

    # Scans take dt as a number where it is not given: multiplying by 1 leaves every bit.
    steps = jnp.ones(len(track), track.dtype) if dt is None else jnp.asarray(dt, track.dtype).at[0].set(1)

    def forward(state: KalmanState, frame: tuple[Array, Array]) -> tuple[KalmanState, tuple[KalmanState, KalmanState]]:
        z, dt = frame
        before = predict(state, q, dt=dt)
        after = update(before, z, r, velocity_variance)
        return after, (before, after)

    def backward(
        later: tuple[Array, Array], states: tuple[KalmanState, KalmanState, Array]
    ) -> tuple[tuple[Array, Array], Array]:
        # s(t) given all = s(t) given z(..t) + G (s(t+1) given all - its prediction), G = P F^T (predicted P)^-1.
        ahead, now, dt = states
        off = later[0] - ahead.position, later[1] - ahead.velocity
        size = ahead.pp * ahead.vv - ahead.pv**2
        size = jnp.where(now.seen, size, 1)
        first = (ahead.vv * off[0] - ahead.pv * off[1]) / size
        second = (ahead.pp * off[1] - ahead.pv * off[0]) / size
        position = now.position + (now.pp + dt * now.pv) * first + now.pv * second
        velocity = now.velocity + (now.pv + dt * now.vv) * first + now.vv * second
        return (position, velocity), nan_unless_seen(position, now.seen)

    last, (before, after) = jax.lax.scan(
        forward, kalman(q=q, r=r, velocity_variance=velocity_variance).init(track[0]), (track, steps)
    )
    pairs = jax.tree.map(lambda b: b[1:], before), jax.tree.map(lambda a: a[:-1], after), steps[1:]
    earlier = jax.lax.scan(backward, (last.position, last.velocity), pairs, reverse=True)[1]
    return jnp.concatenate([earlier, nan_unless_seen(last.position, last.seen)[None]])


def zero_phase(
    track: Float[np.ndarray, "t *point"], *, window: int = 13, order: int = 2
) -> Float[np.ndarray, "t *point"]:
    """Savitzky-Golay smoothing centred on every frame, in float64 on the host: without delay, and NOT causal.

    The first and last half windows come from the polynomials of the first and last window. A track shorter than the
    window is smoothed with the longest odd window that fits, or returned as it is if that is not longer than the
    order.

    Args:
        track: (T, ...), complete; see `interpolate`.
        window: frames, odd.
        order: of the polynomial, less than the window.

    Returns:
        (T, ...) in the units of the track.

    Raises:
        InputError: the window is even or not longer than the order.
    """
    from scipy.signal import savgol_filter

    if window < 1 or window % 2 == 0 or not 0 <= order < window:
        raise InputError(f"window: {window}, order: {order}, expected an odd window longer than the order")
    track = np.asarray(track, np.float64)
    window = min(window, len(track) - (len(track) + 1) % 2)
    return track if window <= order else savgol_filter(track, window, order, axis=0)


def interpolate(track: Float[np.ndarray, "t m d"], missing: Bool[np.ndarray, "t m"]) -> Float[np.ndarray, "t m d"]:
    """The track with missing points interpolated linearly in time, in float64. NOT causal.

    Args:
        track: (T, M, d).
        missing: (T, M) points to interpolate; at the ends of the track the nearest value is repeated.

    Raises:
        InputError: a point is missing in every frame.
    """
    filled = np.array(track, np.float64)
    time = np.arange(len(track))
    for m in np.flatnonzero(missing.any(axis=0)):
        gap = missing[:, m]
        if gap.all():
            raise InputError(f"track: point {m} is missing in every frame, expected it in at least one")
        for c in range(track.shape[-1]):
            filled[gap, m, c] = np.interp(time[gap], time[~gap], filled[~gap, m, c])
    return filled
