"""Hair behind the face, and hair in front of it."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.face import Hair, SyntheticFace
from fhr_jax.data.faces.paint import Canvas, Grid, Planes, coverage, increasing, layer, piecewise_linear, wave
from fhr_jax.data.faces.shape import Projection, perspective, rotate


def skull_distance(canvas: Canvas, seen: Projection, extra: Float[Array, ""] | float) -> Grid:
    """Approximate signed distance (H, W), head units, to the outline of the skull, an ellipsoid `extra` () thicker."""
    matrix = seen.rotation
    radii = jnp.asarray(anatomy.SKULL_RADII, matrix.dtype) + extra
    centre = rotate(jnp.asarray(anatomy.SKULL_CENTRE, matrix.dtype)[None], matrix)
    centre = perspective(centre, seen.distance)[0]
    # The silhouette of {x: x' S^-1 x = 1} is the ellipse of the upper left block of S.
    block = ((matrix * (radii**2)[None]) @ matrix.T)[:2, :2]
    det = block[0, 0] * block[1, 1] - block[0, 1] ** 2
    x, y = canvas.x - centre[0], canvas.y - centre[1]
    q = (block[1, 1] * x * x - 2 * block[0, 1] * x * y + block[0, 0] * y * y) / det
    return (jnp.sqrt(q + 1e-12) - 1) * jnp.sqrt(jnp.sqrt(det))


def _hanging(canvas: Canvas, hair: Hair, seen: Projection) -> Grid:
    """Signed distance to the hair, including what hangs beside and behind the neck."""
    middle = seen.helper("throat")[0] * 0.6
    cap = skull_distance(canvas, seen, hair.volume)
    low = hair.length + 0.05 * wave(1.3 * canvas.x + hair.phase)
    half = hair.half_width * (0.86 + 0.10 * jnp.clip(canvas.y, 0, 1.5)) + 0.03 * wave(0.8 * canvas.y + hair.phase)
    box = jnp.maximum(jnp.abs(canvas.x - middle) - half, jnp.maximum(-0.3 - canvas.y, canvas.y - low))
    return jnp.where(hair.length > 0.01, jnp.minimum(cap, box), cap)


def colour(canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Colour (3, H, W) of lit strands that fan out from the crown, over the whole grid."""
    hair, scene = face.appearance.hair, face.appearance.scene
    top = seen.crown[4]
    dx, dy = canvas.x - top[0], canvas.y - top[1] + 0.35
    fan = dx / (jnp.abs(dy) + 0.45) * hair.strands + 0.25 * wave(1.1 * dy + hair.phase)
    strands = 0.65 * wave(fan) + 0.35 * wave(2.7 * fan + hair.phase)
    shade = 0.9 + 0.22 * strands + 0.25 * (1 - scene.ambient) * (scene.light[0] * dx - 0.6 * (dy - 0.9))
    return hair.colour[:, None, None] * jnp.clip(shade, 0.25, 1.8)[None]


def back(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint the hair, or the bald skull, behind face, ears and neck. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    hair, skin = face.appearance.hair, face.appearance.skin
    image = layer(image, skin.colour * 0.86, coverage(skull_distance(canvas, seen, 0.0), 1.5 * canvas.pixel))
    soft = 0.02 + canvas.pixel
    return layer(image, colour(canvas, face, seen) * 0.8, hair.amount * coverage(_hanging(canvas, hair, seen), soft))


def hairline(face: SyntheticFace, seen: Projection) -> Float[Array, "n 2"]:
    """Projected points (15, 2) of the hairline on the visible side of the head, from left to right, in head units."""
    hair = face.appearance.hair
    around = jnp.deg2rad(jnp.linspace(-88.0, 88.0, 15)) - face.pose[0]
    side = jnp.abs(around)

    def step(start: float, end: float) -> Array:
        t = jnp.clip((jnp.rad2deg(side) - start) / (end - start), 0, 1)
        return t * t * (3 - 2 * t)

    brow = -0.22 - hair.hairline
    height = brow + (0.42 * hair.hairline + 0.05) * step(25.0, 62.0) + 0.45 * step(62.0, 85.0) + 0.4 * step(95.0, 130.0)
    height = height + hair.temple * step(48.0, 80.0)
    parted = jnp.clip(jnp.abs(around - 0.6 * hair.part) * 1.2, 0, 1)
    height = height + hair.fringe * (0.55 + 0.45 * parted) * (1 - step(40.0, 75.0))
    centre, radii = jnp.asarray(anatomy.SKULL_CENTRE), jnp.asarray(anatomy.SKULL_RADII)
    up = jnp.clip((height - centre[1]) / radii[1], -0.98, 0)
    ring = jnp.sqrt(1 - up * up)
    points = jnp.stack(
        [centre[0] + radii[0] * ring * jnp.sin(around), height, centre[2] + radii[2] * ring * jnp.cos(around)], axis=1
    )
    return perspective(rotate(points, seen.rotation), seen.distance)


def front_alpha(canvas: Canvas, face: SyntheticFace, seen: Projection) -> Grid:
    """Coverage (H, W) of the hair in front of forehead and temples."""
    hair = face.appearance.hair
    line = hairline(face, seen)
    edge = piecewise_linear(canvas.x, increasing(line[:, 0], gap=5e-3), line[:, 1])
    edge = edge + 0.025 * wave(hair.strands * 0.5 * canvas.x + hair.phase) + 0.012 * wave(2.3 * hair.strands * canvas.x)
    inside = jnp.maximum(canvas.y - edge, _hanging(canvas, hair, seen))
    return hair.amount * coverage(inside, 0.035 + canvas.pixel)
