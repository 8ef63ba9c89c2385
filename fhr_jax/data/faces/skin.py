"""The skin of the face: light, colour, creases and nose."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.face import SyntheticFace
from fhr_jax.data.faces.paint import (
    Canvas,
    Grid,
    Planes,
    blob,
    coverage,
    darken,
    increasing,
    pick,
    piecewise_linear,
    smooth,
    stroke,
    wave,
)
from fhr_jax.data.faces.shape import Projection, rotate


class Light(NamedTuple):
    """Light on skin, on the grid (H, W): a factor for its colour, and highlights to add."""

    factor: Grid
    shine: Grid


# Bumps of the height field: landmark or helper, two radii, height (head units); hollows are negative.
_BUMPS = (
    (27, 0.12, 0.16, 0.05),
    (28, 0.13, 0.16, 0.065),
    (29, 0.15, 0.17, 0.085),
    (30, 0.17, 0.17, 0.12),
    ("ala_L", 0.10, 0.10, 0.05),
    ("ala_R", 0.10, 0.10, 0.05),
    ("eyeball_L", 0.26, 0.20, -0.045),
    ("eyeball_R", 0.26, 0.20, -0.045),
    (19, 0.30, 0.16, 0.035),
    (24, 0.30, 0.16, 0.035),
    ("cheek_L", 0.38, 0.34, 0.06),
    ("cheek_R", 0.38, 0.34, 0.06),
    (48, 0.16, 0.18, -0.025),
    (54, 0.16, 0.18, -0.025),
    (51, 0.24, 0.10, 0.025),
    (57, 0.22, 0.10, 0.03),
    ("pogonion", 0.26, 0.20, 0.08),
)


def light(canvas: Canvas, face: SyntheticFace, seen: Projection) -> Light:
    """Lambertian shading and highlights from the normals of an ellipsoid with bumps."""
    scene = face.appearance.scene
    matrix = seen.rotation
    centre = rotate(jnp.asarray(anatomy.FACE_CENTRE, matrix.dtype)[None], matrix)[0]
    form = (matrix / jnp.asarray(anatomy.FACE_RADII**2, matrix.dtype)[None]) @ matrix.T
    x, y = canvas.x - centre[0], canvas.y - centre[1]
    b = form[0, 2] * x + form[1, 2] * y
    c = form[0, 0] * x * x + 2 * form[0, 1] * x * y + form[1, 1] * y * y - 1
    z = (jnp.sqrt(jnp.maximum(b * b - form[2, 2] * c, 0.02)) - b) / form[2, 2]
    nx = form[0, 0] * x + form[0, 1] * y + form[0, 2] * z
    ny = form[0, 1] * x + form[1, 1] * y + form[1, 2] * z
    nz = jnp.maximum(form[0, 2] * x + form[1, 2] * y + form[2, 2] * z, 0.05)
    length = 1 / jnp.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx * length, ny * length, nz * length
    for where, rx, ry, amount in _BUMPS:
        at = seen.helper(where) if isinstance(where, str) else seen.points[where]
        dx, dy = canvas.x - at[0], canvas.y - at[1]
        q = jnp.maximum(1 - dx * dx / rx**2 - dy * dy / ry**2, 0) * (4 * amount)
        nx, ny = nx + q * dx / rx**2, ny + q * dy / ry**2
    length = 1 / jnp.sqrt(nx * nx + ny * ny + nz * nz)
    toward = scene.light
    facing = (nx * toward[0] + ny * toward[1] + nz * toward[2]) * length
    diffuse = jnp.maximum(0.25 + 0.75 * facing, 0)
    factor = scene.ambient * (0.6 + 0.4 * nz * length) + (1 - scene.ambient) * 1.15 * diffuse
    # Highlights where the half vector between light and camera is the normal.
    half = toward + jnp.array([0.0, 0.0, 1.0])
    half = half / jnp.sqrt((half**2).sum() + 1e-6)
    h = jnp.maximum((nx * half[0] + ny * half[1] + nz * half[2]) * length, 0)
    h2 = h * h
    h8 = h2 * h2 * h2 * h2
    shading = face.appearance.parts.shading
    even = 0.5 + 0.5 * scene.ambient
    return Light(even + shading * (factor - even), shading * face.appearance.skin.gloss * 0.3 * (h8 * h8) * (h8 * h8))


def skin_planes(canvas: Canvas, face: SyntheticFace, seen: Projection, lit: Light) -> Planes:
    """Coloured and lit skin with its creases, over the whole grid.

    Args:
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
        lit: from `light`.

    Returns:
        Colour planes (3, H, W).
    """
    skin = face.appearance.skin
    factor = lit.factor + 0.007 * skin.mottle * (
        wave(4.1 * canvas.x + 0.9 * wave(2.3 * canvas.y)) + wave(3.7 * canvas.y + 0.8 * wave(1.9 * canvas.x))
    )
    factor = factor * (1 + 0.2 * blob(canvas, seen.points[30], 0.15, 0.2))
    # The chin is bright nearly down to its edge, below which it shades the neck.
    factor = factor * (1 + 0.3 * blob(canvas, 0.5 * seen.helper("pogonion") + 0.5 * seen.points[8], 0.42, 0.17))
    image = skin.colour[:, None, None] * factor[None]
    red = jnp.array([0.97, 0.80, 0.80])
    for name, radius in (("cheek_L", 0.34), ("cheek_R", 0.34)):
        image = darken(image, red, skin.blush * 0.8 * blob(canvas, seen.helper(name), radius, radius * 0.8))
    image = darken(image, red, skin.blush * blob(canvas, seen.points[30], 0.16, 0.16))
    return _creases(image, canvas, face, seen) + lit.shine[None]


def _line(image: Planes, distance: Grid, width: Array | float, amount: Array | float, dark: Array) -> Planes:
    falloff = jnp.maximum(1 - distance / width, 0)
    return darken(image, dark, amount * falloff * falloff)


def _creases(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    age, smile = face.appearance.skin.age, jnp.clip(face.expression[1], 0, 1)
    p = seen.points
    dark = jnp.array([0.55, 0.42, 0.38])
    left = canvas.x < ridge_x(canvas, p)
    folds, bags, wings = [], [], []
    for side, inner, lid, base in (("_L", 39, 41, 31), ("_R", 42, 46, 35)):
        a, b = seen.helper("ala" + side), seen.helper("fold" + side)
        across = (b - a)[0]
        start = a + jnp.stack([0.02 * across, -0.06 + 0 * across])
        middle = (a + b) / 2 + jnp.stack([0.12 * across, -0.02 + 0 * across])
        folds.append(jnp.stack([start, middle, a + 0.9 * (b - a)]))
        bags.append(jnp.stack([p[inner] + jnp.array([0, 0.05]), (p[lid] + p[inner]) / 2 + jnp.array([0, 0.11])]))
        side_of = a + 0.12 * (a - p[30]) * jnp.array([1.0, 0.0])
        wings.append(jnp.stack([a + jnp.array([0, -0.06]), side_of, p[base]]))
    image = _line(image, stroke(canvas, pick(left, *folds)), 0.07, 0.1 + 0.3 * age + 0.4 * smile, dark)
    image = _line(image, stroke(canvas, pick(left, *bags)), 0.06, 0.1 + 0.4 * age, dark)
    image = _line(image, stroke(canvas, pick(left, *wings)), 0.045, 0.45, dark)
    forehead = seen.helper("forehead")
    bow = 0.25 * (canvas.x - forehead[0]) ** 2
    worry = age * jnp.clip(0.3 + face.expression[7], 0, 1)
    near = jnp.maximum(1 - ((canvas.x - forehead[0]) / 0.5) ** 2, 0)
    for k in (-0.1, 0.02, 0.14):
        image = _line(image, jnp.abs(canvas.y - forehead[1] - k - bow), 0.03, 0.45 * worry * near, dark)
    # under the lower lip, above the chin
    image = darken(image, dark, 0.32 * blob(canvas, 0.97 * p[57] + 0.03 * seen.helper("pogonion"), 0.22, 0.075))
    return image


def nose(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection, distance: Grid) -> Planes:
    """Paint nostrils, the shadow under the nose, and its edge against the far cheek. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
        distance: signed distance (H, W) to the silhouette of the nose.
    """
    p = seen.points
    dark = jnp.array([0.42, 0.30, 0.27])
    base = smooth(p[31:36] + jnp.array([[0.007, -0.012], [0, 0], [0, 0], [0, 0], [-0.007, -0.012]]), 2)
    image = _line(image, stroke(canvas, base), 0.05, 0.22, dark)
    bow = seen.rotation[1, 2]
    opening = jnp.clip(1.0 - 2.2 * bow, 0.15, 1.4)
    for name in ("nostril_L", "nostril_R"):
        c = seen.helper(name)
        hole = coverage(_oval(canvas, c, 0.052, 0.026 * opening), 0.06 + canvas.pixel)
        image = darken(image, jnp.array([0.25, 0.16, 0.14]), 0.55 * hole)
    # cast shadow, away from the light
    toward = face.appearance.scene.light
    spot = p[33] + jnp.stack([-0.14 * toward[0], 0.05 - 0.05 * toward[1]])
    image = darken(image, dark, 0.45 * (1 - face.appearance.scene.ambient) * blob(canvas, spot, 0.22, 0.13))
    # the far edge of the nose
    away = seen.rotation[0, 2]
    side = jnp.clip((canvas.x - ridge_x(canvas, p)) * jnp.sign(away) * 20, 0, 1)
    edge = jnp.maximum(1 - jnp.abs(distance - 0.01) / 0.03, 0) * side
    return darken(image, dark, jnp.clip(1.6 * jnp.abs(away) - 0.25, 0, 0.75) * edge)


def ridge_x(canvas: Canvas, p: Float[Array, "68 2"]) -> Grid:
    """The x of the ridge of the nose at the y of each pixel, (H, W)."""
    ridge = p[27:31]
    return piecewise_linear(canvas.y, increasing(ridge[:, 1], gap=0.01), ridge[:, 0])


def _oval(canvas: Canvas, centre: Array, rx: float, ry: Array) -> Grid:
    x, y = (canvas.x - centre[0]) / rx, (canvas.y - centre[1]) / ry
    return (jnp.sqrt(x * x + y * y + 1e-12) - 1) * ry
