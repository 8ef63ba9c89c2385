"""The model of one frame, in the basis of the parameters: state, mixture posterior, recursion.

History weights gamma^tau give W, mu and C: weight, mean and covariance of the past outputs x. With d = x - mu, this is
Welford's recursion, which stays exact in float32 where the differences of squares of Eq. 9 do not:

    mu' = mu + d / (1 + W),   C' = W/(1+W) C + W/(1+W)^2 d d^T,   W' = gamma (1 + W)

and with r_k = y - mu_k for the observation y

    A_k = beta_k Sigma_k + (1 - beta_k) C + Sigma_noise
    log w_k = log alpha_k - 1/2 log det A_k - 1/2 r_k^T A_k^-1 r_k
    m_k = y - Sigma_noise A_k^-1 r_k

In this basis Sigma_k and Sigma_noise are diagonal. C is not, see `covariance.py`. In the paper mu_k = mu, w_k is one
number a frame, and Sigma_noise is constant. The extensions `velocity`, `responsibilities` and `recurrent` change these.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer import covariance as covariances
from fhr_jax.stabilizer.covariance import Covariance, CovarianceKind, DiagonalCovariance
from fhr_jax.stabilizer.extensions import recurrent as network
from fhr_jax.stabilizer.extensions import velocity as velocities
from fhr_jax.stabilizer.extensions.recurrent import RNNState
from fhr_jax.stabilizer.extensions.responsibilities import group_log_likelihood
from fhr_jax.stabilizer.extensions.velocity import VelocityState
from fhr_jax.stabilizer.mixture_mode import mixture_mode
from fhr_jax.stabilizer.params import Params


class FilterState(NamedTuple):
    """Statistics of the past outputs, relative to the first frame, in the basis.

    Attributes:
        weight: () W; 0 without a past.
        mean: (D,) mu.
        covariance: C.
        unobserved: () frames since the last one with an observation.
        velocity: state of `Params.velocity`, or None.
        rnn: state of `Params.recurrent`, or None.
    """

    weight: Float[Array, ""]
    mean: Float[Array, " D"]
    covariance: Covariance
    unobserved: Float[Array, ""]
    velocity: VelocityState | None
    rnn: RNNState | None


class Posterior(NamedTuple):
    """The Gaussian mixture of a frame: p(x | y) = sum_k w_k N(x; m_k, (S_k^-1 + N_k^-1)^-1), S_k = B_k + (1-beta_k) C.

    Attributes:
        log_weights: log w_k, normalized over K: (K, 1), or (K, D) with responsibilities by direction.
        means: (K, D) m_k.
        noise_variances: (K, D) diagonal of N_k, the noise of the observation.
        component_variances: (K, D) diagonal of B_k = beta_k Sigma_k, the component's part of the prior.
    """

    log_weights: Float[Array, "k #D"]
    means: Float[Array, "k D"]
    noise_variances: Float[Array, "k D"]
    component_variances: Float[Array, "k D"]


def init(params: Params, covariance: CovarianceKind, *, window: int = covariances.WINDOW) -> FilterState:
    """The state without a past.

    Raises:
        InputError: the parameters have a recurrent network and no velocity.
    """
    size, zero = params.noise.shape[0], jnp.zeros_like(params.gamma)
    velocity, rnn = None, None
    if params.velocity is not None:
        velocity = velocities.init_state(params.prior)
    if params.recurrent is not None:
        if params.velocity is None:
            raise InputError("params: recurrent without velocity, expected both, since the network needs the velocity")
        rnn = network.init_state(size, zero)
    initial = covariances.init(covariance, size, zero, window=window)
    return FilterState(zero, jnp.zeros_like(params.noise), initial, zero, velocity, rnn)


def predict(params: Params, state: FilterState, dt: Float[Array, ""]) -> Float[Array, "k D"]:
    """Means (K, D) of the components `dt` frames after the last one."""
    if params.velocity is None or state.velocity is None:
        return jnp.broadcast_to(state.mean[None], params.prior.shape)
    return velocities.predict(params.velocity, state.velocity, state.mean, state.unobserved, dt)


def prior_variances(params: Params, state: FilterState, dt: Float[Array, ""]) -> Float[Array, " D"]:
    """Prior variances (D,) along the directions, the mean over the components, `dt` () frames after the last frame."""
    component = params.beta[:, None] * params.prior * (state.unobserved + dt)
    total = component + (1 - params.beta)[:, None] * covariances.variances(state.covariance)[None]
    return (params.alpha[:, None] * total).sum(axis=0)


def posterior(
    params: Params, state: FilterState, means: Float[Array, "k D"], y: Float[Array, " D"], dt: Float[Array, ""]
) -> tuple[FilterState, Posterior]:
    """The mixture after an observation.

    The variances of the components grow with the number of frames since the last observation.

    Args:
        params: the parameters.
        state: from the last frame.
        means: (K, D) from `predict`.
        y: (D,) observation, relative to the first frame, in the basis.
        dt: () frames since the last one.

    Returns:
        The state, in which only the recurrent network has seen the frame, and the posterior.
    """
    elapsed = state.unobserved + dt
    state, noise, log_odds = _noise(params, state, y, elapsed)
    residual = y[None] - means
    component = params.beta[:, None] * params.prior * elapsed
    share = 1 - params.beta
    solved, log_likelihood = covariances.solve(state.covariance, component + noise, share, residual)
    if params.responsibilities is not None:
        if not isinstance(state.covariance, DiagonalCovariance):
            # Each direction by its own variance: correlations enter the means, not the responsibilities.
            total = component + noise + share[:, None] * covariances.variances(state.covariance)[None]
            log_likelihood = -0.5 * (jnp.log(total) + residual**2 / total)
        log_likelihood = log_likelihood if log_odds is None else log_likelihood + log_odds
        log_likelihood = group_log_likelihood(params.responsibilities, log_likelihood)
    else:
        log_likelihood = log_likelihood.sum(axis=-1, keepdims=True)
        if log_odds is not None:
            log_likelihood = log_likelihood + log_odds.sum(axis=-1, keepdims=True)
    log_weights = jax.nn.log_softmax(jnp.log(params.alpha)[:, None] + log_likelihood, axis=0)
    # mu_k + S_k A_k^-1 r_k equals y - N A_k^-1 r_k; the second form is exact for small noise.
    return state, Posterior(log_weights, y[None] - noise * solved, noise, component)


def _noise(
    params: Params, state: FilterState, y: Array, elapsed: Array
) -> tuple[FilterState, Float[Array, "k D"], Float[Array, "k D"] | None]:
    """Noise variances of the frame, and what the recurrent network adds to the log odds (None without a network)."""
    noise = jnp.broadcast_to(params.noise[None], params.prior.shape)
    velocity = state.velocity
    if params.recurrent is None or state.rnn is None or velocity is None:
        return state, noise, None
    sigma = jnp.sqrt(params.noise)
    residual = (y - velocity.last_output - velocity.extrapolated) / (sigma * jnp.sqrt(elapsed))
    rnn, output = network.apply(params.recurrent, state.rnn, residual, velocity.velocity[-1] / sigma)
    return state._replace(rnn=rnn), noise * output.noise_factor, output.log_odds


def estimate_mean(mixture: Posterior) -> Float[Array, " D"]:
    """The mean (D,) of the mixture."""
    return (jnp.exp(mixture.log_weights) * mixture.means).sum(axis=0)


def estimate_mode(params: Params, state: FilterState, mixture: Posterior) -> Float[Array, " D"]:
    """The most probable value (D,), the argmax of Eq. 8.

    Raises:
        InputError: the responsibilities have groups of directions, or are by direction and C is not diagonal.
    """
    if params.responsibilities is not None and params.responsibilities.groups is not None:
        raise InputError(
            "estimate: 'mode' with groups of directions, expected one responsibility a frame or a direction"
        )
    share = 1 - params.beta
    component, noise = mixture.component_variances, mixture.noise_variances
    if isinstance(state.covariance, DiagonalCovariance):
        prior = component + share[:, None] * state.covariance.values[None]
        variances = prior * noise / (prior + noise)
        if params.responsibilities is None:
            return mixture_mode(mixture.log_weights[:, 0], mixture.means, variances)
        # Directions with responsibilities of their own are independent, each a mixture in one dimension.
        each = jax.vmap(mixture_mode, in_axes=(1, 1, 1))
        return each(mixture.log_weights, mixture.means[..., None], variances[..., None])[:, 0]
    if params.responsibilities is not None:
        raise InputError("estimate: 'mode' with responsibilities by direction, expected covariance 'diagonal'")
    total = component + noise
    component = component + (covariances.floor_diagonal(state.covariance, total, share) - total)
    prior = share[:, None, None] * covariances.dense(state.covariance)[None] + jax.vmap(jnp.diag)(component)
    noise = jax.vmap(jnp.diag)(noise)
    factor = jnp.linalg.cholesky(prior + noise)
    # S A^-1 N, not the difference N - N A^-1 N, which loses all digits where the prior is narrow.
    half_noise = jax.scipy.linalg.solve_triangular(factor, noise, lower=True)
    half_prior = jax.scipy.linalg.solve_triangular(factor, prior, lower=True)
    covariance = jnp.matmul(half_prior.mT, half_noise, precision=Precision.HIGHEST)
    return mixture_mode(mixture.log_weights[:, 0], mixture.means, covariance)


def update(params: Params, state: FilterState, x: Float[Array, " D"], dt: Float[Array, ""]) -> FilterState:
    """The state after a frame with an observation: one step of Welford's recursion.

    Args:
        params: the parameters.
        state: from `posterior`.
        x: (D,) output.
        dt: () frames since the last one.
    """
    weight = params.gamma ** (dt - 1) * state.weight
    d = x - state.mean
    velocity = state.velocity
    if velocity is not None and params.velocity is not None:
        velocity = velocities.update(params.velocity, velocity, x, state.unobserved + dt)
    return state._replace(
        weight=params.gamma * (1 + weight),
        mean=state.mean + d / (1 + weight),
        covariance=covariances.update(state.covariance, weight, d),
        unobserved=jnp.zeros_like(state.unobserved),
        velocity=velocity,
    )


def predict_missing(params: Params, state: FilterState, dt: Float[Array, ""]) -> tuple[FilterState, Float[Array, " D"]]:
    """The state after a frame without an observation, and the prediction (D,): the history fades, the face moves on."""
    prediction = (params.alpha[:, None] * predict(params, state, dt)).sum(axis=0)
    velocity = state.velocity
    if velocity is not None and params.velocity is not None:
        velocity = velocities.extrapolate(params.velocity, velocity, params.alpha, state.unobserved, dt)
    weight = params.gamma**dt * state.weight
    return state._replace(weight=weight, unobserved=state.unobserved + dt, velocity=velocity), prediction


def rescale(state: FilterState, factor: Float[Array, ""]) -> FilterState:
    """The state in another unit of length, with all past outputs multiplied by `factor` ()."""
    velocity = state.velocity
    if velocity is not None:
        velocity = VelocityState(*(factor * value for value in velocity))
    covariance = covariances.rescale(state.covariance, factor)
    return state._replace(mean=factor * state.mean, covariance=covariance, velocity=velocity)


def jump(params: Params, state: FilterState, shift: Float[Array, " D"], elapsed: Float[Array, ""]) -> FilterState:
    """The state after the face has moved by `shift` (D,) at once, where the past outputs are moved with it.

    Positions are relative to an origin that takes the shift, so only the velocities learn of it.

    Args:
        params: the parameters.
        state: from the last frame.
        shift: (D,) in the basis.
        elapsed: () frames in which it happened.
    """
    if params.velocity is None or state.velocity is None:
        return state
    return state._replace(velocity=velocities.jump(params.velocity, state.velocity, shift, elapsed))
