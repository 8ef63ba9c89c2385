"""What lies behind the face: background, shoulders, neck, ears."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces.face import Face, Scene
from fhr_jax.data.faces.paint import Canvas, Planes, blob, cover, darken, ellipse, interpolate, layer, wave
from fhr_jax.data.faces.shape import Projection


def background(scene: Scene, size: int, mirror: Float[Array, ""]) -> Planes:
    """Smooth colour, finer texture and stripes over the frame; they do not move with the head."""
    flip = mirror < 0
    coarse = jnp.where(flip, scene.coarse[:, :, ::-1], scene.coarse)
    fine = jnp.where(flip, scene.fine[:, :, ::-1], scene.fine)
    image = interpolate(coarse, size) + scene.fine_amount * interpolate(fine, size)
    at = (jnp.arange(size, dtype=image.dtype) + 0.5) / size - 0.5
    phase = scene.stripe_wave[0] * mirror * at[None, :] + scene.stripe_wave[1] * at[:, None]
    lines = jnp.clip(3 * wave(phase), -1, 1)
    return jnp.clip(image + (scene.stripes * 0.4) * lines[None], 0, 1)


def shoulders(image: Planes, canvas: Canvas, face: Face, seen: Projection) -> Planes:
    """Clothes, and a neck in the shadow of the jaw."""
    scene, skin = face.appearance.scene, face.appearance.skin
    throat, chin = seen.helper("throat"), seen.points[8]
    base_x = 0.35 * throat[0]
    fall = jnp.abs(canvas.x - base_x)
    edge = scene.shoulders + 0.28 * jnp.maximum(fall - 0.45, 0) + 0.5 * jnp.maximum(fall - 1.5, 0)
    light = 1 + 0.12 * wave(0.9 * canvas.x + 0.4 * canvas.y) + 0.06 * wave(3.1 * canvas.x - 1.3 * canvas.y)
    cloth = scene.clothes[:, None, None] * light[None]
    image = layer(image, cloth, cover(edge - canvas.y, 1.5 * canvas.pixel))
    t = jnp.clip((canvas.y - 0.7) / 1.3, 0, 1)
    middle = throat[0] + t * (base_x - throat[0])
    half = 0.50 + 0.10 * t * t + 0.35 * jnp.maximum(t - 0.75, 0)
    collar = edge + scene.collar * jnp.maximum(0.8 - 1.6 * fall, 0) + 0.12
    inside = jnp.maximum(jnp.maximum(jnp.abs(canvas.x - middle) - half, canvas.y - collar), 0.3 - canvas.y)
    across = (canvas.x - middle) / half
    shade = (0.80 - 0.25 * across * across - 0.35 * blob(canvas, chin, 0.9, 0.65)) * (
        1 + 0.15 * across * scene.light[0]
    )
    colour = skin.colour[:, None, None] * shade[None]
    return layer(image, colour, cover(inside, 1.5 * canvas.pixel))


def ears(image: Planes, canvas: Canvas, face: Face, seen: Projection) -> Planes:
    """Both ears; the face and the hair cover the far one."""
    skin = face.appearance.skin
    for name in ("ear_L", "ear_R"):
        centre = seen.helper(name)
        distance = ellipse(canvas, centre, 0.13, 0.27)
        inner = blob(canvas, centre, 0.09, 0.2)
        image = layer(image, skin.colour * jnp.array([0.92, 0.84, 0.82]), cover(distance, 1.5 * canvas.pixel))
        image = darken(image, jnp.array([0.72, 0.62, 0.6]), inner)
    return image
