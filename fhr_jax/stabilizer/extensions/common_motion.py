"""What the points of a face have in common in a frame: it shifts, grows and (in the plane) turns.

A point that is missing, or not believed, moves with the others.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def common_motion(
    moved: Float[Array, "m d"], points: Float[Array, "m d"], weight: Float[Array, " m"]
) -> Float[Array, "m d"]:
    """The least squares fit of `moved` by a shift, a growth and a turn of `points`, at every point.

    The linear form of a similarity: t + a q + b q', with q the points from their centre, and q' those a quarter turn
    on (in two dimensions). Exact for any similarity, since b and a are free. Without any weight it is 0.

    Args:
        moved: (M, d) how far each point moved.
        points: (M, d) where they were.
        weight: (M,) not negative; what is at points of weight 0 does not count.
    """
    share = (weight / jnp.maximum(weight.sum(), 1e-12))[:, None]
    shift = (share * moved).sum(axis=0, keepdims=True)
    q = points - (share * points).sum(axis=0, keepdims=True)
    rest = moved - shift
    size = (share * q**2).sum()
    # Points that all lie in one place neither grow nor turn.
    per_size = jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 0)
    fitted = shift + per_size * (share * q * rest).sum() * q
    if points.shape[1] != 2:
        return fitted
    turned = jnp.stack([-q[:, 1], q[:, 0]], axis=1)
    return fitted + per_size * (share * turned * rest).sum() * turned
