"""The model of one frame, in the basis of the parameters: history, mixture posterior, recursion.

History weights gamma^tau give W, mu and C: weight, mean and covariance of the past outputs x. With d = x - mu
(Welford's recursion, which stays exact in float32 where the differences of squares of Eq. 9 do not):

    mu' = mu + d / (1 + W),   C' = W/(1+W) C + W/(1+W)^2 d d^T,   W' = gamma (1 + W)

and with r_k = y - mu_k for the observation y

    A_k = beta_k Sigma_k + (1 - beta_k) C + Sigma_noise
    log w_k = log alpha_k - 1/2 log det A_k - 1/2 r_k^T A_k^-1 r_k
    m_k = y - Sigma_noise A_k^-1 r_k

In this basis Sigma_k and Sigma_noise are diagonal; C is not, see `spread.py`. In the paper mu_k = mu, w_k is one number
a frame and Sigma_noise fixed: `motion.py`, `switch.py` and `recurrent.py` change these.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer import motion as motions
from fhr_jax.stabilizer import recurrent as network
from fhr_jax.stabilizer import spread as spreads
from fhr_jax.stabilizer.mode import mixture_mode
from fhr_jax.stabilizer.motion import Course
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.recurrent import Memory
from fhr_jax.stabilizer.spread import Covariance, Diagonal, Spread
from fhr_jax.stabilizer.switch import shared


class History(NamedTuple):
    """What is kept of the past outputs, relative to the first frame, in the basis.

    Attributes:
        weight: W; 0 means that there is no past.
        mean: mu.
        spread: C.
        elapsed: frames since the last one with an observation.
        course: state of `motion`, or None.
        memory: state of `recurrent`, or None.
    """

    weight: Float[Array, ""]
    mean: Float[Array, " D"]
    spread: Spread
    elapsed: Float[Array, ""]
    course: Course | None
    memory: Memory | None


class Posterior(NamedTuple):
    """The mixture of a frame.

    Attributes:
        log_weights: (K, 1), or (K, D) where directions have their own; normalized over K.
        means: (K, D).
        noise: (K, D) variances of the observation.
        own: (K, D) variances of the components' own part of the prior, beta Sigma.
    """

    log_weights: Float[Array, "k #D"]
    means: Float[Array, "k D"]
    noise: Float[Array, "k D"]
    own: Float[Array, "k D"]


def start(params: Params, covariance: Covariance, *, window: int = spreads.WINDOW) -> History:
    """No past at all."""
    size, zero = params.noise.shape[0], jnp.zeros_like(params.gamma)
    nothing = jnp.zeros_like(params.noise)
    course = None
    if params.motion is not None:
        course = Course(nothing, nothing, jnp.zeros_like(params.prior))
    elif params.recurrent is not None:
        raise InputError("params: recurrent without motion, expected both, since the network watches the velocity")
    memory = None if params.recurrent is None else network.start(size, zero)
    return History(zero, nothing, spreads.start(covariance, size, zero, window=window), zero, course, memory)


def predict(params: Params, history: History, dt: Float[Array, ""]) -> Float[Array, "k D"]:
    """Means of the components `dt` frames after the last one."""
    if params.motion is None or history.course is None:
        return jnp.broadcast_to(history.mean[None], params.prior.shape)
    return motions.ahead(params.motion, history.course, history.mean, history.elapsed, dt)


def prior_variances(params: Params, history: History, dt: Float[Array, ""]) -> Float[Array, " D"]:
    """Variances of the prior along the directions, the mean over the components."""
    own = params.beta[:, None] * params.prior * (history.elapsed + dt)
    total = own + (1 - params.beta)[:, None] * spreads.variances(history.spread)[None]
    return (params.alpha[:, None] * total).sum(axis=0)


def posterior(
    params: Params, history: History, means: Float[Array, "k D"], y: Float[Array, " D"], dt: Float[Array, ""]
) -> tuple[History, Posterior]:
    """The mixture after the observation y, relative to the first frame, in the basis.

    The history is returned too: the recurrent network has seen the frame. A prior that has to bridge missing frames
    is as much wider as there were frames.
    """
    elapsed = history.elapsed + dt
    noise = jnp.broadcast_to(params.noise[None], params.prior.shape)
    odds = None
    if params.recurrent is not None and history.memory is not None and history.course is not None:
        sigma = jnp.sqrt(params.noise)
        course = history.course
        residual = (y - course.output - course.drift) / (sigma * jnp.sqrt(elapsed))
        memory, advice = network.advise(params.recurrent, history.memory, residual, course.velocity[-1] / sigma)
        history = history._replace(memory=memory)
        noise, odds = noise * advice.noise, advice.log_odds

    residual = y[None] - means
    own = params.beta[:, None] * params.prior * elapsed
    share = 1 - params.beta
    solved, likelihood = spreads.solve(history.spread, own + noise, share, residual)
    if params.switch is not None:
        if not isinstance(history.spread, Diagonal):
            # Each direction by its own variance: what they have in common is in the means, not in the weights.
            total = own + noise + share[:, None] * spreads.variances(history.spread)[None]
            likelihood = -0.5 * (jnp.log(total) + residual**2 / total)
        likelihood = shared(params.switch, likelihood if odds is None else likelihood + odds)
    else:
        likelihood = likelihood.sum(axis=-1, keepdims=True)
        likelihood = likelihood if odds is None else likelihood + odds.sum(axis=-1, keepdims=True)
    log_weights = jax.nn.log_softmax(jnp.log(params.alpha)[:, None] + likelihood, axis=0)
    # m = mu + S r / A is m = y - N r / A; this form is exact when the noise is small.
    return history, Posterior(log_weights, y[None] - noise * solved, noise, own)


def estimate_mean(mixture: Posterior) -> Float[Array, " D"]:
    """The mean of the mixture."""
    return (jnp.exp(mixture.log_weights) * mixture.means).sum(axis=0)


def estimate_mode(params: Params, history: History, mixture: Posterior) -> Float[Array, " D"]:
    """The most probable value, the argmax of Eq. 8."""
    if params.switch is not None and params.switch.groups is not None:
        raise InputError("estimate: 'mode' with groups of directions, expected one weight a frame or a direction")
    share = 1 - params.beta
    if isinstance(history.spread, Diagonal):
        spread = mixture.own + share[:, None] * history.spread.values[None]
        covariances = spread * mixture.noise / (spread + mixture.noise)
        if params.switch is None:
            return mixture_mode(mixture.log_weights[:, 0], mixture.means, covariances)
        # Directions with weights of their own are independent, each a mixture in one dimension.
        each = jax.vmap(mixture_mode, in_axes=(1, 1, 1))
        return each(mixture.log_weights, mixture.means[..., None], covariances[..., None])[:, 0]
    if params.switch is not None:
        raise InputError("estimate: 'mode' with a switch, expected covariance 'diagonal'")
    total = mixture.own + mixture.noise
    own = mixture.own + (spreads.lifted(history.spread, total, share) - total)
    spread = share[:, None, None] * spreads.dense(history.spread)[None] + jax.vmap(jnp.diag)(own)
    noise = jax.vmap(jnp.diag)(mixture.noise)
    factor = jnp.linalg.cholesky(spread + noise)
    # S A^-1 N, not the difference N - N A^-1 N, which loses all digits where the prior is narrow.
    half = jax.scipy.linalg.solve_triangular(factor, noise, lower=True)
    other = jax.scipy.linalg.solve_triangular(factor, spread, lower=True)
    covariances = jnp.matmul(other.mT, half, precision=Precision.HIGHEST)
    return mixture_mode(mixture.log_weights[:, 0], mixture.means, covariances)


def remember(params: Params, history: History, x: Float[Array, " D"], dt: Float[Array, ""]) -> History:
    """The history with the output x added, `dt` frames after the last one."""
    weight = params.gamma ** (dt - 1) * history.weight
    d = x - history.mean
    course = history.course
    if course is not None and params.motion is not None:
        course = motions.followed(params.motion, course, x, history.elapsed + dt)
    return history._replace(
        weight=params.gamma * (1 + weight),
        mean=history.mean + d / (1 + weight),
        spread=spreads.add(history.spread, weight, d),
        elapsed=jnp.zeros_like(history.elapsed),
        course=course,
    )


def skip(params: Params, history: History, dt: Float[Array, ""]) -> tuple[History, Float[Array, " D"]]:
    """A frame without an observation: the prediction, and a history that fades and goes on with its motion."""
    prediction = (params.alpha[:, None] * predict(params, history, dt)).sum(axis=0)
    course = history.course
    if course is not None and params.motion is not None:
        course = motions.drifted(params.motion, course, params.alpha, history.elapsed, dt)
    weight = params.gamma**dt * history.weight
    return history._replace(weight=weight, elapsed=history.elapsed + dt, course=course), prediction
