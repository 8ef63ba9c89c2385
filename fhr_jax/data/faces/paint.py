"""Painting primitives: signed distances over a whole pixel grid, soft masks and layers.

Coordinates are head units (x right, y down) on grids (H, W); `pixel` is the side of a pixel in head units. Images are
planar, (3, H, W), because a last axis of three vectorizes badly. Curves are sums of ramps over a few knots instead of
distances to many segments: three operations a knot for each pixel.
"""

from functools import reduce
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Grid = Float[Array, "h w"]
Planes = Float[Array, "3 h w"]
Scalar = Float[Array, ""] | float


Tree = TypeVar("Tree")


class Canvas(NamedTuple):
    """Pixel coordinates (H, W) in head units, and the side of a pixel ()."""

    x: Grid
    y: Grid
    pixel: Float[Array, ""]


def coverage(distance: Grid, soft: Scalar) -> Grid:
    """Coverage (H, W) in [0, 1] of a shape with signed distances (H, W): a ramp of width `soft` (), head units."""
    return jnp.clip(0.5 - distance / soft, 0, 1)


def layer(image: Planes, colour: Float[Array, "3"] | Planes, alpha: Grid) -> Planes:
    """Paint a colour (3,) or planes (3, H, W) over an image (3, H, W), all in [0, 1], with opacity `alpha` (H, W)."""
    colour = colour[:, None, None] if colour.ndim == 1 else colour
    return image + alpha[None] * (colour - image)


def blend(before: Planes, after: Planes, amount: Scalar) -> Planes:
    """Interpolate between two images (3, H, W) in [0, 1]: `amount` 0 gives `before`, 1 gives `after`."""
    return before + amount * (after - before)


def darken(image: Planes, factor: Float[Array, "3"], alpha: Grid) -> Planes:
    """Multiply an image (3, H, W) in [0, 1] by a colour `factor` (3,) where `alpha` (H, W) is 1."""
    return image * (1 - alpha[None] * (1 - factor[:, None, None]))


def smooth(points: Float[Array, "n 2"], parts: int) -> Float[Array, "m 2"]:
    """Catmull-Rom curve through points (N, 2), head units, `parts` segments between two: ((N - 1) * parts + 1, 2)."""
    padded = jnp.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (jnp.arange(parts, dtype=points.dtype) / parts)[None, :, None]
    a, b, c, d = (p[:, None] for p in (before, start, end, after))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return jnp.concatenate([curve.reshape(-1, 2), points[-1:]])


def increasing(u: Float[Array, "n"], *, gap: float = 1e-3) -> Float[Array, "n"]:
    """The smallest sequence (N,) nowhere below u (N,) that grows by at least `gap`, in units of u, at each step."""
    steps = gap * jnp.arange(u.shape[0], dtype=u.dtype)
    return jnp.maximum.accumulate(u - steps) + steps


def piecewise_linear(x: Float[Array, "*grid"], u: Float[Array, "n"], v: Float[Array, "n"]) -> Float[Array, "*grid"]:
    """Piecewise linear function through knots (u, v), each (N,), at x (...,), the unit of u; linear outside."""
    slope = (v[1:] - v[:-1]) / (u[1:] - u[:-1])
    value = v[0] + slope[0] * (x - u[0])
    for i in range(1, u.shape[0] - 1):
        value = value + (slope[i] - slope[i - 1]) * jnp.maximum(x - u[i], 0)
    return value


class LocalFrame(NamedTuple):
    """Axes of a facial feature: `u` along it from `origin`, `v` across it (down)."""

    origin: Float[Array, "2"]
    axis: Float[Array, "2"]
    length: Float[Array, ""]

    def grid(self, canvas: Canvas) -> tuple[Grid, Grid]:
        """(u, v) of each pixel, two grids (H, W)."""
        dx, dy = canvas.x - self.origin[0], canvas.y - self.origin[1]
        return dx * self.axis[0] + dy * self.axis[1], dy * self.axis[0] - dx * self.axis[1]

    def place(self, points: Float[Array, "n 2"]) -> Float[Array, "n 2"]:
        """(u, v) of points (N, 2), head units: (N, 2)."""
        d = points - self.origin[None]
        u = d[:, 0] * self.axis[0] + d[:, 1] * self.axis[1]
        v = d[:, 1] * self.axis[0] - d[:, 0] * self.axis[1]
        return jnp.stack([u, v], axis=1)


def local_frame(start: Float[Array, "2"], end: Float[Array, "2"]) -> LocalFrame:
    """Axes of the line from `start` (2,) to `end` (2,), head units; along x where they coincide or `end` lies left."""
    delta = end - start
    delta = jnp.stack([jnp.maximum(delta[0], 0.02), delta[1]])
    delta = jnp.stack([delta[0], jnp.clip(delta[1], -2 * delta[0], 2 * delta[0])])
    length = jnp.sqrt((delta**2).sum())
    return LocalFrame(start, delta / length, length)


