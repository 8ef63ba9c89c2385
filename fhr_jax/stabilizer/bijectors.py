"""Inverses of the sigmoid and the softplus, which keep a fitted number in its range."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def logit(value: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Inverse of the sigmoid for values (...) in [0, 1], clipped to [1e-7, 1 - 1e-7] to stay finite."""
    value = jnp.clip(value, 1e-7, 1 - 1e-7)
    return jnp.log(value) - jnp.log1p(-value)


def inverse_softplus(value: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Inverse of the softplus for values (...) of at least 0; smaller ones than 1e-12 count as 1e-12."""
    value = jnp.maximum(value, 1e-12)
    return value + jnp.log(-jnp.expm1(-value))
