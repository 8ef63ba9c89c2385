"""The paper's model of one frame, in the basis of the parameters: history, mixture posterior, recursion.

History weights gamma^tau give W, mu and C: weight, mean and covariance of the past outputs x. With d = x - mu
(Welford's recursion, which stays exact in float32 where the differences of squares of Eq. 9 do not):

    mu' = mu + d / (1 + W),   C' = W/(1+W) C + W/(1+W)^2 d d^T,   W' = gamma (1 + W)

and with r_k = y - mu_k for the observation y

    A_k = beta_k Sigma_k + (1 - beta_k) C + Sigma_noise
    log w_k = log alpha_k - 1/2 log det A_k - 1/2 r_k^T A_k^-1 r_k
    m_k = y - Sigma_noise A_k^-1 r_k

In this basis Sigma_k and Sigma_noise are diagonal; C is not, and is kept whole ("full") or by its diagonal.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.stabilizer.mode import mixture_mode
from fhr_jax.stabilizer.params import Params


class Course(NamedTuple):
    """Where the output went: the last one and its smoothed velocity a frame (state of Motion)."""

    output: Float[Array, " D"]
    velocity: Float[Array, " D"]


class History(NamedTuple):
    """What is kept of the past outputs: W, mu, C, relative to the first frame, in the basis.

    `covariance` is (D,) for "diagonal" and (D, D) for "full"; zero weight means that there is no past.
    """

    weight: Float[Array, ""]
    mean: Float[Array, " D"]
    covariance: Float[Array, " D"] | Float[Array, "D D"]
    course: Course | None


class Posterior(NamedTuple):
    """The mixture of a frame.

    Attributes:
        log_weights: (K,), normalized.
        means: (K, D).
        covariances: (K, D) or (K, D, D).
    """

    log_weights: Float[Array, " k"]
    means: Float[Array, "k D"]
    covariances: Float[Array, "k D"] | Float[Array, "k D D"]


def start(params: Params, *, full: bool) -> History:
    """No past at all."""
    zero = jnp.zeros_like(params.noise)
    covariance = jnp.zeros_like(params.basis) if full else zero
    course = None if params.motion is None else Course(zero, zero)
    return History(jnp.zeros_like(params.gamma), zero, covariance, course)


def predict(params: Params, history: History, dt: Float[Array, ""]) -> Float[Array, "k D"]:
    """Means of the components `dt` frames after the last one."""
    means = jnp.broadcast_to(history.mean[None], params.prior.shape)
    if params.motion is None or history.course is None:
        return means
    return means + (params.motion.lead + dt - 1)[:, None] * history.course.velocity[None]


def posterior(params: Params, history: History, means: Float[Array, "k D"], y: Float[Array, " D"]) -> Posterior:
    """The mixture after the observation y, relative to the first frame, in the basis."""
    residual = y[None] - means
    own = params.beta[:, None] * params.prior
    share = 1 - params.beta
    if history.covariance.ndim == 1:
        spread = own + share[:, None] * history.covariance[None]
        total = spread + params.noise[None]
        log_likelihood = -0.5 * (jnp.log(total) + residual**2 / total).sum(axis=-1)
        # m = mu + S r / A is m = y - N r / A; this form is exact when the noise is small.
        shifted = y[None] - params.noise[None] * residual / total
        covariances = spread * params.noise[None] / total
    else:
        spread = share[:, None, None] * history.covariance[None] + jax.vmap(jnp.diag)(own)
        factor = jnp.linalg.cholesky(spread + jnp.diag(params.noise)[None])
        white = jax.scipy.linalg.solve_triangular(factor, residual[..., None], lower=True)
        solved = jax.scipy.linalg.solve_triangular(factor, white, lower=True, trans=1)[..., 0]
        half_log_det = jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
        log_likelihood = -half_log_det - 0.5 * (white[..., 0] ** 2).sum(axis=-1)
        shifted = y[None] - params.noise[None] * solved
        noise = jnp.broadcast_to(jnp.diag(params.noise)[None], spread.shape)
        half = jax.scipy.linalg.solve_triangular(factor, noise, lower=True)
        # The sum, not the difference N - N A^-1 N, which loses all digits where the prior is narrow.
        solved_spread = jax.scipy.linalg.solve_triangular(factor, spread, lower=True)
        covariances = jnp.matmul(solved_spread.mT, half, precision=Precision.HIGHEST)
    log_weights = jax.nn.log_softmax(jnp.log(params.alpha) + log_likelihood)
    return Posterior(log_weights, shifted, covariances)


def estimate_mean(mixture: Posterior) -> Float[Array, " D"]:
    """The mean of the mixture."""
    return (jnp.exp(mixture.log_weights)[:, None] * mixture.means).sum(axis=0)


def estimate_mode(mixture: Posterior) -> Float[Array, " D"]:
    """The most probable value, the argmax of Eq. 8."""
    return mixture_mode(mixture.log_weights, mixture.means, mixture.covariances)


def remember(params: Params, history: History, x: Float[Array, " D"], dt: Float[Array, ""]) -> History:
    """The history with the output x added, `dt` frames after the last one."""
    weight = params.gamma ** (dt - 1) * history.weight
    share = 1 / (1 + weight)
    d = x - history.mean
    mean = history.mean + share * d
    outer = d**2 if history.covariance.ndim == 1 else d[:, None] * d[None, :]
    covariance = weight * share * (history.covariance + share * outer)
    course = history.course
    if course is not None and params.motion is not None:
        keep = params.motion.decay**dt
        step = jnp.where(history.weight > 0, (x - course.output) / dt, 0)
        course = Course(x, keep * course.velocity + (1 - keep) * step)
    return History(params.gamma * (1 + weight), mean, covariance, course)


def skip(params: Params, history: History, dt: Float[Array, ""]) -> tuple[History, Float[Array, " D"]]:
    """A frame without an observation: the prediction, and a history that fades and moves on with it."""
    prediction = (params.alpha[:, None] * predict(params, history, dt)).sum(axis=0)
    weight = params.gamma**dt * history.weight
    if history.course is None or params.motion is None:
        return history._replace(weight=weight), prediction
    velocity = history.course.velocity
    course = Course(prediction, params.motion.decay**dt * velocity)
    return history._replace(weight=weight, mean=history.mean + dt * velocity, course=course), prediction
