"""Extension: a small recurrent network, shared by all directions, that corrects log odds and noise.

In every direction it sees the residual to the last output and the velocity, in standard deviations of the noise and
clipped to `MAX_INPUT`; the product of the two (does the residual continue the motion?); running means of the squared
residual, of the residual times the one before (does it keep its sign?) and of the squared velocity; and means over all
directions. Only even functions of residual and velocity enter, so a mirrored track is filtered alike. The outputs, by
direction and component, are added to the log odds and to the log of the noise variance. With a last layer of zeros
(`init_recurrent`) the network changes nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from fhr_jax.stabilizer.bijectors import logit

FEATURES = 8
"""Inputs of the first layer."""

MAX_LOG_NOISE_CHANGE = 4.0
"""Largest change of the log of a noise variance."""

MAX_INPUT = 4.0
"""Standard deviations of the noise to which residual and velocity are clipped. No training clip has many broken frames
in a row; without the clipping, the network would take a face at rest after such frames for noise."""


class Recurrent(NamedTuple):
    """Weights of the network with H hidden units for K components.

    Attributes:
        decay: (3,) in (0, 1), of the running means of residual^2, residual times the one before, and velocity^2.
        first: (8, H) features to the first hidden layer.
        first_bias: (H,).
        second: (H, H) first to second hidden layer.
        second_bias: (H,).
        last: (H, 2K) second hidden layer to K log odds and K log noise factors.
        last_bias: (2K,).
    """

    decay: Float[Array, "3"]
    first: Float[Array, "8 h"]
    first_bias: Float[Array, " h"]
    second: Float[Array, "h h"]
    second_bias: Float[Array, " h"]
    last: Float[Array, "h o"]
    last_bias: Float[Array, " o"]


class RNNState(NamedTuple):
    """What the network keeps between frames, by direction, in standard deviations of the noise.

    Attributes:
        residual: (D,) the last one.
        residual_energy: (D,) running mean of residual^2.
        residual_correlation: (D,) running mean of the residual times the one before.
        velocity_energy: (D,) running mean of velocity^2.
    """

    residual: Float[Array, " D"]
    residual_energy: Float[Array, " D"]
    residual_correlation: Float[Array, " D"]
    velocity_energy: Float[Array, " D"]


class RNNOutput(NamedTuple):
    """Corrections for one frame, by component and direction.

    Attributes:
        log_odds: (K, D), added to the log odds.
        noise_factor: (K, D), factor on the noise variance.
    """

    log_odds: Float[Array, "k D"]
    noise_factor: Float[Array, "k D"]


def init_recurrent(key: PRNGKeyArray | UInt32[Array, "2"], components: int, *, hidden: int = 16) -> Recurrent:
    """Random hidden layers and a last layer of zeros.

    Args:
        key: () of the random weights.
        components: K.
        hidden: H.
    """
    first, second = jax.random.split(key)
    return Recurrent(
        decay=jnp.array([0.7, 0.7, 0.9]),
        first=jax.random.normal(first, (FEATURES, hidden)) / jnp.sqrt(FEATURES),
        first_bias=jnp.zeros(hidden),
        second=jax.random.normal(second, (hidden, hidden)) / jnp.sqrt(hidden),
        second_bias=jnp.zeros(hidden),
        last=jnp.zeros((hidden, 2 * components)),
        last_bias=jnp.zeros(2 * components),
    )


def init_state(size: int, like: Float[Array, ""]) -> RNNState:
    """The state before the first frame, for `size` directions, in the dtype of the scalar `like`."""
    return RNNState(*(jnp.zeros_like(like, shape=(size,)) for _ in RNNState._fields))


def unconstrain(recurrent: Recurrent) -> Recurrent:
    """The unconstrained values that `constrain` maps to these weights."""
    return recurrent._replace(decay=logit(recurrent.decay))


def constrain(unconstrained: Recurrent) -> Recurrent:
    """Weights from unconstrained values: a sigmoid for the decays."""
    return unconstrained._replace(decay=jax.nn.sigmoid(unconstrained.decay))


def apply(
    recurrent: Recurrent, state: RNNState, residual: Float[Array, " D"], velocity: Float[Array, " D"]
) -> tuple[RNNState, RNNOutput]:
    """Run the network on one frame.

    Args:
        recurrent: the weights.
        state: from the last frame.
        residual: (D,) observation minus the last output, in standard deviations of the noise.
        velocity: (D,) per frame, in the same units.
    """
    keep = recurrent.decay
    residual, velocity = (jnp.clip(value, -MAX_INPUT, MAX_INPUT) for value in (residual, velocity))
    square = residual**2
    energy = keep[0] * state.residual_energy + (1 - keep[0]) * square
    correlation = keep[1] * state.residual_correlation + (1 - keep[1]) * residual * state.residual
    speed = keep[2] * state.velocity_energy + (1 - keep[2]) * velocity**2
    ones = jnp.ones_like(residual)
    features = jnp.stack(
        [
            jnp.log1p(square),
            jnp.log1p(velocity**2),
            _softsign(residual * velocity),
            jnp.log1p(energy),
            _softsign(correlation),
            jnp.log1p(speed),
            jnp.log1p(square.mean()) * ones,
            jnp.log1p(energy.mean()) * ones,
        ],
        axis=0,
    )
    # Directions on the last axis: it is the long one, along which a processor vectorizes.
    hidden = jnp.tanh(_layer(recurrent.first, recurrent.first_bias, features))
    hidden = jnp.tanh(_layer(recurrent.second, recurrent.second_bias, hidden))
    log_odds, log_noise = jnp.split(_layer(recurrent.last, recurrent.last_bias, hidden), 2)
    noise_factor = jnp.exp(MAX_LOG_NOISE_CHANGE * jnp.tanh(log_noise / MAX_LOG_NOISE_CHANGE))
    return RNNState(residual, energy, correlation, speed), RNNOutput(log_odds, noise_factor)


def _layer(weights: Array, bias: Array, inputs: Array) -> Array:
    return jnp.matmul(weights.T, inputs, precision=Precision.HIGHEST) + bias[:, None]


def _softsign(value: Array) -> Array:
    return value / (1 + jnp.abs(value))
