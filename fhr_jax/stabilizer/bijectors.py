"""Inverses of the maps that keep a fitted number in its range: sigmoid, softplus."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def logit(value: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Inverse of the sigmoid; 0 and 1 are taken for the nearest numbers that a sigmoid reaches."""
    value = jnp.clip(value, 1e-7, 1 - 1e-7)
    return jnp.log(value) - jnp.log1p(-value)


def inverse_softplus(value: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Inverse of the softplus; values below 1e-12 cannot be told from 0 once in a sum with anything else."""
    value = jnp.maximum(value, 1e-12)
    return value + jnp.log(-jnp.expm1(-value))
