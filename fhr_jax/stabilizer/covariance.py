"""The covariance C of the past outputs: full, its diagonal, or the last R of its rank-one terms.

With d = x - mu and the weight W of the past, every frame adds a rank-one term and shrinks the others (Welford):

    C' = W / (1 + W) C + W / (1 + W)^2 d d^T

So C = sum_j c_j d_j d_j^T with fixed vectors d_j and shrinking weights c_j. In the basis of the parameters, the state
is one of

* `FullCovariance`: the matrix (D, D). The paper's model; two Cholesky factorizations of (D, D) a frame.
* `DiagonalCovariance`: its diagonal. The directions are then independent but for the responsibilities.
* `WindowedCovariance`: the last R pairs (c_j, d_j). It equals the full one once gamma^R is negligible, and needs
  (R, R) instead of (D, D) by the Woodbury identity.
"""

from functools import partial
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jax.lax.linalg import triangular_solve
from jaxtyping import Array, Float

from fhr_jax.errors import InputError

CovarianceKind = Literal["diagonal", "windowed", "full"]

WINDOW = 32
"""Default of R."""

MIN_VARIANCE_ROUNDINGS = 16
"""Smallest variance of a direction, in rounding errors of the largest."""


class DiagonalCovariance(NamedTuple):
    """(D,) variances along the directions."""

    values: Float[Array, " D"]


class FullCovariance(NamedTuple):
    """(D, D) symmetric matrix."""

    values: Float[Array, "D D"]


class WindowedCovariance(NamedTuple):
    """Weights c (R,) and vectors d (R, D), the newest last; weight 0 where there is no term yet."""

    weights: Float[Array, " r"]
    vectors: Float[Array, "r D"]


Covariance = DiagonalCovariance | FullCovariance | WindowedCovariance

cholesky = partial(jax.lax.linalg.cholesky, symmetrize_input=False)
"""For matrices that are symmetric by construction."""


class Solution(NamedTuple):
    """Solution with A_k = diag(diagonal_k) + share_k C for every component k.

    Attributes:
        solved: (K, D) A_k^-1 r_k.
        log_likelihood: log N(r_k; 0, A_k) up to a constant: (K, D) by direction for a diagonal C, else (K, 1).
    """

    solved: Float[Array, "k D"]
    log_likelihood: Float[Array, "k #D"]


def init(kind: CovarianceKind, size: int, like: Float[Array, ""], *, window: int = WINDOW) -> Covariance:
    """The covariance without a past, C = 0.

    Args:
        kind: which state is kept.
        size: number of directions D.
        like: () any array of the wanted dtype.
        window: R, for "windowed".

    Raises:
        InputError: the kind is unknown, or the window is empty.
    """
    if kind not in get_args(CovarianceKind):
        raise InputError(f"covariance: {kind!r}, expected one of {', '.join(get_args(CovarianceKind))}")
    if window < 1:
        raise InputError(f"window: {window}, expected at least one frame")
    if kind == "diagonal":
        return DiagonalCovariance(jnp.zeros_like(like, shape=(size,)))
    if kind == "full":
        return FullCovariance(jnp.zeros_like(like, shape=(size, size)))
    return WindowedCovariance(jnp.zeros_like(like, shape=(window,)), jnp.zeros_like(like, shape=(window, size)))


def update(covariance: Covariance, weight: Float[Array, ""], d: Float[Array, " D"]) -> Covariance:
    """C with the output mu + d (D,) added, where `weight` () is the weight W of the past."""
    share = 1 / (1 + weight)
    if isinstance(covariance, DiagonalCovariance):
        return DiagonalCovariance(weight * share * (covariance.values + share * d**2))
    if isinstance(covariance, FullCovariance):
        return FullCovariance(weight * share * (covariance.values + share * d[:, None] * d[None, :]))
    weights = jnp.append(weight * share * covariance.weights[1:], weight * share**2)
    return WindowedCovariance(weights, jnp.concatenate([covariance.vectors[1:], d[None]]))


def rescale(covariance: Covariance, factor: Float[Array, ""]) -> Covariance:
    """C of outputs that are all multiplied by `factor` (), as for another unit of length."""
    if isinstance(covariance, WindowedCovariance):
        return covariance._replace(vectors=factor * covariance.vectors)
    return covariance._replace(values=factor**2 * covariance.values)


