"""What lies behind the face: background, clothes, neck and ears."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax import geometry
from fhr_jax.data.faces.face import Scene, SyntheticFace
from fhr_jax.data.faces.paint import Canvas, Grid, Planes, blob, coverage, darken, ellipse, interpolate, layer, wave
from fhr_jax.data.faces.shape import Projection


def background(scene: Scene, size: int, mirror: Float[Array, ""]) -> Planes:
    """Paint the background: smooth colour, finer texture, stripes and shapes. It does not move with the head.

    Args:
        scene: its parameters.
        size: side S of the image in pixels.
        mirror: +1, or -1 for the mirrored image, ().

    Returns:
        Colour planes (3, S, S).
    """
    at = geometry.to_fractions(jnp.arange(size, dtype=mirror.dtype), size) - 0.5
    across = mirror * at
    image = interpolate(scene.coarse, across, at) + scene.fine_amount * interpolate(scene.fine, across, at)
    phase = scene.stripe_wave[0] * across[None, :] + scene.stripe_wave[1] * at[:, None]
    image = image + (scene.stripes * 0.4) * jnp.clip(3 * wave(phase), -1, 1)[None]
    for k in range(scene.shapes.shape[0]):
        cx, cy, rx, ry, angle, kind = scene.shapes[k]
        x, y = across[None, :] + 0.5 - cx, at[:, None] + 0.5 - cy
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        u, v = jnp.abs(cos * x + sin * y) / rx, jnp.abs(cos * y - sin * x) / ry
        reach = jnp.where(kind < 0.5, jnp.sqrt(u * u + v * v + 1e-12), jnp.maximum(u, v))
        alpha = scene.shape_amount * coverage((reach - 1) * jnp.minimum(rx, ry), 2.0 / size)
        shade = 1 + 0.25 * v - 0.15 * u
        image = layer(image, scene.shape_colours[k][:, None, None] * shade[None], alpha)
    return jnp.clip(image, 0, 1)


def _collar_line(canvas: Canvas, face: SyntheticFace, seen: Projection) -> tuple[Array, Grid, Grid]:
    scene = face.appearance.scene
    base = 0.35 * seen.helper("throat")[0]
    out = jnp.abs(canvas.x - base)
    edge = scene.shoulders + 0.28 * jnp.maximum(out - 0.45, 0) + 0.5 * jnp.maximum(out - 1.5, 0)
    return base, out, edge


def clothes(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint shoulders in folded cloth. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    _, _, edge = _collar_line(canvas, face, seen)
    folds = 1 + 0.12 * wave(0.9 * canvas.x + 0.4 * canvas.y) + 0.06 * wave(3.1 * canvas.x - 1.3 * canvas.y)
    cloth = face.appearance.scene.clothes[:, None, None] * folds[None]
    return layer(image, cloth, coverage(edge - canvas.y, 1.5 * canvas.pixel))


def neck(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint a neck in the shadow of the jaw, down to the collar. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    scene, skin = face.appearance.scene, face.appearance.skin
    throat, chin = seen.helper("throat"), seen.points[8]
    base, out, edge = _collar_line(canvas, face, seen)
    t = jnp.clip((canvas.y - 0.7) / 1.3, 0, 1)
    middle = throat[0] + t * (base - throat[0])
    half = scene.neck[0] + 0.08 * t * t + 0.35 * jnp.maximum(t - 0.75, 0)
    collar = edge + scene.collar * jnp.maximum(0.8 - 1.6 * out, 0) + 0.12
    inside = jnp.maximum(jnp.maximum(jnp.abs(canvas.x - middle) - half, canvas.y - collar), 0.3 - canvas.y)
    across = (canvas.x - middle) / half
    round_ = 1 - 0.3 * across * across + 0.2 * across * scene.light[0]
    under = scene.neck[2] * blob(canvas, chin, 1.0, 0.7)
    shade = scene.neck[1] * (0.55 + 0.35 * scene.ambient) * round_ * (1 - under)
    image = layer(image, skin.colour[:, None, None] * shade[None], coverage(inside, 1.5 * canvas.pixel))
    return _jowl(image, canvas, face, seen)


def _jowl(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint a double chin below the jaw, as bright as the face, with a fold at its lower edge."""
    scene, skin = face.appearance.scene, face.appearance.skin
    p = seen.points
    centre = p[8] + 0.15 * (seen.helper("throat") - p[8]) + jnp.array([0.0, -0.2])
    half = 0.42 * (p[14, 0] - p[2, 0]) * (0.75 + 0.25 * scene.jowl)
    distance = ellipse(canvas, centre, half, 0.26 + 0.2 * scene.jowl)
    on = jnp.minimum(5 * scene.jowl, 1)
    fold = jnp.maximum(1 - jnp.abs(distance - 0.01) / 0.07, 0)
    image = darken(image, jnp.array([0.6, 0.5, 0.46]), 0.7 * on * fold * fold)
    shade = 0.72 + 0.3 * scene.ambient + 0.12 * scene.light[0] * (canvas.x - centre[0]) / half
    return layer(image, skin.colour[:, None, None] * shade[None], on * coverage(distance, 0.03 + canvas.pixel))


def ears(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint both ears; face and hair are painted over the far one. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    skin = face.appearance.skin
    for name in ("ear_L", "ear_R"):
        centre = seen.helper(name)
        distance = ellipse(canvas, centre, 0.13, 0.27)
        inner = blob(canvas, centre, 0.09, 0.2)
        image = layer(image, skin.colour * jnp.array([0.84, 0.75, 0.73]), coverage(distance, 1.5 * canvas.pixel))
        image = darken(image, jnp.array([0.72, 0.62, 0.6]), inner)
    return image
