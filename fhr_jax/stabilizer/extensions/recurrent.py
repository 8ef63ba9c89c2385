"""Extension: a small recurrent network, shared by all directions, that watches how well the model does.

In every direction it sees the residual to the last output and the velocity, in standard deviations of the noise and
at most `FAR` of them, their products (does the residual go on in the direction of the motion, does it keep its sign?),
fading means of all that, and the mean over all directions. Only even functions of residual and velocity enter, so a
track turned upside down is filtered alike. It puts out, per direction and component, what is added to the log odds
and to the log of the noise variance. With its last layer at zero (`init_recurrent`) it changes nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from fhr_jax.stabilizer.bijectors import logit

FEATURES = 8

LIMIT = 4.0
"""Largest change of the log of a noise variance."""

FAR = 4.0
"""Standard deviations of the noise; what lies further off looks just as far to the network. No clip that it learns from
shows how it is after frames on end that were broken, and it would take a face at rest for noise there."""


class Recurrent(NamedTuple):
    """Weights of the network.

    Attributes:
        decay: (3,) of the fading means of residual^2, residual times the one before, velocity^2; in (0, 1).
        first: (8, H) and first_bias (H,): features to the first hidden layer.
        second: (H, H) and second_bias (H,).
        last: (H, 2K) and last_bias (2K,): log odds of K components, log noise factors of K components.
    """

    decay: Float[Array, "3"]
    first: Float[Array, "8 h"]
    first_bias: Float[Array, " h"]
    second: Float[Array, "h h"]
    second_bias: Float[Array, " h"]
    last: Float[Array, "h o"]
    last_bias: Float[Array, " o"]


class RNNState(NamedTuple):
    """What it keeps between frames, per direction, in standard deviations of the noise.

    Attributes:
        residual: the last one.
        energy: fading mean of residual^2.
        persistence: fading mean of the residual times the one before.
        speed: fading mean of velocity^2.
    """

    residual: Float[Array, " D"]
    energy: Float[Array, " D"]
    persistence: Float[Array, " D"]
    speed: Float[Array, " D"]


class RNNOutput(NamedTuple):
    """What it says about a frame, per component and direction: added to the log odds; factor on the noise variance."""

    log_odds: Float[Array, "k D"]
    noise: Float[Array, "k D"]


def init_recurrent(key: PRNGKeyArray | UInt32[Array, "2"], components: int, *, hidden: int = 16) -> Recurrent:
    """Random hidden layers and a last layer of zeros."""
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
    """Before the first frame."""
    return RNNState(*(jnp.zeros_like(like, shape=(size,)) for _ in RNNState._fields))


def unconstrain(recurrent: Recurrent) -> Recurrent:
    """Unconstrained values for a fit."""
    return recurrent._replace(decay=logit(recurrent.decay))


def constrain(free: Recurrent) -> Recurrent:
    """Parameters from unconstrained values."""
    return free._replace(decay=jax.nn.sigmoid(free.decay))


def apply(
    recurrent: Recurrent, memory: RNNState, residual: Float[Array, " D"], velocity: Float[Array, " D"]
) -> tuple[RNNState, RNNOutput]:
    """One frame.

    Args:
        recurrent: the weights.
        memory: from the last frame.
        residual: observation less the last output, in standard deviations of the noise.
        velocity: a frame, in the same units.
    """
    keep = recurrent.decay
    residual, velocity = (jnp.clip(value, -FAR, FAR) for value in (residual, velocity))
    square = residual**2
    energy = keep[0] * memory.energy + (1 - keep[0]) * square
    persistence = keep[1] * memory.persistence + (1 - keep[1]) * residual * memory.residual
    speed = keep[2] * memory.speed + (1 - keep[2]) * velocity**2
    everywhere = jnp.ones_like(residual)
    features = jnp.stack(
        [
            jnp.log1p(square),
            jnp.log1p(velocity**2),
            _soft(residual * velocity),
            jnp.log1p(energy),
            _soft(persistence),
            jnp.log1p(speed),
            jnp.log1p(square.mean()) * everywhere,
            jnp.log1p(energy.mean()) * everywhere,
        ],
        axis=0,
    )
    # Directions last: the long axis is the one that the processor works along.
    hidden = jnp.tanh(_layer(recurrent.first, recurrent.first_bias, features))
    hidden = jnp.tanh(_layer(recurrent.second, recurrent.second_bias, hidden))
    log_odds, log_noise = jnp.split(_layer(recurrent.last, recurrent.last_bias, hidden), 2)
    noise = jnp.exp(LIMIT * jnp.tanh(log_noise / LIMIT))
    return RNNState(residual, energy, persistence, speed), RNNOutput(log_odds, noise)


def _layer(weights: Array, bias: Array, inputs: Array) -> Array:
    return jnp.matmul(weights.T, inputs, precision=Precision.HIGHEST) + bias[:, None]


def _soft(value: Array) -> Array:
    return value / (1 + jnp.abs(value))
