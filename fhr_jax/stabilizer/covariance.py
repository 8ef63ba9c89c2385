"""The covariance C of the past outputs: whole, its diagonal, or the last R of the rank-one terms that it is made of.

With d = x - mu and W the weight of the past, every frame adds a rank-one term and shrinks the rest (Welford):

    C' = W / (1 + W) C + W / (1 + W)^2 d d^T

so C = sum_j c_j d_j d_j^T with fixed vectors d_j and shrinking weights c_j. Kept are, in the basis of the parameters,

* `Full`: the matrix, D x D. The paper's model; two Cholesky factorizations of D x D a frame.
* `Diagonal`: its diagonal. The directions are then filtered independently but for the responsibilities.
* `Windowed`: the last R pairs (c_j, d_j). The same as `Full` as soon as gamma^R is negligible, at R x R a frame by
  the Woodbury identity.
"""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jax.lax.linalg import triangular_solve
from jaxtyping import Array, Float

CovarianceKind = Literal["diagonal", "windowed", "full"]

WINDOW = 32
"""R, unless another number is asked for."""

ROUNDING = 16
"""Least variance of a direction, in units of what rounding does to the largest."""


class Diagonal(NamedTuple):
    """(D,) variances along the directions."""

    values: Float[Array, " D"]


class Full(NamedTuple):
    """(D, D), symmetric."""

    values: Float[Array, "D D"]


class Windowed(NamedTuple):
    """Weights c (R,) and vectors d (R, D), the newest last; weight 0 where there is no term yet."""

    weights: Float[Array, " r"]
    vectors: Float[Array, "r D"]


Covariance = Diagonal | Full | Windowed

cholesky = partial(jax.lax.linalg.cholesky, symmetrize_input=False)
"""Of matrices that are symmetric as they are built."""


class Solution(NamedTuple):
    """For A_k = own_k + share_k C + noise_k: A_k^-1 r_k, and log N(r_k; 0, A_k) but for a constant.

    Attributes:
        solved: (K, D).
        log_likelihood: (K, D) by direction for `Diagonal`, else (K, 1) for the frame.
    """

    solved: Float[Array, "k D"]
    log_likelihood: Float[Array, "k #D"]


def init(kind: CovarianceKind, size: int, like: Float[Array, ""], *, window: int = WINDOW) -> Covariance:
    """No past: C = 0."""
    if kind == "diagonal":
        return Diagonal(jnp.zeros_like(like, shape=(size,)))
    if kind == "full":
        return Full(jnp.zeros_like(like, shape=(size, size)))
    return Windowed(jnp.zeros_like(like, shape=(window,)), jnp.zeros_like(like, shape=(window, size)))


def update(covariance: Covariance, weight: Float[Array, ""], d: Float[Array, " D"]) -> Covariance:
    """C with the output mu + d added, where the past weighs `weight`."""
    share = 1 / (1 + weight)
    if isinstance(covariance, Diagonal):
        return Diagonal(weight * share * (covariance.values + share * d**2))
    if isinstance(covariance, Full):
        return Full(weight * share * (covariance.values + share * d[:, None] * d[None, :]))
    weights = jnp.append(weight * share * covariance.weights[1:], weight * share**2)
    return Windowed(weights, jnp.concatenate([covariance.vectors[1:], d[None]]))


def variances(covariance: Covariance) -> Float[Array, " D"]:
    """The diagonal of C."""
    if isinstance(covariance, Diagonal):
        return covariance.values
    if isinstance(covariance, Full):
        return jnp.diagonal(covariance.values)
    return (covariance.weights[:, None] * covariance.vectors**2).sum(axis=0)


def dense(covariance: Diagonal | Full | Windowed) -> Float[Array, "D D"]:
    """C as a matrix."""
    if isinstance(covariance, Diagonal):
        return jnp.diag(covariance.values)
    if isinstance(covariance, Full):
        return covariance.values
    scaled = covariance.weights[:, None] * covariance.vectors
    return jnp.matmul(scaled.T, covariance.vectors, precision=Precision.HIGHEST)


def floor_variances(covariance: Covariance, own: Float[Array, "k D"], share: Float[Array, " k"]) -> Float[Array, "k D"]:
    """`own`, but never so small that rounding could make own_k + share_k C lose its positive definiteness."""
    least = ROUNDING * jnp.finfo(own.dtype).eps * share * variances(covariance).sum()
    return jnp.maximum(own, least[:, None])


def solve(
    covariance: Covariance, own: Float[Array, "k D"], share: Float[Array, " k"], residual: Float[Array, "k D"]
) -> Solution:
    """Solve with A_k = diag(own_k) + share_k C, for every component; `own` holds the noise too."""
    if isinstance(covariance, Diagonal):
        total = own + share[:, None] * covariance.values[None]
        return Solution(residual / total, -0.5 * (jnp.log(total) + residual**2 / total))
    own = floor_variances(covariance, own, share)
    if isinstance(covariance, Full):
        solved, log_det = _solve_full(covariance, own, share, residual)
    else:
        solved, log_det = _solve_windowed(covariance, own, share, residual)
    distance = (residual * solved).sum(axis=-1)
    return Solution(solved, -0.5 * (log_det + distance)[:, None])


def _solve_full(covariance: Full, own: Array, share: Array, residual: Array) -> tuple[Array, Array]:
    total = share[:, None, None] * covariance.values[None] + jax.vmap(jnp.diag)(own)
    factor = cholesky(total)
    # Residuals as rows: as columns, LAPACK would be handed a transposed copy of the factor.
    white = triangular_solve(factor, residual[:, None], left_side=False, lower=True, transpose_a=True)
    solved = triangular_solve(factor, white, left_side=False, lower=True)[:, 0]
    return solved, 2 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)


def _solve_windowed(covariance: Windowed, own: Array, share: Array, residual: Array) -> tuple[Array, Array]:
    """A^-1 r = E (1 - share F^T M^-1 F) E r with E = own^-1/2, F = c^1/2 d E and M = 1 + share F F^T."""
    scale = jax.lax.rsqrt(own)
    # c is 0 before there is a term, where a square root has no derivative.
    there = covariance.weights > 0
    root = jnp.where(there, jnp.sqrt(jnp.where(there, covariance.weights, 1)), 0)
    rows = (root[:, None] * covariance.vectors)[None] * scale[:, None, :]
    gram = share[:, None, None] * jnp.matmul(rows, rows.mT, precision=Precision.HIGHEST)
    factor = cholesky(gram + jnp.eye(len(root), dtype=gram.dtype)[None])
    scaled = scale * residual
    inner = jnp.matmul(rows, scaled[..., None], precision=Precision.HIGHEST)
    white = triangular_solve(factor, inner.mT, left_side=False, lower=True, transpose_a=True)
    back = triangular_solve(factor, white, left_side=False, lower=True)
    rest = scaled - share[:, None] * jnp.matmul(back, rows, precision=Precision.HIGHEST)[:, 0]
    log_det = jnp.log(own).sum(axis=-1) + 2 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    return scale * rest, log_det
