"""The model of one frame, in the basis of the parameters: state, mixture posterior, recursion.

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
from fhr_jax.stabilizer import covariance as covariances
from fhr_jax.stabilizer.covariance import Covariance, CovarianceKind, Diagonal
from fhr_jax.stabilizer.extensions import recurrent as network
from fhr_jax.stabilizer.extensions import velocity as velocities
from fhr_jax.stabilizer.extensions.recurrent import RNNState
from fhr_jax.stabilizer.extensions.responsibilities import group_log_likelihood
from fhr_jax.stabilizer.extensions.velocity import VelocityState
from fhr_jax.stabilizer.mixture_mode import mixture_mode
from fhr_jax.stabilizer.params import Params


class FilterState(NamedTuple):
    """What is kept of the past outputs, relative to the first frame, in the basis.

    Attributes:
        weight: W; 0 means that there is no past.
        mean: mu.
        covariance: C.
        elapsed: frames since the last one with an observation.
        velocity: state of `Params.velocity`, or None.
        rnn: state of `Params.recurrent`, or None.
    """

    weight: Float[Array, ""]
    mean: Float[Array, " D"]
    covariance: Covariance
    elapsed: Float[Array, ""]
    velocity: VelocityState | None
    rnn: RNNState | None


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


def init(params: Params, covariance: CovarianceKind, *, window: int = covariances.WINDOW) -> FilterState:
    """No past at all."""
    size, zero = params.noise.shape[0], jnp.zeros_like(params.gamma)
    nothing = jnp.zeros_like(params.noise)
    velocity = None
    if params.velocity is not None:
        velocity = VelocityState(nothing, nothing, jnp.zeros_like(params.prior))
    elif params.recurrent is not None:
        raise InputError("params: recurrent without motion, expected both, since the network watches the velocity")
    rnn = None if params.recurrent is None else network.init_state(size, zero)
    return FilterState(zero, nothing, covariances.init(covariance, size, zero, window=window), zero, velocity, rnn)


def predict(params: Params, state: FilterState, dt: Float[Array, ""]) -> Float[Array, "k D"]:
    """Means of the components `dt` frames after the last one."""
    if params.velocity is None or state.velocity is None:
        return jnp.broadcast_to(state.mean[None], params.prior.shape)
    return velocities.predict(params.velocity, state.velocity, state.mean, state.elapsed, dt)


def prior_variances(params: Params, state: FilterState, dt: Float[Array, ""]) -> Float[Array, " D"]:
    """Variances of the prior along the directions, the mean over the components."""
    own = params.beta[:, None] * params.prior * (state.elapsed + dt)
    total = own + (1 - params.beta)[:, None] * covariances.variances(state.covariance)[None]
    return (params.alpha[:, None] * total).sum(axis=0)


def posterior(
    params: Params, state: FilterState, means: Float[Array, "k D"], y: Float[Array, " D"], dt: Float[Array, ""]
) -> tuple[FilterState, Posterior]:
    """The mixture after the observation y, relative to the first frame, in the basis.

    The history is returned too: the recurrent network has seen the frame. A prior that has to bridge missing frames
    is as much wider as there were frames.
    """
    elapsed = state.elapsed + dt
    noise = jnp.broadcast_to(params.noise[None], params.prior.shape)
    odds = None
    if params.recurrent is not None and state.rnn is not None and state.velocity is not None:
        sigma = jnp.sqrt(params.noise)
        velocity = state.velocity
        residual = (y - velocity.output - velocity.drift) / (sigma * jnp.sqrt(elapsed))
        rnn, output = network.apply(params.recurrent, state.rnn, residual, velocity.velocity[-1] / sigma)
        state = state._replace(rnn=rnn)
        noise, odds = noise * output.noise, output.log_odds

    residual = y[None] - means
    own = params.beta[:, None] * params.prior * elapsed
    share = 1 - params.beta
    solved, likelihood = covariances.solve(state.covariance, own + noise, share, residual)
    if params.responsibilities is not None:
        if not isinstance(state.covariance, Diagonal):
            # Each direction by its own variance: what they have in common is in the means, not in the weights.
            total = own + noise + share[:, None] * covariances.variances(state.covariance)[None]
            likelihood = -0.5 * (jnp.log(total) + residual**2 / total)
        likelihood = group_log_likelihood(params.responsibilities, likelihood if odds is None else likelihood + odds)
    else:
        likelihood = likelihood.sum(axis=-1, keepdims=True)
        likelihood = likelihood if odds is None else likelihood + odds.sum(axis=-1, keepdims=True)
    log_weights = jax.nn.log_softmax(jnp.log(params.alpha)[:, None] + likelihood, axis=0)
    # m = mu + S r / A is m = y - N r / A; this form is exact when the noise is small.
    return state, Posterior(log_weights, y[None] - noise * solved, noise, own)


def estimate_mean(mixture: Posterior) -> Float[Array, " D"]:
    """The mean of the mixture."""
    return (jnp.exp(mixture.log_weights) * mixture.means).sum(axis=0)


def estimate_mode(params: Params, state: FilterState, mixture: Posterior) -> Float[Array, " D"]:
    """The most probable value, the argmax of Eq. 8."""
    if params.responsibilities is not None and params.responsibilities.groups is not None:
        raise InputError("estimate: 'mode' with groups of directions, expected one weight a frame or a direction")
    share = 1 - params.beta
    if isinstance(state.covariance, Diagonal):
        spread = mixture.own + share[:, None] * state.covariance.values[None]
        posterior = spread * mixture.noise / (spread + mixture.noise)
        if params.responsibilities is None:
            return mixture_mode(mixture.log_weights[:, 0], mixture.means, posterior)
        # Directions with weights of their own are independent, each a mixture in one dimension.
        each = jax.vmap(mixture_mode, in_axes=(1, 1, 1))
        return each(mixture.log_weights, mixture.means[..., None], posterior[..., None])[:, 0]
    if params.responsibilities is not None:
        raise InputError("estimate: 'mode' with responsibilities by direction, expected covariance 'diagonal'")
    total = mixture.own + mixture.noise
    own = mixture.own + (covariances.floor_variances(state.covariance, total, share) - total)
    spread = share[:, None, None] * covariances.dense(state.covariance)[None] + jax.vmap(jnp.diag)(own)
    noise = jax.vmap(jnp.diag)(mixture.noise)
    factor = jnp.linalg.cholesky(spread + noise)
    # S A^-1 N, not the difference N - N A^-1 N, which loses all digits where the prior is narrow.
    half = jax.scipy.linalg.solve_triangular(factor, noise, lower=True)
    other = jax.scipy.linalg.solve_triangular(factor, spread, lower=True)
    posterior = jnp.matmul(other.mT, half, precision=Precision.HIGHEST)
    return mixture_mode(mixture.log_weights[:, 0], mixture.means, posterior)


def update(params: Params, state: FilterState, x: Float[Array, " D"], dt: Float[Array, ""]) -> FilterState:
    """The history with the output x added, `dt` frames after the last one."""
    weight = params.gamma ** (dt - 1) * state.weight
    d = x - state.mean
    velocity = state.velocity
    if velocity is not None and params.velocity is not None:
        velocity = velocities.update(params.velocity, velocity, x, state.elapsed + dt)
    return state._replace(
        weight=params.gamma * (1 + weight),
        mean=state.mean + d / (1 + weight),
        covariance=covariances.update(state.covariance, weight, d),
        elapsed=jnp.zeros_like(state.elapsed),
        velocity=velocity,
    )


def predict_missing(params: Params, state: FilterState, dt: Float[Array, ""]) -> tuple[FilterState, Float[Array, " D"]]:
    """A frame without an observation: the prediction, and a history that fades and goes on with its motion."""
    prediction = (params.alpha[:, None] * predict(params, state, dt)).sum(axis=0)
    velocity = state.velocity
    if velocity is not None and params.velocity is not None:
        velocity = velocities.extrapolate(params.velocity, velocity, params.alpha, state.elapsed, dt)
    weight = params.gamma**dt * state.weight
    return state._replace(weight=weight, elapsed=state.elapsed + dt, velocity=velocity), prediction
