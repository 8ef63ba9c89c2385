"""Eyes, brows, mouth and beard, each painted in axes between its corners."""

import jax.numpy as jnp

from fhr_jax.data.faces.face import SyntheticFace
from fhr_jax.data.faces.paint import Canvas, Planes, coverage, curve, darken, ellipse, layer, local_frame, pick, wave
from fhr_jax.data.faces.shape import Projection

# Landmarks of each eye from left to right: upper lid, lower lid; the helper point of the eyeball; its side.
_EYES = (
    ((36, 37, 38, 39), (36, 41, 40, 39), "eyeball_L", -1),
    ((42, 43, 44, 45), (42, 47, 46, 45), "eyeball_R", 1),
)

_ASIDE = (0.024, 0.02, 0.017, 0.014)
"""How far the visible lids lie beyond the landmarks, away from the nose, from the outer corner to the inner one, in
inter-ocular distances: both corners of an eye are annotated nearer to the nose than where its dark outline ends."""

_ABOVE = (0.0, 0.004, 0.009, 0.023)
"""How far the dark edge of the upper lid lies above its landmarks, from the outer corner to the inner one."""


def eyes(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint eyes: shade of the socket, lid fold, sclera, iris, pupil, highlight, lashes. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    features, p = face.appearance.features, seen.points
    left = canvas.x < (p[39, 0] + p[42, 0]) / 2
    sides = []
    for upper, lower, ball, side in _EYES:
        shift = jnp.stack([side * jnp.array(_ASIDE), -jnp.array(_ABOVE)], axis=1)[::-side]
        below = shift * jnp.array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
        axes = local_frame(p[upper[0]] + shift[0], p[upper[-1]] + shift[-1])
        u, v = axes.grid(canvas)
        top = curve(axes, p[jnp.array(upper)] + shift, u)
        bottom = curve(axes, p[jnp.array(lower)] + below, u)
        sides.append((u, v, top, bottom, axes.length, seen.helper(ball)))
    u, v, top, bottom, length, ball = (pick(left, *pair) for pair in zip(*sides, strict=True))
    soft = 1.2 * canvas.pixel
    along = jnp.clip(u / length, 0, 1)
    middle = 4 * along * (1 - along)
    ends = jnp.maximum(-u, u - length)
    within = coverage(ends - 0.02, 0.05)
    dark = jnp.array([0.45, 0.33, 0.3])
    # the shade of the socket, deepest beside the nose, and of the outer corner
    shade = jnp.array([0.5, 0.38, 0.35])
    inwards = jnp.where(left, along, 1 - along)
    across = (v - 0.5 * (top + bottom)) / jnp.where(v < top, 0.22, 0.13)
    hollow = jnp.maximum(1 - across**2 - (jnp.maximum(ends, 0) / 0.2) ** 2, 0)
    image = darken(image, shade, features.socket * (0.3 + 0.7 * jnp.clip(inwards, 0, 1)) * hollow)
    beyond = jnp.where(left, -u, u - length)
    wing = jnp.maximum(1 - jnp.maximum(beyond, -0.6 * beyond) / 0.1, 0)
    wing = wing * jnp.maximum(1 - jnp.abs(v - jnp.where(ends > 0, 0.15 * ends, top)) / 0.05, 0)
    image = darken(image, dark, features.corner_shadow * jnp.clip(1.6 * wing, 0, 1))
    # fold of the upper lid, its colour, and the hollow under the eye
    lift = 0.03 + 0.04 * middle
    lid = coverage(jnp.maximum(v - top, top - lift - v), 0.02)
    image = layer(image, features.makeup, features.makeup_amount * lid * within)
    crease = jnp.maximum(1 - jnp.abs(v - top + lift) / 0.03, 0) * (0.1 + 0.5 * features.crease)
    under = 0.35 * jnp.maximum(1 - jnp.abs(v - bottom - 0.02) / 0.05, 0)
    image = darken(image, dark, (crease + under) * within * middle)
    # the ball
    opening = coverage(jnp.maximum(top - v, v - bottom), soft) * coverage(ends, soft)
    shadow = jnp.clip((v - top) / 0.06, 0, 1)
    white = jnp.array([0.88, 0.85, 0.83])[:, None, None] * (0.55 + 0.45 * shadow * (0.55 + 0.45 * middle))[None]
    # Narrow eyes are dark, because the lids and lashes shade them.
    white = white * features.sclera * (0.6 + 0.4 * jnp.clip((bottom - top) / 0.09, 0, 1))[None]
    white = white * (0.55 + 0.45 * face.appearance.scene.ambient)
    corner = jnp.array([0.85, 0.6, 0.58])
    white = darken(white, corner, 1 - jnp.clip(5 * along, 0, 1) * jnp.clip(5 - 5 * along, 0, 1))
    look = jnp.stack([jnp.sin(face.gaze[0]), jnp.sin(face.gaze[1]), jnp.cos(face.gaze[0])])
    toward = seen.rotation @ look
    iris = features.iris_radius
    squeeze = jnp.clip(jnp.abs(toward[2]), 0.5, 1)
    x, y = canvas.x - ball[0] - 0.125 * toward[0], canvas.y - ball[1] - 0.125 * toward[1]
    r = jnp.sqrt((x / squeeze) ** 2 + y * y + 1e-12)
    ring = 0.5 + 0.5 * coverage(r - iris + 0.016, 0.03 + soft) + 0.25 * jnp.clip(y / 0.06, -1, 1)
    globe = layer(white, features.iris[:, None, None] * ring[None], coverage(r - iris, 0.012 + soft))
    globe = globe * (1 - 0.97 * coverage(r - 0.4 * iris, soft))[None]
    light = face.appearance.scene.light
    glint = coverage(jnp.sqrt((x - 0.024 * light[0]) ** 2 + (y - 0.024 * light[1]) ** 2 + 1e-12) - 0.012, soft)
    globe = globe + 0.8 * glint[None] * (1 - globe)
    image = layer(image, globe, opening)
    # lashes: the dark edges of the lids
    width = (0.006 + 0.014 * features.lashes) * (0.5 + 0.5 * middle)
    edge = coverage(jnp.abs(v - top - 0.4 * width) - width, 0.016 + canvas.pixel) * coverage(ends, 0.02)
    image = darken(image, jnp.array([0.22, 0.16, 0.15]), (0.25 + 0.7 * features.lashes) * edge)
    rim = jnp.maximum(1 - jnp.abs(v - bottom + 0.004) / (0.016 + canvas.pixel), 0) * coverage(ends, 0.02)
    return darken(image, jnp.array([0.55, 0.42, 0.4]), (0.25 + 0.4 * features.lashes) * rim)


def brows(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint brows just below their five landmarks, which follow the upper edge. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    features, p = face.appearance.features, seen.points
    left = canvas.x < (p[21, 0] + p[22, 0]) / 2
    sides = []
    for points in (p[17:22], p[22:27]):
        axes = local_frame(points[0], points[-1])
        u, v = axes.grid(canvas)
        sides.append((u, v - curve(axes, points, u), axes.length))
    u, v, length = (pick(left, *pair) for pair in zip(*sides, strict=True))
    inward = jnp.where(left, u, length - u)
    from_tail = jnp.clip(inward / length, 0, 1)
    width = features.brow_width * (0.35 + 0.65 * jnp.minimum(1.8 * from_tail, 1) + 0.3 * from_tail**2) + 0.004
    hairs = 0.85 + 0.15 * wave(9 * inward + 14 * v)
    across = jnp.abs(v - 0.007 - 0.55 * width) - 0.5 * width
    # Annotators set the inner end a little beyond the hairs.
    reach = jnp.maximum(-inward, inward - length + 0.03)
    inside = coverage(across, 0.03 + 0.8 * canvas.pixel) * coverage(reach, 0.04 + canvas.pixel)
    return layer(image, features.brow_colour, features.brow_amount * inside * hairs)


def mouth(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint lips between the outer and the inner contour, teeth and tongue inside. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    p, features = seen.points, face.appearance.features
    # The corners are annotated a little inside the dark line between the lips.
    wider = jnp.array([0.014, 0.0])
    axes = local_frame(p[48] - wider, p[54] + wider)
    u, v = axes.grid(canvas)
    outer_top = curve(axes, p[48:55], u, parts=2)
    # The lower lip is annotated a little above its visible edges, so it is painted below its landmarks.
    low = 0.018 * jnp.clip(4 * jnp.minimum(u, axes.length - u) / axes.length, 0, 1)
    outer_bottom = curve(axes, p[jnp.array([48, 59, 58, 57, 56, 55, 54])], u, parts=2) + low
    inner_top = curve(axes, p[60:65], u, parts=2)
    inner_bottom = curve(axes, p[jnp.array([60, 67, 66, 65, 64])], u, parts=2)
    inner_bottom = inner_bottom + low * jnp.clip((inner_bottom - inner_top) / 0.04, 0, 1)
    ends = jnp.maximum(-u, u - axes.length)
    along = jnp.clip(u / axes.length, 0, 1)
    middle = 4 * along * (1 - along)
    soft = 1.2 * canvas.pixel
    # Annotators set the points a little outside the red; a beard hides more of it.
    hidden = 0.6 * face.appearance.beard.over_lips
    lip_top = outer_top + 0.008 + hidden * face.appearance.beard.moustache * (inner_top - outer_top)
    lip_bottom = outer_bottom - hidden * face.appearance.beard.chin * (outer_bottom - inner_bottom)
    lips = coverage(jnp.maximum(jnp.maximum(lip_top - v, v - lip_bottom), ends), soft + 0.02)
    light = face.appearance.scene
    seam = 0.3 * inner_top + 0.7 * inner_bottom + 0.4 * low
    upper = coverage(v - seam, 0.02)
    thick = jnp.clip((v - inner_bottom) / jnp.maximum(outer_bottom - inner_bottom, 0.02), 0, 1)
    shade = (1.0 - 0.1 * upper + 0.12 * (1 - upper) * 4 * thick * (1 - thick)) * (
        light.ambient + (1 - light.ambient) * (0.75 + 0.3 * light.light[0] * (2 * along - 1))
    )
    colour = features.lips[:, None, None] * shade[None]
    gleam = features.lip_gloss * 0.45 * (1 - upper) * jnp.maximum(1 - jnp.abs(thick - 0.4) / 0.25, 0) * middle**2
    image = layer(image, colour + gleam[None], lips * 0.95)
    gap = jnp.maximum(jnp.maximum(inner_top - v, v - inner_bottom), ends)
    inside = coverage(gap, soft)
    depth = v - inner_top
    dark = jnp.array([0.16, 0.05, 0.05])[:, None, None] * (0.6 + 0.8 * jnp.clip(depth / 0.25, 0, 1))[None]
    tooth = features.teeth * jnp.array([0.93, 0.9, 0.84])
    tooth = tooth[:, None, None] * (0.75 + 0.25 * middle - 0.08 * jnp.maximum(wave(7 * u + 0.25) - 0.5, 0))[None]
    tooth = tooth * (0.6 + 0.4 * light.ambient)
    upper_teeth = coverage(depth - features.teeth_length * (0.4 + 0.6 * middle), 0.02 + soft)
    lower_teeth = features.lower_teeth * coverage(inner_bottom - v - 0.6 * features.teeth_length * middle, 0.02 + soft)
    parted = jnp.clip((inner_bottom - inner_top - 0.015) / 0.04, 0, 1)
    tongue = features.tongue * parted * coverage(inner_bottom - v - 0.1 * middle, 0.08 + soft)
    inner = layer(dark, 0.8 * features.lips, tongue)
    # Lips that are hardly apart hide the teeth.
    shown = jnp.clip((inner_bottom - inner_top - features.teeth_hidden) / 0.05, 0, 1)
    inner = layer(inner, tooth, shown * jnp.maximum(upper_teeth, lower_teeth) * jnp.clip(3 * middle - 0.4, 0, 1))
    image = layer(image, inner, inside)
    line = jnp.maximum(1 - jnp.abs(v - seam) / (0.014 + canvas.pixel), 0)
    shut = jnp.clip(1 - (inner_bottom - inner_top) / 0.04, 0, 1)
    image = darken(image, jnp.array([0.38, 0.24, 0.22]), 0.65 * line * shut * coverage(ends - 0.01, 0.02))
    for corner in (p[48], p[54]):
        d = jnp.sqrt((canvas.x - corner[0]) ** 2 + (canvas.y - corner[1]) ** 2 + 1e-12)
        image = darken(image, jnp.array([0.5, 0.38, 0.35]), 0.3 * jnp.maximum(1 - d / 0.07, 0))
    return image


def beard(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint beard and moustache, below a line from the sideburns to the upper lip. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    growth = face.appearance.beard
    p = seen.points
    line = jnp.stack(
        [
            p[1],
            seen.helper("sideburn_L"),
            p[48] + jnp.array([-0.06, -0.04]),
            0.35 * p[31] + 0.65 * p[49],
            0.55 * p[33] + 0.45 * p[51],
            0.35 * p[35] + 0.65 * p[53],
            p[54] + jnp.array([0.06, -0.04]),
            seen.helper("sideburn_R"),
            p[15],
        ]
    )
    axes = local_frame(p[48], p[54])
    top = curve(axes, line, axes.grid(canvas)[0], parts=2)
    u, v = axes.grid(canvas)
    edge = 0.06 + canvas.pixel
    grown = coverage(top - v + 0.012 * wave(5 * u), edge)
    half = 0.62 * axes.length
    near = coverage(jnp.abs(u - 0.5 * axes.length) - half, 0.12)
    low = coverage(p[57, 1] + 0.0 - canvas.y, 0.1)
    region = grown * (
        growth.cheeks * (1 - near) + near * (low * growth.chin + (1 - low) * growth.moustache * (1 - low))
    )
    # Below the lower lip many beards are bare, but for a tuft in the middle.
    below = p[57] + 0.35 * (seen.helper("pogonion") - p[57])
    bare = coverage(ellipse(canvas, below, 0.3 * axes.length, 0.08), 0.08 + canvas.pixel)
    tuft = coverage(jnp.abs(u - 0.5 * axes.length) - 0.05, 0.06)
    region = region * (1 - growth.bare * bare * (1 - tuft))
    hairs = 0.85 + 0.08 * wave(23 * u + 0.7 * wave(9 * v)) + 0.05 * wave(11 * v + 0.9 * wave(7 * u))
    return layer(image, growth.colour, growth.amount * jnp.clip(region, 0, 1) * hairs)


def hanging_beard(image: Planes, canvas: Canvas, face: SyntheticFace, seen: Projection) -> Planes:
    """Paint the part of a long beard that hangs below the chin, in front of the neck. Returns planes (3, H, W).

    Args:
        image: colour planes (3, H, W) to paint on.
        canvas: pixel coordinates, two grids (H, W).
        face: parameters of the face.
        seen: its projection.
    """
    growth, p = face.appearance.beard, seen.points
    half = 0.5 * jnp.maximum(p[11, 0] - p[5, 0], 0.2)
    centre = jnp.stack([(p[5, 0] + p[11, 0]) / 2, p[8, 1] - 0.1])
    edge = ellipse(canvas, centre, half, 0.1 + growth.length) + 0.015 * wave(4 * canvas.x)
    hairs = 0.8 + 0.12 * wave(17 * canvas.x + 0.8 * wave(3 * canvas.y))
    grown = jnp.minimum(growth.length / 0.05, 1) * growth.amount * growth.chin
    return layer(image, growth.colour[:, None, None] * hairs[None], grown * coverage(edge, 0.08 + canvas.pixel))
