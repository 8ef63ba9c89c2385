"""Glasses, and objects that occlude the face."""

from functools import reduce

import jax.numpy as jnp

from fhr_jax.data.faces.face import SyntheticFace
from fhr_jax.data.faces.paint import Canvas, Grid, Planes, barrier, coverage, layer, pick, stroke
from fhr_jax.data.faces.shape import Projection


def _lens(canvas: Canvas, face: SyntheticFace, seen: Projection) -> Grid:
    """Approximate signed distance to the rim of the lens on the same side of the nose."""
    glasses, p = face.appearance.glasses, seen.points
    forward = 0.12 * seen.rotation[:2, 2] + jnp.stack([0 * glasses.drop, glasses.drop])
    centre = pick(canvas.x < (p[39, 0] + p[42, 0]) / 2 + forward[0], (p[36] + p[39]) / 2, (p[42] + p[45]) / 2)
    rx = glasses.radius[0] * jnp.clip(seen.rotation[0, 0], 0.35, 1)
    ry = glasses.radius[1]
    x = jnp.abs(canvas.x - centre[0] - forward[0]) / rx + 1e-6
    y = jnp.abs(canvas.y - centre[1] - forward[1]) / ry + 1e-6
    # (x^p + y^p)^(1/p) as large * (1 + (small / large)^p)^(1/p): two powers, and both of numbers up to 2.
    large = jnp.maximum(x, y)
    ratio = jnp.exp(glasses.power * jnp.log(jnp.minimum(x, y) / large))
    return (large * jnp.exp(jnp.log1p(ratio) / glasses.power) - 1) * jnp.minimum(rx, ry)


def glasses(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint glasses: lenses, rims, bridge and temples. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    g = face.appearance.glasses
    lens = barrier(_lens(canvas, face, seen))
    soft = 1.2 * canvas.pixel
    image = layer(image, 0.3 * g.colour, g.amount * g.tint * coverage(lens, soft))
    streak = jnp.maximum(1 - jnp.abs(canvas.x + 0.6 * canvas.y - 0.1 * face.pose[0]) % 0.7 / 0.2, 0)
    image = layer(image, jnp.array([0.95, 0.97, 1.0]), g.amount * g.glare * 0.5 * streak * coverage(lens + 0.03, 0.05))
    forward = 0.12 * seen.rotation[:2, 2] + jnp.stack([0 * g.drop, g.drop - 0.02])
    bridge = stroke(canvas, jnp.stack([seen.points[39], seen.points[42]]) + forward[None])
    gap = jnp.maximum(bridge - 0.7 * g.rim, -lens)
    arms = []
    for eye, ear in (((36, 39), "ear_L"), ((45, 42), "ear_R")):
        start = seen.points[eye[0]] + forward + 0.3 * (seen.points[eye[0]] - seen.points[eye[1]])
        arms.append(stroke(canvas, jnp.stack([start, seen.helper(ear) + jnp.array([0.0, -0.18])])))
    frames = jnp.minimum(
        jnp.minimum(jnp.abs(lens) - g.rim, gap), jnp.maximum(reduce(jnp.minimum, arms) - 0.8 * g.rim, -lens)
    )
    return layer(image, g.colour, g.amount * coverage(frames, soft))


def occluder_alpha(canvas: Canvas, face: SyntheticFace) -> Grid:
    """Coverage (H, W) of an occluder that reaches into the face: a hand with four fingers, a bar, or a ball."""
    o = face.appearance.occluder
    cos, sin = jnp.cos(o.angle), jnp.sin(o.angle)
    x, y = canvas.x - o.centre[0], canvas.y - o.centre[1]
    along, across = cos * x + sin * y, cos * y - sin * x
    fingers = []
    for k, reach in enumerate((-0.02, 0.06, 0.05, -0.06)):
        a = across - (k - 1.5) * 2.05 * o.width
        beyond = jnp.maximum(-along - reach + 0.02, 0)
        fingers.append(jnp.sqrt(a * a + beyond * beyond + 1e-12) - o.width)
    bar = jnp.maximum(jnp.abs(across) - 2.5 * o.width, -along)
    ball = jnp.sqrt((along - 6 * o.width) ** 2 + (0.8 * across) ** 2 + 1e-12) - 6 * o.width
    inside = jnp.where(o.kind > 1.5, ball, jnp.where(o.kind > 0.5, bar, reduce(jnp.minimum, fingers)))
    return o.amount * coverage(inside, 1.5 * canvas.pixel)


def occluder_colour(canvas: Canvas, face: SyntheticFace) -> Planes:
    """Colour (3, H, W) of the occluder: dark lines between fingers; a ball darkens towards its edge."""
    o = face.appearance.occluder
    cos, sin = jnp.cos(o.angle), jnp.sin(o.angle)
    x, y = canvas.x - o.centre[0], canvas.y - o.centre[1]
    along, across = cos * x + sin * y, cos * y - sin * x
    finger = (across / (2.05 * o.width)) % 1.0 - 0.5
    solid = jnp.where(o.kind > 1.5, 0.75 + 0.4 * jnp.clip(along / (6 * o.width), 0, 1), 1.0)
    shade = jnp.where(o.kind > 0.5, solid, 1.05 - 0.45 * (1 - 4 * (0.5 - jnp.abs(finger)) ** 2) ** 2)
    return o.colour[:, None, None] * shade[None]
