"""From parameters to picture, landmarks and visibility."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.data.faces import extras, features, hair, scenery, skin
from fhr_jax.data.faces.face import Face, Rendering
from fhr_jax.data.faces.paint import Canvas, settle
from fhr_jax.data.faces.shape import Projection, from_frame, project, to_frame
from fhr_jax.markup import FACE68


def _canvas(face: Face, size: int) -> Canvas:
    at = (jnp.arange(size, dtype=face.pose.dtype) + 0.5) / size
    x, y = from_frame(at[None, :], at[:, None], face.pose[2], face.view)
    return Canvas(x, y, 1 / (size * face.view.scale))


def _named(points: Array, mirror: Float[Array, ""]) -> Array:
    """In a mirrored picture left landmarks take the names of right ones."""
    return jnp.where(mirror < 0, points[jnp.array(FACE68.flip)], points)


def landmarks(face: Face) -> Float[Array, "68 2"]:
    """Exact landmarks in fractions of the frame: pixel = size * fraction - 1/2."""
    points = to_frame(project(face).points, face.pose[2], face.view)
    return _named(points, face.view.mirror)


def _visible(face: Face, seen: Projection) -> Bool[Array, "68"]:
    """False behind hair, hand, sunglasses or the nose, and on the far side of the head."""
    canvas = Canvas(seen.points[:, :1], seen.points[:, 1:], jnp.full((), 0.01, face.pose.dtype))
    hidden = jnp.maximum(hair.front_alpha(canvas, face, seen), extras.occluder_alpha(canvas, face))[:, 0] > 0.5
    outside = (skin.face_mask(canvas, seen)[:, 0] < 0.5).at[:17].set(False)
    nose = (skin.nose_distance(canvas, seen)[:, 0] < -0.02).at[27:36].set(False)
    g = face.appearance.glasses
    dark = jnp.zeros(68, bool).at[36:48].set(g.amount * g.tint > 0.5)
    return ~(hidden | outside | nose | dark)


def render(face: Face, *, size: int) -> Rendering:
    """Paint one face (no frame axis) on a `size` x `size` frame.

    Args:
        face: its parameters.
        size: side of the picture in pixels.

    Returns:
        image (size, size, 3) in [0, 1], landmarks (68, 2) in pixels (x, y) with pixel centres at integers, exact to
        float precision and the same for every size up to scale, and visible (68,): inside the frame and not hidden.
    """
    seen = settle(project(face))
    canvas = settle(_canvas(face, size))
    image = settle(scenery.background(face.appearance.scene, size, face.view.mirror))
    image = scenery.clothes(image, canvas, face, seen)
    image = settle(hair.back(image, canvas, face, seen))
    image = scenery.neck(image, canvas, face, seen)
    image = settle(scenery.ears(image, canvas, face, seen))
    mask = settle(skin.face_mask(canvas, seen))
    lit = settle(skin.light(canvas, face, seen))
    front = settle(skin.skin_planes(canvas, face, seen, lit))
    for paint in (features.beard, features.mouth, features.eyes, skin.nose, features.brows):
        front = settle(paint(front, canvas, face, seen))
    image = settle(image + mask[None] * (front - image))
    for paint in (hair.front, extras.glasses, extras.occluder):
        image = settle(paint(image, canvas, face, seen))
    image = jnp.clip(image * face.appearance.scene.tint[:, None, None], 0, 1)
    fractions = to_frame(seen.points, face.pose[2], face.view)
    visible = _visible(face, seen) & ((fractions >= 0) & (fractions <= 1)).all(axis=1)
    points = size * _named(fractions, face.view.mirror) - 0.5
    return Rendering(jnp.moveaxis(image, 0, -1), points, _named(visible, face.view.mirror))
