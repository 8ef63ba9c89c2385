"""What the face does as a whole, what its regions do, and what each point does by itself.

Displacements of the points are split into three parts that add up to them: the similarity transform that fits them best
(`common_motion`), the means of what remains around `REGIONS` points spread over the markup, interpolated between them,
and the rest. The parts follow from the positions of the points alone, so they serve any markup.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.stabilizer.extensions.common_motion import common_motion

REGIONS = 24
"""Points around which regions lie, at most: every k-th point of the markup, since indices run along the face."""

RADIUS = 0.18
"""Standard deviation of the Gaussian weights of a region, in face sizes."""


class Regions(NamedTuple):
    """Regions of a face with M points.

    Attributes:
        pool: (G, M) weights of the mean of each region, sum 1 or 0.
        spread: (M, G) weights of the interpolation between the regions, sum at most 1.
    """

    pool: Float[Array, "g m"]
    spread: Float[Array, "m g"]


class MotionParts(NamedTuple):
    """Displacements by part, in the units of the track.

    Attributes:
        face: (..., M, d) common motion at each point.
        regions: (..., G, d) motion of each region beyond it.
        points: (..., M, d) what remains.
    """

    face: Float[Array, "*n m d"]
    regions: Float[Array, "*n g d"]
    points: Float[Array, "*n m d"]


def number_of_regions(points: int) -> int:
    """G for M points."""
    return min(REGIONS, points)


def regions(points: Float[Array, "m d"], weight: Float[Array, " m"], size: Float[Array, ""]) -> Regions:
    """The regions of a frame.

    Args:
        points: (M, d) positions, units of the track; any finite value where the weight is 0.
        weight: (M,) at least 0; points of weight 0 do not count.
        size: () size of the face in the same units.
    """
    number = number_of_regions(points.shape[0])
    centres = jnp.asarray([i * points.shape[0] // number for i in range(number)])
    square = ((points[:, None] - points[centres][None]) ** 2).sum(axis=-1) / jnp.maximum(size, 1e-12) ** 2
    kernel = jnp.exp(-0.5 * jnp.minimum(square / RADIUS**2, 80.0))
    pool = (weight[:, None] * kernel).T
    pool = pool / jnp.maximum(pool.sum(axis=1, keepdims=True), 1e-9)
    # A point that is far from all centres has little to do with them.
    spread = kernel * weight[centres][None]
    return Regions(pool, spread / (spread.sum(axis=1, keepdims=True) + 0.05))


def split(
    moved: Float[Array, "n m d"], points: Float[Array, "m d"], weight: Float[Array, " m"], regions: Regions
) -> MotionParts:
    """The parts of N displacements of a frame.

    Args:
        moved: (N, M, d) displacements, units of the track.
        points: (M, d) positions, in the same units.
        weight: (M,) at least 0; points of weight 0 do not count.
        regions: of this frame.
    """
    face = jax.vmap(common_motion, in_axes=(0, None, None))(moved, points, weight)
    rest = moved - face
    pooled = jnp.einsum("gm,nmd->ngd", regions.pool, rest, precision=Precision.HIGHEST)
    return MotionParts(face, pooled, rest - interpolate(pooled, regions))


def interpolate(pooled: Float[Array, "n g d"], regions: Regions) -> Float[Array, "n m d"]:
    """Displacements of the regions (N, G, d) at the points (N, M, d), in the same units, such as pixels."""
    return jnp.einsum("mg,ngd->nmd", regions.spread, pooled, precision=Precision.HIGHEST)
