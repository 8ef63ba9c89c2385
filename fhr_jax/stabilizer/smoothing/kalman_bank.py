"""A bank of Kalman filters, one for each movement type, and the Rauch-Tung-Striebel recursion back in time.

A movement type has an order n and a time constant tau: the n-th derivative of every coordinate is white noise, so that
order 1 rests, order 2 keeps its velocity and order 3 its acceleration, each for about tau frames. With the derivatives
in units of tau, s = (x, tau x', tau^2 x''), and delta = dt / tau:

    s(t) = F s(t-1) + noise of covariance Q,      F_ij = delta^(j-i) / (j-i)!          for i <= j < n
                                                  Q_ij = delta^(a+b+1) / (tau (a+b+1) a! b!),  a = n-1-i, b = n-1-j
    z(t) = x(t) + noise of variance 1 / w         for an observation of weight w

All variances are in units of the variance of an observation of weight 1, so the filters know neither the noise nor the
size of a face. All coordinates of a point share one covariance. The recursion back, from the state m and P after the
observation of a frame, and from the prediction m' and P' of the next one:

    C = P F^T P'^-1,      s(t | later) = m(t) + C (s(t+1 | later) - m'(t+1))

Sources: Kalman 1960; Rauch, Tung, Striebel 1965. The oracle of the tests is the dense solution in float64.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

ORDERS = (2, 2, 2, 2, 1, 3)
"""Order of each movement type."""

TIME_CONSTANTS = (0.7, 1.2, 2.2, 5.0, 4.0, 1.8)
"""Their time constants, in frames of 1/30 s."""

TYPES = len(ORDERS)
"""K, number of movement types."""

QUICK = 0
"""The movement type whose innovations measure the noise: it follows nearly everything."""

FIRST_VARIANCE = 10.0
"""Variance of the derivatives (times tau) at the first observation of a point."""

Derivatives = tuple[Array, ...]
"""The derivatives of order 0, 1 and 2."""

Symmetric = tuple[Array, ...]
"""The entries 00, 01, 02, 11, 12, 22 of a symmetric matrix."""


class BankState(NamedTuple):
    """Mean and covariance of the derivatives, for K types, M points and d coordinates.

    Attributes:
        mean: three arrays (K, M, d): x, tau x', tau^2 x''; units of the track.
        covariance: six arrays (K, M), the entries 00, 01, 02, 11, 12, 22.
    """

    mean: Derivatives
    covariance: Symmetric


class BankFrame(NamedTuple):
    """One frame of the forward pass: all that the recursion back needs.

    Attributes:
        filtered: three arrays (K, M, d), the mean after the observation.
        predicted: three arrays (K, M, d), the mean before it.
        gain: nine arrays (K, M), the rows of C from the frame before to this one; 0 where a point starts anew.
        innovation: (M, d) observation minus prediction of the type `QUICK`, over its standard deviation, units of the
            track; 0 where nothing is observed or a point starts.
    """

    filtered: Derivatives
    predicted: Derivatives
    gain: tuple[Array, ...]
    innovation: Float[Array, "m d"]


def init_state(points: int, dims: int, like: Float[Array, ""]) -> BankState:
    """The state before the first frame, in the dtype of the scalar `like`; every point has yet to start."""
    zero = jnp.zeros_like(like, shape=(TYPES, points, dims))
    return BankState((zero,) * 3, (zero[..., 0],) * 6)


def step(
    state: BankState,
    z: Float[Array, "m d"],
    *,
    weight: Float[Array, " m"],
    restart: Bool[Array, " m"],
    dt: Float[Array, ""],
) -> tuple[BankState, BankFrame]:
    """Filter one frame.

    Args:
        state: from the last frame.
        z: (M, d) observed points, units of the track; any finite value where the weight is 0.
        weight: (M,) at least 0; 0 where missing.
        restart: (M,) True for points that start at `z` and forget their past.
        dt: () frames of 1/30 s since the last frame.
    """
    shape = _constants(dt, z.dtype)
    before, covariance, gain = _predict(state, shape)
    innovation = z[None] - before[0]
    total = 1 + weight[None] * covariance[0]
    kalman = tuple(weight[None] * p / total for p in covariance[:3])
    mean = tuple(m + k[..., None] * innovation for m, k in zip(before, kalman, strict=True))
    p = covariance
    after = tuple(p[n] - kalman[i] * p[j] for n, (i, j) in enumerate(((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))))
    place = z[None], jnp.zeros_like(z)[None], jnp.zeros_like(z)[None]
    first, zero = 1 / jnp.maximum(weight, 1e-3)[None], jnp.zeros_like(shape.second)
    start = first, zero, zero, FIRST_VARIANCE * shape.second, zero, FIRST_VARIANCE * shape.third
    anew = restart[None]
    mean = tuple(jnp.where(anew[..., None], s, m) for s, m in zip(place, mean, strict=True))
    after = tuple(jnp.where(anew, s, c) for s, c in zip(start, after, strict=True))
    gain = tuple(jnp.where(anew, 0, g) for g in gain)
    predicted = tuple(jnp.where(anew[..., None], s, m) for s, m in zip(place, before, strict=True))
    observed = (weight > 0) & ~restart
    deviation = jnp.sqrt(jnp.maximum(covariance[0][QUICK] + 1 / jnp.maximum(weight, 1e-3), 1e-12))
    noise = jnp.where(observed[:, None], innovation[QUICK] / deviation[:, None], 0)
    return BankState(mean, after), BankFrame(mean, predicted, gain, noise)


def back(later: Derivatives, frame: BankFrame, earlier: Derivatives) -> Derivatives:
    """One step back in time.

    Args:
        later: means of a frame given all observations that count.
        frame: the forward pass of that frame.
        earlier: filtered means of the frame before it.

    Returns:
        Means of the frame before, given the same observations.
    """
    off = tuple(s - p for s, p in zip(later, frame.predicted, strict=True))
    c = frame.gain
    return tuple(
        m + c[3 * i][..., None] * off[0] + c[3 * i + 1][..., None] * off[1] + c[3 * i + 2][..., None] * off[2]
        for i, m in enumerate(earlier)
    )


class _Constants(NamedTuple):
    """F and Q for K types, each (K, 1): f01, f02, f12, and q in the order of a covariance; which derivatives exist."""

    f01: Array
    f02: Array
    f12: Array
    q: Symmetric
    second: Array
    third: Array


def _constants(dt: Array, dtype: jnp.dtype) -> _Constants:
    order = jnp.asarray(ORDERS, dtype)[:, None]
    tau = jnp.asarray(TIME_CONSTANTS, dtype)[:, None]
    delta = dt / tau
    second, third = (order >= 2).astype(dtype), (order >= 3).astype(dtype)
    one, two = (order == 1).astype(dtype), (order == 2).astype(dtype)
    q = (
        one * delta + two * delta**3 / 3 + third * delta**5 / 20,
        two * delta**2 / 2 + third * delta**4 / 8,
        third * delta**3 / 6,
        two * delta + third * delta**3 / 3,
        third * delta**2 / 2,
        third * delta,
    )
    return _Constants(
        second * delta, third * delta**2 / 2, third * delta, tuple(value / tau for value in q), second, third
    )


def _predict(state: BankState, c: _Constants) -> tuple[Derivatives, Symmetric, tuple[Array, ...]]:
    """Mean and covariance before the observation, and the gain C of the recursion back."""
    x, v, a = state.mean
    f01, f02, f12 = (value[..., None] for value in (c.f01, c.f02, c.f12))
    mean = (x + f01 * v + f02 * a, v + f12 * a, a)
    p00, p01, p02, p11, p12, p22 = state.covariance
    # b = P F^T, row by row.
    b = (
        (p00 + c.f01 * p01 + c.f02 * p02, p01 + c.f12 * p02, p02),
        (p01 + c.f01 * p11 + c.f02 * p12, p11 + c.f12 * p12, p12),
        (p02 + c.f01 * p12 + c.f02 * p22, p12 + c.f12 * p22, p22),
    )
    covariance = (
        b[0][0] + c.f01 * b[1][0] + c.f02 * b[2][0] + c.q[0],
        b[0][1] + c.f01 * b[1][1] + c.f02 * b[2][1] + c.q[1],
        b[0][2] + c.f01 * b[1][2] + c.f02 * b[2][2] + c.q[2],
        b[1][1] + c.f12 * b[2][1] + c.q[3],
        b[1][2] + c.f12 * b[2][2] + c.q[4],
        b[2][2] + c.q[5],
    )
    inverse = _inverse(covariance, c)
    rows = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
    gain = tuple(
        row[0] * inverse[rows[0][j]] + row[1] * inverse[rows[1][j]] + row[2] * inverse[rows[2][j]]
        for row in b
        for j in range(3)
    )
    return mean, covariance, gain


def _inverse(p: Symmetric, c: _Constants) -> Symmetric:
    """Inverse of the part of a covariance whose derivatives exist, by the adjugate; the rest is that of 1."""
    a, b, d, e, f, g = p
    e, g = e + (1 - c.second), g + (1 - c.third)
    # A point that has not started yet has covariance 0 before its first prediction, and Q alone after it.
    c00, c01, c02 = e * g - f * f, d * f - b * g, b * f - d * e
    determinant = a * c00 + b * c01 + d * c02
    scale = 1 / jnp.where(determinant > 0, determinant, 1)
    return (
        c00 * scale,
        c01 * scale,
        c02 * scale,
        (a * g - d * d) * scale,
        (b * d - a * f) * scale,
        (a * e - b * b) * scale,
    )


def smooth(frames: BankFrame, *, lag: int | None) -> Float[Array, "t k m d"]:
    """Positions (T, K, M, d) of every frame given the `lag` frames after it, None for all.

    Args:
        frames: forward passes, stacked along the first axis (T).
        lag: at least 0. Towards the end of the track fewer frames follow.
    """
    filtered = frames.filtered
    after = jax.tree.map(lambda value: value[1:], frames)
    if lag is None:

        def body(later: Derivatives, inputs: tuple[BankFrame, Derivatives]) -> tuple[Derivatives, Array]:
            now = back(later, *inputs)
            return now, now[0]

        last = jax.tree.map(lambda value: value[-1], filtered)
        earlier = jax.tree.map(lambda value: value[:-1], filtered)
        positions = jax.lax.scan(body, last, (after, earlier), reverse=True)[1]
        return jnp.concatenate([positions, last[0][None]])
    smoothed = filtered
    for _ in range(min(lag, filtered[0].shape[0] - 1)):
        later = jax.tree.map(lambda value: value[1:], smoothed)
        earlier = jax.tree.map(lambda value: value[:-1], filtered)
        now = jax.vmap(back)(later, after, earlier)
        smoothed = jax.tree.map(lambda a, b: jnp.concatenate([a, b[-1:]]), now, filtered)
    return smoothed[0]