def variances(covariance: Covariance) -> Float[Array, " D"]:
    """The diagonal (D,) of C."""
    if isinstance(covariance, DiagonalCovariance):
        return covariance.values
    if isinstance(covariance, FullCovariance):
        return jnp.diagonal(covariance.values)
    return (covariance.weights[:, None] * covariance.vectors**2).sum(axis=0)


def dense(covariance: Covariance) -> Float[Array, "D D"]:
    """C as a matrix (D, D)."""
    if isinstance(covariance, DiagonalCovariance):
        return jnp.diag(covariance.values)
    if isinstance(covariance, FullCovariance):
        return covariance.values
    scaled = covariance.weights[:, None] * covariance.vectors
    return jnp.matmul(scaled.T, covariance.vectors, precision=Precision.HIGHEST)


def floor_diagonal(
    covariance: Covariance, diagonal: Float[Array, "k D"], share: Float[Array, " k"]
) -> Float[Array, "k D"]:
    """Variances (K, D), raised where rounding could make diag(diagonal_k) + share_k C lose positive definiteness."""
    least = MIN_VARIANCE_ROUNDINGS * jnp.finfo(diagonal.dtype).eps * share * variances(covariance).sum()
    return jnp.maximum(diagonal, least[:, None])


def solve(
    covariance: Covariance, diagonal: Float[Array, "k D"], share: Float[Array, " k"], residual: Float[Array, "k D"]
) -> Solution:
    """Solve with A_k = diag(diagonal_k) + share_k C for every component k.

    Args:
        covariance: C.
        diagonal: (K, D) variances beside C: those of the component and of the noise.
        share: (K,) factor of C.
        residual: (K, D) right-hand sides r_k.
    """
    if isinstance(covariance, DiagonalCovariance):
        total = diagonal + share[:, None] * covariance.values[None]
        return Solution(residual / total, -0.5 * (jnp.log(total) + residual**2 / total))
    diagonal = floor_diagonal(covariance, diagonal, share)
    if isinstance(covariance, FullCovariance):
        solved, log_det = _solve_full(covariance, diagonal, share, residual)
    else:
        solved, log_det = _solve_windowed(covariance, diagonal, share, residual)
    distance = (residual * solved).sum(axis=-1)
    return Solution(solved, -0.5 * (log_det + distance)[:, None])


def _solve_full(covariance: FullCovariance, diagonal: Array, share: Array, residual: Array) -> tuple[Array, Array]:
    total = share[:, None, None] * covariance.values[None] + jax.vmap(jnp.diag)(diagonal)
    factor = cholesky(total)
    # Residuals as rows: as columns, LAPACK would be handed a transposed copy of the factor.
    whitened = triangular_solve(factor, residual[:, None], left_side=False, lower=True, transpose_a=True)
    solved = triangular_solve(factor, whitened, left_side=False, lower=True)[:, 0]
    return solved, 2 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)


def _solve_windowed(
    covariance: WindowedCovariance, diagonal: Array, share: Array, residual: Array
) -> tuple[Array, Array]:
    """A^-1 r = E (1 - share F^T M^-1 F) E r with E = diagonal^-1/2, F = c^1/2 d E and M = 1 + share F F^T."""
    scale = jax.lax.rsqrt(diagonal)
    # c is 0 before there is a term, where a square root has no derivative.
    filled = covariance.weights > 0
    root = jnp.where(filled, jnp.sqrt(jnp.where(filled, covariance.weights, 1)), 0)
    rows = (root[:, None] * covariance.vectors)[None] * scale[:, None, :]
    gram = share[:, None, None] * jnp.matmul(rows, rows.mT, precision=Precision.HIGHEST)
    factor = cholesky(gram + jnp.eye(len(root), dtype=gram.dtype)[None])
    scaled = scale * residual
    projected = jnp.matmul(rows, scaled[..., None], precision=Precision.HIGHEST)
    whitened = triangular_solve(factor, projected.mT, left_side=False, lower=True, transpose_a=True)
    solved = triangular_solve(factor, whitened, left_side=False, lower=True)
    corrected = scaled - share[:, None] * jnp.matmul(solved, rows, precision=Precision.HIGHEST)[:, 0]
    log_det = jnp.log(diagonal).sum(axis=-1) + 2 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    return scale * corrected, log_det
