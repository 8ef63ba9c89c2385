"""The silhouette of the face, and the landmarks that the far side of a rotated head hides."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax.data.faces.paint import Canvas, Grid, barrier, increasing, piecewise_linear, smooth, tube
from fhr_jax.data.faces.shape import Projection
from fhr_jax.markup import FACE68

_BROWS = (*range(17, 27),)
_RIGHT_FRONT = (*range(42, 48), *range(49, 60), *range(61, 68))
"""The eye of one side, and the lips. Like the brows, they protrude from the far side of a rotated face."""

MARGIN = 0.02
"""Width of skin around them, in inter-ocular distances."""

STEEP, FOREHEAD = 1.5, 0.6
"""How steeply the edge falls off beside them; above brows it merges into the forehead."""

_RIGHT_CHAINS = (
    (22, 23, 24, 25, 26),
    (42, 43, 44, 45),
    (42, 47, 46, 45),
    (51, 52, 53, 54),
    (57, 56, 55, 54),
    (62, 63, 64),
    (66, 65, 64),
    (33, 34, 35),
    (30, 35),
    (27, 42),
)
"""Landmarks from the midline outwards. One that lies behind an earlier one of its chain is hidden by it."""

_FOLD = 0.015
"""How far behind it must lie, in inter-ocular distances."""


def edge_distance(canvas: Canvas, seen: Projection) -> Grid:
    """Approximate signed distance (H, W) to the edge of the face without its nose.

    The edge runs along jaw, temples and the top of the forehead, and around brow, eye and lips where they protrude on
    the far side of a rotated head. So all landmarks lie on the painted face.
    """
    crown = seen.crown
    loop = jnp.concatenate([crown[4:5], crown[3::-1], seen.points[:17], crown[8:4:-1], crown[4:5]])
    centre = (loop.min(axis=0) + loop.max(axis=0)) / 2
    loop = smooth(loop, 2) - centre[None]
    angle = jnp.arctan2(loop[:, 0], loop[:, 1])
    start = -jnp.pi + jnp.arctan2(-loop[0, 0], -loop[0, 1])
    angle = increasing(jnp.concatenate([start[None], angle[1:-1], start[None] + 2 * jnp.pi]))
    front, brow = _front(seen)
    # Without the barrier each pixel would compute the knots again.
    angle, radius = barrier(_raised(angle, jnp.sqrt((loop**2).sum(axis=1)), front - centre[None], brow))
    x, y = canvas.x - centre[0], canvas.y - centre[1]
    at = jnp.arctan2(x, y)
    at = jnp.where(at < angle[0], at + 2 * jnp.pi, at)
    return jnp.sqrt(x * x + y * y + 1e-12) - piecewise_linear(at, angle, radius)


def _front(seen: Projection) -> tuple[Float[Array, "n 2"], Bool[np.ndarray, "n"]]:
    """The points that may protrude, and which of them are brows."""
    right = jnp.array(_RIGHT_FRONT)
    left = jnp.array([FACE68.flip[i] for i in _RIGHT_FRONT])
    far = jnp.where(seen.rotation[0, 2] > 0, seen.points[right], seen.points[left])
    brows = jnp.concatenate([seen.points[jnp.array(_BROWS)], seen.helper("glabella")[None]])
    return jnp.concatenate([brows, far]), np.arange(len(brows) + len(far)) < len(brows)


def _raised(
    angle: Float[Array, "n"], radius: Float[Array, "n"], points: Float[Array, "m 2"], brow: Bool[np.ndarray, "m"]
) -> tuple[Float[Array, "k"], Float[Array, "k"]]:
    """Raise the polar curve where points lie outside it, with knots at these points."""
    at = jnp.arctan2(points[:, 0], points[:, 1])
    at = jnp.where(at < angle[0], at + 2 * jnp.pi, at)
    reach = jnp.sqrt((points**2).sum(axis=1)) + MARGIN
    knots = increasing(jnp.sort(jnp.concatenate([angle, at])))
    beside, at = knots[:, None] - at[None], at[None]
    upwards = beside * (at - angle[0] - jnp.pi) > 0
    slope = jnp.where(upwards & brow[None], FOREHEAD, STEEP)
    raised = (reach[None] * (1 - slope * jnp.abs(beside))).max(axis=1)
    return knots, jnp.maximum(piecewise_linear(knots, angle, radius), raised)


def nose_distance(canvas: Canvas, seen: Projection) -> Grid:
    """Signed distance (H, W) to the silhouette of the nose, which protrudes from the face under yaw."""
    radii = jnp.array([0.05, 0.055, 0.065, 0.085, 0.07])
    inward = seen.rotation[:2, 2]
    ridge = seen.points[jnp.array([27, 28, 29, 30, 33])] - radii[:, None] * inward[None]
    body = tube(canvas, ridge, radii)
    for name, base in (("ala_L", 31), ("ala_R", 35)):
        wing = seen.helper(name) * 0.8 + seen.points[30] * 0.2
        for c, radius in ((wing, 0.05), (seen.points[base], 0.01)):
            body = jnp.minimum(body, jnp.sqrt((canvas.x - c[0]) ** 2 + (canvas.y - c[1]) ** 2 + 1e-12) - radius)
    return body


def turned_away(seen: Projection) -> Bool[Array, "68"]:
    """Which landmarks (68,) of the far side are hidden by others, such as the tail of a brow."""
    hidden = jnp.zeros(68, bool)
    turn = seen.rotation[0, 2]
    for chain in _RIGHT_CHAINS:
        for ids, side in ((chain, 1.0), ([FACE68.flip[i] for i in chain], -1.0)):
            index = jnp.array(ids)
            out = side * seen.points[index, 0]
            behind = out < jnp.maximum.accumulate(out) - _FOLD
            hidden = hidden.at[index].max(behind & (side * turn > 0))
    return hidden
