"""The motion that the points of a face have in common in a frame: a shift, a change of size and (in 2D) a rotation.

A point that is missing or an outlier moves with the others.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def common_motion(
    moved: Float[Array, "m d"], points: Float[Array, "m d"], weight: Float[Array, " m"]
) -> Float[Array, "m d"]:
    """Weighted least squares fit of displacements by a similarity transform, evaluated at every point.

    The displacement is linear in its parameters, t + a q + b q', with q the position relative to the centroid and
    q' the position rotated by a quarter turn (2D only). It is exact for any similarity.

    Args:
        moved: (M, d) displacement of each point.
        points: (M, d) positions before it, in the same units.
        weight: (M,) at least 0; points of weight 0 do not count.

    Returns:
        (M, d) displacements of the fit; 0 where all weights are 0.
    """
    share = (weight / jnp.maximum(weight.sum(), 1e-12))[:, None]
    shift = (share * moved).sum(axis=0, keepdims=True)
    q = points - (share * points).sum(axis=0, keepdims=True)
    rest = moved - shift
    square = (share * q**2).sum()
    # Points that all lie in one place have neither size nor direction.
    inverse = jnp.where(square > 0, 1 / jnp.where(square > 0, square, 1), 0)
    fitted = shift + inverse * (share * q * rest).sum() * q
    if points.shape[1] != 2:
        return fitted
    rotated = jnp.stack([-q[:, 1], q[:, 0]], axis=1)
    return fitted + inverse * (share * rotated * rest).sum() * rotated
