"""The mode of a Gaussian mixture, the argmax of Eq. 8.

It has no closed form for more than one component, and hill climbing from the component means can miss it. For two
components every stationary point lies on the ridge line (Ray and Lindsay 2005)

    x(a) = (a P_1 + (1 - a) P_2)^-1 (a P_1 m_1 + (1 - a) P_2 m_2),   0 <= a <= 1,

so a search along it finds the mode in any dimension. For more components, hill climbing from many starts is a
heuristic.
"""

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.errors import InputError

RIDGE_POINTS = 129
"""Grid points in the logit of a, in each of the three rounds of the search along the ridge."""


@jax.custom_jvp
def mixture_mode(
    log_weights: Float[Array, " k"],
    means: Float[Array, "k D"],
    covariances: Float[Array, "k D"] | Float[Array, "k D D"],
) -> Float[Array, " D"]:
    """The point of highest density (D,) of a mixture.

    For one and two components it is exact up to the resolution of the search. For more, it is the best of the maxima
    reached from every mean, every midpoint of two means, and the mean of the mixture. Derivatives are those of this
    maximum, by the implicit function theorem.

    Args:
        log_weights: (K,), normalized or not.
        means: (K, D).
        covariances: (K, D) diagonals, or (K, D, D) for at most two components.

    Raises:
        InputError: more than two components with dense covariances.
    """
    components = means.shape[0]
    if components == 1:
        return means[0]
    if covariances.ndim == 2:
        # A component of zero variance would have infinite density at its mean.
        floor = 1e-6 * covariances.max(axis=0, keepdims=True) + 1e-30
        search = _ridge if components == 2 else _climb
        return search(log_weights, means, jnp.maximum(covariances, floor))
    if components > 2:
        raise InputError(f"mode: {components} components with covariance 'full', expected at most 2")
    return _ridge_dense(log_weights, means, covariances)


@mixture_mode.defjvp
def _derivative(primals, tangents):
    x = mixture_mode(*primals)

    def slope(*mixture):
        return jax.grad(_log_density)(x, *mixture)

    curvature = jax.hessian(_log_density)(x, *primals)
    return x, -jnp.linalg.solve(curvature, jax.jvp(slope, primals, tangents)[1])


def _log_density(x: Array, log_weights: Array, means: Array, covariances: Array) -> Array:
    off = x[None] - means
    if covariances.ndim == 2:
        exponent = jnp.log(covariances).sum(axis=-1) + (off**2 / covariances).sum(axis=-1)
    else:
        factor = jnp.linalg.cholesky(covariances)
        whitened = jax.scipy.linalg.solve_triangular(factor, off[..., None], lower=True)[..., 0]
        log_det = 2 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
        exponent = log_det + (whitened**2).sum(axis=-1)
    return jax.nn.logsumexp(log_weights - 0.5 * exponent)


def _ridge(log_weights: Array, means: Array, variances: Array) -> Array:
    """Two components with diagonal covariances: a grid search in the logit of a, refined twice, then hill climbing."""

    def point(logit: Array) -> Array:
        a, b = jax.nn.sigmoid(logit), jax.nn.sigmoid(-logit)
        one, two = a * variances[1], b * variances[0]
        return (one * means[0] + two * means[1]) / (one + two)

    low, high = jnp.full((), -30.0, means.dtype), jnp.full((), 30.0, means.dtype)
    for _ in range(3):
        logits = jnp.linspace(low, high, RIDGE_POINTS)
        heights = jax.vmap(lambda u: _log_density(point(u), log_weights, means, variances))(logits)
        best, gap = logits[heights.argmax()], (high - low) / (RIDGE_POINTS - 1)
        low, high = best - gap, best + gap
    return _ascend(point(best), log_weights, means, variances, steps=20)


def _ascend(x: Array, log_weights: Array, means: Array, variances: Array, *, steps: int) -> Array:
    """Fixed-point steps, none of which decreases the density: x = (sum w_k P_k)^-1 sum w_k P_k m_k."""

    def climb(_, x: Array) -> Array:
        exponent = jnp.log(variances) + (x[None] - means) ** 2 / variances
        weights = jax.nn.softmax(log_weights - 0.5 * exponent.sum(axis=-1))[:, None] / variances
        return (weights * means).sum(axis=0) / weights.sum(axis=0)

    return jax.lax.fori_loop(0, steps, climb, x)


def _climb(log_weights: Array, means: Array, variances: Array) -> Array:
    """Any number of components with diagonal covariances: hill climbing from many starts."""
    components = means.shape[0]
    pairs = [(i, j) for i in range(components) for j in range(i + 1, components)]
    middles = jnp.stack([(means[i] + means[j]) / 2 for i, j in pairs])
    centre = (jax.nn.softmax(log_weights)[:, None] * means).sum(axis=0)
    starts = jnp.concatenate([means, middles, centre[None]])
    ends = jax.vmap(lambda x: _ascend(x, log_weights, means, variances, steps=200))(starts)
    return ends[jax.vmap(lambda x: _log_density(x, log_weights, means, variances))(ends).argmax()]


def _ridge_dense(log_weights: Array, means: Array, covariances: Array) -> Array:
    """Two components with dense covariances, in the basis T where Q_1 = T T^T and Q_2 = T diag(e) T^T are diagonal."""
    size = means.shape[-1]
    scale = jnp.trace(covariances, axis1=-2, axis2=-1).max() / size
    covariances = covariances + (1e-6 * scale + 1e-30) * jnp.eye(size, dtype=means.dtype)[None]
    factor = jnp.linalg.cholesky(covariances[0])
    half = jax.scipy.linalg.solve_triangular(factor, covariances[1], lower=True)
    both = jax.scipy.linalg.solve_triangular(factor, half.T, lower=True)
    values, vectors = jnp.linalg.eigh((both + both.T) / 2)
    to_points = jnp.matmul(factor, vectors, precision=Precision.HIGHEST)
    whitened = jax.scipy.linalg.solve_triangular(factor, means.T, lower=True)
    rotated = jnp.matmul(vectors.T, whitened, precision=Precision.HIGHEST).T
    variances = jnp.stack([jnp.ones_like(values), jnp.maximum(values, 1e-6)])
    return jnp.matmul(to_points, _ridge(log_weights, rotated, variances), precision=Precision.HIGHEST)