def curve(frame: LocalFrame, points: Float[Array, "n 2"], u: Grid, *, parts: int = 3) -> Grid:
    """The v of the smooth curve through points, at the u of each pixel.

    Args:
        frame: the axes.
        points: (N, 2) in head units, from left to right.
        u: along the axis, (H, W).
        parts: segments between two points.

    Returns:
        v, (H, W).
    """
    knots = smooth(frame.place(points), parts)
    return piecewise_linear(u, increasing(knots[:, 0]), knots[:, 1])


def pick(left: Bool[Array, "h w"], one: Array, other: Array) -> Array:
    """Values `one` where `left` (H, W) is True, and `other` elsewhere: (..., H, W).

    Paired features (eyes, brows, creases) lie on either side of the nose, so each pair is painted once with values that
    depend on the side, at half the cost.
    """
    if one.ndim >= 2 and one.shape[-2:] == left.shape:
        return jnp.where(left.reshape((1,) * (one.ndim - 2) + left.shape), one, other)
    return jnp.where(left.reshape((1,) * one.ndim + left.shape), one[..., None, None], other[..., None, None])


def stroke(canvas: Canvas, points: Float[Array, "n 2 *grid"]) -> Grid:
    """Distance (H, W), head units, to a polyline (N, 2); points may vary over the grid: (N, 2, H, W), see `pick`."""
    return tube(canvas, points, jnp.zeros(points.shape[0], points.dtype))


def tube(canvas: Canvas, points: Float[Array, "n 2 *grid"], radii: Float[Array, "n"]) -> Grid:
    """Signed distance (H, W) to a chain of round cones through points (N, 2) with radii (N,), all in head units."""
    parts = []
    for i in range(points.shape[0] - 1):
        a, d = points[i], points[i + 1] - points[i]
        px, py = canvas.x - a[0], canvas.y - a[1]
        t = jnp.clip((px * d[0] + py * d[1]) / jnp.maximum(d[0] ** 2 + d[1] ** 2, 1e-8), 0, 1)
        square = (px - t * d[0]) ** 2 + (py - t * d[1]) ** 2
        parts.append(jnp.sqrt(square + 1e-12) - (radii[i] + t * (radii[i + 1] - radii[i])))
    return reduce(jnp.minimum, parts)


def blob(canvas: Canvas, centre: Float[Array, "2"], rx: Scalar, ry: Scalar) -> Grid:
    """A soft spot (H, W): 1 at the centre, 0 from an ellipse outwards.

    Args:
        canvas: pixel coordinates.
        centre: of the ellipse, (2,).
        rx: its radius along x, ().
        ry: its radius along y, ().
    """
    q = 1 - ((canvas.x - centre[0]) / rx) ** 2 - ((canvas.y - centre[1]) / ry) ** 2
    return jnp.maximum(q, 0) ** 2


def ellipse(canvas: Canvas, centre: Float[Array, "2"], rx: Scalar, ry: Scalar) -> Grid:
    """Approximate signed distance (H, W) to an ellipse along the axes.

    Args:
        canvas: pixel coordinates.
        centre: of the ellipse, (2,).
        rx: its radius along x, ().
        ry: its radius along y, ().
    """
    x, y = (canvas.x - centre[0]) / rx, (canvas.y - centre[1]) / ry
    return (jnp.sqrt(x * x + y * y + 1e-12) - 1) * jnp.minimum(rx, ry)


def wave(t: Grid) -> Grid:
    """A sine of period 1 made of parabolas, cheap; t (H, W) counts periods, the result (H, W) has no unit."""
    f = t - jnp.round(t)
    return 16 * f * (0.5 - jnp.abs(f))


def interpolate(grid: Float[Array, "c n n"], x: Float[Array, "w"], y: Float[Array, "h"]) -> Float[Array, "c h w"]:
    """Quadratic B-spline (C, H, W) of a coarse grid (C, N, N) over [-1/2, 1/2]^2, at x and y, in units of the grid."""
    n = grid.shape[-1]

    def weights(at: Array) -> Array:
        t = jnp.abs(((at + 0.5) * (n - 2) + 0.5)[:, None] - jnp.arange(n, dtype=grid.dtype)[None])
        return jnp.where(t < 0.5, 0.75 - t * t, 0.5 * jnp.maximum(1.5 - t, 0) ** 2)

    return barrier(jnp.einsum("yi,cij,xj->cyx", weights(y), grid, weights(x)))


def barrier(tree: Tree) -> Tree:
    """An optimization barrier: XLA would otherwise fuse a computation into all of its uses and repeat it there."""
    return jax.lax.optimization_barrier(tree)
