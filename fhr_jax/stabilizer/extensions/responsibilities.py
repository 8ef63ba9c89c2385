"""Extension: what the responsibilities of the components are shared by, and how hard they responsibilities.

The paper has one weight w_k for the whole frame. The log odds then grow with the number D of directions, so with 68
points they are a hard switch for all of them together. Here the log likelihoods are added up over the directions
of a group (each direction alone, or those of a facial region) and divided by a temperature:

    w_kg = softmax_k( log alpha_k + sum_{j in g} log N(r_j; 0, A_kj) / temperature )
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.bijectors import inverse_softplus


class Responsibilities(NamedTuple):
    """Parameters of the extension.

    Attributes:
        temperature: 1 leaves the likelihoods as they are, more makes the switch softer.
        groups: (D, G) one-hot: the group of each direction. Fixed, not fitted. None: each direction is its own.
    """

    temperature: Float[Array, ""]
    groups: Float[Array, "D g"] | None = None


def single_group(size: int, temperature: float = 1.0) -> Responsibilities:
    """One group of all `size` directions: at temperature 1 the paper's model."""
    return Responsibilities(jnp.asarray(temperature, jnp.float32), jnp.ones((size, 1), jnp.float32))


def by_region(
    basis: Float[Array, "D D"], regions: Float[Array, " m"] | np.ndarray, *, dims: int = 2
) -> Responsibilities:
    """Each direction goes to the region whose points hold most of its energy.

    Args:
        basis: directions in columns.
        regions: (M,) number of the region of each point, from 0.
        dims: coordinates of a point.
    """
    numbers = np.asarray(regions).astype(int)
    energy = np.asarray(basis) ** 2
    if len(numbers) * dims != len(energy) or numbers.min() < 0:
        raise InputError(f"regions: {len(numbers)} points of {dims} dimensions, expected {len(energy)} coordinates")
    member = np.eye(numbers.max() + 1, dtype=np.float32)[np.repeat(numbers, dims)]
    strongest = (member.T @ energy).argmax(axis=0)
    return Responsibilities(jnp.ones(()), jnp.asarray(np.eye(member.shape[1], dtype=np.float32)[strongest]))


def unconstrain(responsibilities: Responsibilities) -> Responsibilities:
    """Unconstrained values for a fit; the groups stay out of it."""
    return Responsibilities(inverse_softplus(responsibilities.temperature), None)


def constrain(free: Responsibilities, fixed: Responsibilities) -> Responsibilities:
    """Parameters from unconstrained values."""
    return fixed._replace(temperature=jax.nn.softplus(free.temperature))


def group_log_likelihood(
    responsibilities: Responsibilities, log_likelihood: Float[Array, "k D"]
) -> Float[Array, "k D"]:
    """Log likelihood of each direction's group, over the temperature."""
    if responsibilities.groups is not None:
        total = jnp.matmul(log_likelihood, responsibilities.groups, precision=Precision.HIGHEST)
        log_likelihood = jnp.matmul(total, responsibilities.groups.T, precision=Precision.HIGHEST)
    return log_likelihood / responsibilities.temperature
