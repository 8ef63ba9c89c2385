"""From parameters to picture, landmarks and visibility."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.data.faces import accessories, background, features, hair, silhouette, skin
from fhr_jax.data.faces.face import Rendering, SyntheticFace
from fhr_jax.data.faces.paint import Canvas, blend, cover, layer, settle
from fhr_jax.data.faces.shape import Projection, from_frame, project, to_frame
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68


def canvas_of(face: SyntheticFace, size: int) -> Canvas:
    """Pixel centres of the frame in head units."""
    at = (jnp.arange(size, dtype=face.pose.dtype) + 0.5) / size
    x, y = from_frame(at[None, :], at[:, None], face.pose[2], face.view)
    return Canvas(x, y, 1 / (size * face.view.scale))


def _named(points: Array, mirror: Float[Array, ""]) -> Array:
    """In a mirrored picture left landmarks take the names of right ones."""
    return jnp.where(mirror < 0, points[jnp.array(FACE68.flip)], points)


def landmarks(face: SyntheticFace) -> Float[Array, "68 2"]:
    """Exact landmarks in fractions of the frame: pixel = size * fraction - 1/2."""
    points = to_frame(project(face).points, face.pose[2], face.view)
    return _named(points, face.view.mirror)


def _visible(
    face: SyntheticFace, seen: Projection, points: Float[Array, "68 2"], planes: Float[Array, "2 h w"]
) -> Bool[Array, "68"]:
    """What lies before the face and the distance inside the nose are read at each landmark's pixel."""
    size = planes.shape[-1]
    inside = ((points >= -0.5) & (points <= size - 0.5)).all(axis=1)
    column, row = jnp.clip(jnp.round(points), 0, size - 1).astype(jnp.int32).T
    before, nose = planes[:, row, column]
    behind = (nose > 0.02).at[27:36].set(False)  # the nose does not hide its own points
    g = face.appearance.glasses
    sunglasses = jnp.zeros(68, bool).at[36:48].set(g.amount * g.tint > 0.5)
    return inside & ~((before > 0.5) | behind | silhouette.turned_away(seen) | sunglasses)


def render(face: SyntheticFace, *, size: int) -> Rendering:
    """Paint one face (no frame axis) on a `size` x `size` frame.

    Args:
        face: its parameters.
        size: side of the picture in pixels.

    Returns:
        image (size, size, 3) in [0, 1], landmarks (68, 2) in pixels (x, y) with pixel centres at integers, exact to
        float precision and the same for every size up to scale, and visible (68,): inside the frame and not hidden by
        hair, hand, sunglasses (read off the picture to a pixel), the nose, or what stands before it on the far side of
        the head.

    Raises:
        InputError: there are no pixels, or it is a clip (`film` paints those).
    """
    if size < 1 or face.pose.ndim != 1:
        raise InputError(f"{size} pixels, a face of pose {face.pose.shape}; expected at least 1, and (3,)")
    seen = settle(project(face))
    canvas = settle(canvas_of(face, size))
    image = settle(background.background(face.appearance.scene, size, face.view.mirror))
    image = background.clothes(image, canvas, face, seen)
    image = settle(hair.back(image, canvas, face, seen))
    image = background.neck(image, canvas, face, seen)
    parts = face.appearance.parts
    image = settle(blend(image, background.ears(image, canvas, face, seen), parts.ears))
    edge, nose = settle((silhouette.edge_distance(canvas, seen), silhouette.nose_distance(canvas, seen)))
    mask = settle(cover(jnp.minimum(edge, nose), 1.2 * canvas.pixel))
    lit = settle(skin.light(canvas, face, seen))
    front = settle(skin.skin_planes(canvas, face, seen, lit))
    front = settle(features.beard(front, canvas, face, seen))
    front = settle(blend(front, features.mouth(front, canvas, face, seen), parts.mouth))
    front = settle(blend(front, features.eyes(front, canvas, face, seen), parts.eyes))
    front = settle(blend(front, skin.nose(front, canvas, face, seen, nose), parts.nose))
    front = settle(blend(front, features.brows(front, canvas, face, seen), parts.brows))
    image = settle(image + mask[None] * (front - image))
    fringe, hand = settle((hair.front_alpha(canvas, face, seen), accessories.occluder_alpha(canvas, face)))
    image = settle(layer(image, hair.colour(canvas, face, seen), fringe))
    image = settle(accessories.glasses(image, canvas, face, seen))
    image = layer(image, accessories.occluder_colour(canvas, face), hand)
    image = jnp.clip(image * face.appearance.scene.tint[:, None, None], 0, 1)
    points = size * to_frame(seen.points, face.pose[2], face.view) - 0.5
    visible = _visible(face, seen, points, jnp.stack([jnp.maximum(fringe, hand), -nose]))
    mirror = face.view.mirror
    # `_named` only renames: `to_frame` has mirrored the coordinates.
    return Rendering(jnp.moveaxis(image, 0, -1), _named(points, mirror), _named(visible, mirror))
