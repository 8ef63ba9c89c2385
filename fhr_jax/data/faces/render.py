"""Render a face: from parameters to image, landmarks and visibility."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax import geometry
from fhr_jax.data.faces import accessories, background, features, hair, silhouette, skin
from fhr_jax.data.faces.face import Rendering, SyntheticFace
from fhr_jax.data.faces.paint import Canvas, barrier, blend, coverage, layer
from fhr_jax.data.faces.shape import Projection, from_frame, project, to_frame
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68


def pixel_canvas(face: SyntheticFace, size: int) -> Canvas:
    """The pixel centres of a frame of `size` pixels in head units: two grids (S, S)."""
    at = geometry.to_fractions(jnp.arange(size, dtype=face.pose.dtype), size)
    x, y = from_frame(at[None, :], at[:, None], face.pose[2], face.view)
    return Canvas(x, y, 1 / (size * face.view.scale))


def _rename_sides(points: Array, mirror: Float[Array, ""]) -> Array:
    """Exchange left and right landmarks in a mirrored image."""
    return jnp.where(mirror < 0, points[jnp.array(FACE68.flip)], points)


def landmarks(face: SyntheticFace) -> Float[Array, "68 2"]:
    """Exact landmarks (68, 2) in fractions of the frame (x, y); `geometry.from_fractions` gives pixels."""
    points = to_frame(project(face).points, face.pose[2], face.view)
    return _rename_sides(points, face.view.mirror)


def _visible(
    face: SyntheticFace, seen: Projection, points: Float[Array, "68 2"], planes: Float[Array, "2 h w"]
) -> Bool[Array, "68"]:
    """Visibility of the landmarks, from `planes` at their pixels: coverage by hair or hand, depth inside the nose."""
    size = planes.shape[-1]
    inside = ((points >= -0.5) & (points <= size - 0.5)).all(axis=1)
    column, row = jnp.clip(jnp.round(points), 0, size - 1).astype(jnp.int32).T
    before, nose = planes[:, row, column]
    behind = (nose > 0.02).at[27:36].set(False)  # the nose does not hide its own points
    g = face.appearance.glasses
    sunglasses = jnp.zeros(68, bool).at[36:48].set(g.amount * g.tint > 0.5)
    return inside & ~((before > 0.5) | behind | silhouette.turned_away(seen) | sunglasses)


def render(face: SyntheticFace, *, size: int) -> Rendering:
    """Render one face (no frame axis) as a `size` x `size` image.

    Args:
        face: its parameters.
        size: side of the image in pixels.

    Returns:
        The image (size, size, 3) in [0, 1]; landmarks (68, 2) in pixels (x, y), exact to float precision; and which of
        them are visible (68,): inside the frame and not hidden by hair, hand or sunglasses (exact to a pixel), by the
        nose, or by the far side of the head.

    Raises:
        InputError: size is below 1, or the face is a clip (`data.synthetic.render_clip` renders those).
    """
    if size < 1:
        raise InputError(f"size is {size}, expected at least 1 pixel")
    if face.pose.ndim != 1:
        raise InputError(f"face.pose is {face.pose.shape}, expected (3,): a single face")
    seen = barrier(project(face))
    canvas = barrier(pixel_canvas(face, size))
    image = barrier(background.background(face.appearance.scene, size, face.view.mirror))
    image = background.clothes(image, canvas, face, seen)
    image = barrier(hair.back(image, canvas, face, seen))
    image = background.neck(image, canvas, face, seen)
    image = barrier(features.hanging_beard(image, canvas, face, seen))
    parts = face.appearance.parts
    image = barrier(blend(image, background.ears(image, canvas, face, seen), parts.ears))
    edge, nose = barrier((silhouette.edge_distance(canvas, seen), silhouette.nose_distance(canvas, seen)))
    mask = barrier(coverage(jnp.minimum(edge, nose), 1.2 * canvas.pixel))
    lit = barrier(skin.light(canvas, face, seen))
    front = barrier(skin.skin_planes(canvas, face, seen, lit))
    front = barrier(features.beard(front, canvas, face, seen))
    front = barrier(blend(front, features.mouth(front, canvas, face, seen), parts.mouth))
    front = barrier(blend(front, features.eyes(front, canvas, face, seen), parts.eyes))
    front = barrier(blend(front, skin.nose(front, canvas, face, seen, nose), parts.nose))
    front = barrier(blend(front, features.brows(front, canvas, face, seen), parts.brows))
    image = barrier(image + mask[None] * (front - image))
    fringe, hand = barrier((hair.front_alpha(canvas, face, seen), accessories.occluder_alpha(canvas, face)))
    image = barrier(layer(image, hair.colour(canvas, face, seen), fringe))
    image = barrier(accessories.glasses(image, canvas, face, seen))
    image = layer(image, accessories.occluder_colour(canvas, face), hand)
    image = jnp.clip(image * face.appearance.scene.tint[:, None, None], 0, 1)
    points = geometry.from_fractions(to_frame(seen.points, face.pose[2], face.view), size)
    visible = _visible(face, seen, points, jnp.stack([jnp.maximum(fringe, hand), -nose]))
    mirror = face.view.mirror
    # `to_frame` has mirrored the coordinates already.
    return Rendering(jnp.moveaxis(image, 0, -1), _rename_sides(points, mirror), _rename_sides(visible, mirror))
