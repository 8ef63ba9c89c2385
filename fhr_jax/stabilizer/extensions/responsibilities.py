"""Extension: responsibilities by direction or by facial region, with a temperature.

The paper has one responsibility w_k for the whole frame. Its log odds grow with the number D of directions, so with 68
points all directions switch between the components together, from one frame to the next. Here the log likelihoods are
summed over the directions of a group g (each direction alone, or those of a facial region) and divided by a
temperature:

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
        temperature: () more than 0; 1 leaves the likelihoods as they are, more makes the responsibilities softer.
        groups: (D, G) one-hot group of each direction. Constant in a fit. None: each direction is its own group.
    """

    temperature: Float[Array, ""]
    groups: Float[Array, "D g"] | None = None


def single_group(size: int, *, temperature: float = 1.0) -> Responsibilities:
    """One group of all `size` directions: at temperature 1 the paper's model."""
    return Responsibilities(jnp.asarray(temperature, jnp.float32), jnp.ones((size, 1), jnp.float32))


def by_region(
    basis: Float[Array, "D D"], regions: Float[Array, " m"] | np.ndarray, *, dims: int = 2
) -> Responsibilities:
    """One group for each facial region: a direction belongs to the region whose points hold most of its energy.

    Args:
        basis: (D, D) directions in columns.
        regions: (M,) number of the region of each point, from 0.
        dims: coordinates of a point.

    Raises:
        InputError: the number of points does not fit the basis, or a region is negative.
    """
    numbers = np.asarray(regions).astype(int)
    energy = np.asarray(basis) ** 2
    if len(numbers) * dims != len(energy) or numbers.min() < 0:
        raise InputError(f"regions: {len(numbers)} points of {dims} dimensions, expected {len(energy)} coordinates")
    member = np.eye(numbers.max() + 1, dtype=np.float32)[np.repeat(numbers, dims)]
    strongest = (member.T @ energy).argmax(axis=0)
    return Responsibilities(jnp.ones(()), jnp.asarray(np.eye(member.shape[1], dtype=np.float32)[strongest]))


def unconstrain(responsibilities: Responsibilities) -> Responsibilities:
    """The unconstrained values that `constrain` maps to these parameters; the groups are left out."""
    return Responsibilities(inverse_softplus(responsibilities.temperature), None)


def constrain(unconstrained: Responsibilities, constant: Responsibilities) -> Responsibilities:
    """Parameters from unconstrained values by a softplus, with the groups of `constant`."""
    return constant._replace(temperature=jax.nn.softplus(unconstrained.temperature))


def group_log_likelihood(
    responsibilities: Responsibilities, log_likelihood: Float[Array, "k D"]
) -> Float[Array, "k D"]:
    """Log likelihood (nats) of the group of each direction, over the temperature (no unit): (K, D) -> (K, D)."""
    if responsibilities.groups is not None:
        total = jnp.matmul(log_likelihood, responsibilities.groups, precision=Precision.HIGHEST)
        log_likelihood = jnp.matmul(total, responsibilities.groups.T, precision=Precision.HIGHEST)
    return log_likelihood / responsibilities.temperature
