"""The shape of a head: from parameters to 3D points, and from there to the frame."""

from typing import NamedTuple

import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.face import SyntheticFace, View


class Projection(NamedTuple):
    """A projected head before roll, scale and shift: head units, x right, y down.

    Attributes:
        points: (68, 2) landmarks, the jaw moved to the visible outline.
        depth: (68,) z of the landmarks after the rotation.
        helpers: (H, 2) helper points; row `anatomy.HELPERS[name]` - 68.
        crown: (9, 2) outline above the jaw, from the left temple over the top to the right one.
        rotation: (3, 3) of the head.
        distance: of the camera.
    """

    points: Float[Array, "68 2"]
    depth: Float[Array, "68"]
    helpers: Float[Array, "helpers 2"]
    crown: Float[Array, "crown 2"]
    rotation: Float[Array, "3 3"]
    distance: Float[Array, ""]

    def helper(self, name: str) -> Float[Array, "2"]:
        """A helper point (2,) by its name."""
        return self.helpers[anatomy.HELPERS[name] - 68]


def head(identity: Float[Array, "k"], expression: Float[Array, "e"]) -> Float[Array, "n 3"]:
    """The 68 landmarks, then the helper points, (N, 3) in head units: mean + identity (K,) + expression (E,)."""
    dtype = identity.dtype
    shape = jnp.asarray(anatomy.MEAN, dtype)
    shape = shape + jnp.einsum("k,knd->nd", identity, jnp.asarray(anatomy.IDENTITY, dtype), precision=Precision.HIGHEST)
    modes = jnp.asarray(anatomy.EXPRESSION, dtype)
    return shape + jnp.einsum("k,knd->nd", expression, modes, precision=Precision.HIGHEST)


def rotation(yaw: Float[Array, ""], pitch: Float[Array, ""]) -> Float[Array, "3 3"]:
    """The rotation (3, 3) from head to camera axes: yaw () about the vertical axis, then pitch (), in radians."""
    cy, sy, cp, sp = jnp.cos(yaw), jnp.sin(yaw), jnp.cos(pitch), jnp.sin(pitch)
    zero, one = 0 * yaw, 1 + 0 * yaw
    turn = jnp.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy]).reshape(3, 3)
    bow = jnp.stack([one, zero, zero, zero, cp, sp, zero, -sp, cp]).reshape(3, 3)
    return jnp.matmul(bow, turn, precision=Precision.HIGHEST)


def rotate(points: Float[Array, "n 3"], matrix: Float[Array, "3 3"]) -> Float[Array, "n 3"]:
    """Rotate points (N, 3), head units, about the middle of the head by a matrix (3, 3)."""
    centre = jnp.asarray(anatomy.TURN_CENTRE, points.dtype)[None]
    return jnp.matmul(points - centre, matrix.T, precision=Precision.HIGHEST) + centre


def perspective(points: Float[Array, "n 3"], distance: Float[Array, ""]) -> Float[Array, "n 2"]:
    """Central projection (N, 2) of points (N, 3) to a camera at `distance` (), in head units; z = 0 keeps x and y."""
    return points[:, :2] * (distance / (distance - points[:, 2]))[:, None]


def outline(rim: Float[Array, "n 3"], front: Float[Array, "n"], yaw: Float[Array, ""]) -> Float[Array, "n 3"]:
    """Move outline points of one side along the head to the visible outline.

    A horizontal section through the head is an ellipse from the rim (x, z) to the front of the face (0, front). On the
    far side the visible outline is its tangent point. On the near side human annotators stay at the rim, before the
    ear.

    Args:
        rim: points (N, 3); the sign of x tells the side.
        front: z of the front of the face at the height of each point, (N,).
        yaw: of the head in radians, ().
    """
    across, deep = jnp.abs(rim[:, 0]), jnp.maximum(front - rim[:, 2], 0.02)
    away = jnp.sign(rim[:, 0]) * jnp.sin(yaw)
    angle = jnp.arctan2(across * jnp.cos(yaw) + 1e-6, deep * jnp.maximum(away, 0))
    return jnp.stack([rim[:, 0] * jnp.sin(angle), rim[:, 1], rim[:, 2] + deep * jnp.cos(angle)], axis=1)


def slide(jaw: Float[Array, "17 3"], yaw: Float[Array, ""], pitch: Float[Array, ""]) -> Float[Array, "17 3"]:
    """Move contour points (17, 3) along the contour as annotators do, who spread them over its visible part.

    On the far side, where the cheek hides the jaw, the middle points move up; on the near side they move down; on a
    bowed head, whose jaw is foreshortened, all move down. The amount is `anatomy.CONTOUR_SLIDE` times the sine of
    `yaw` () and `anatomy.CONTOUR_BOW` times that of `pitch` (), radians.
    """
    turned, bowed = jnp.asarray(anatomy.CONTOUR_SLIDE, jaw.dtype), jnp.asarray(anatomy.CONTOUR_BOW, jaw.dtype)

    def half(side: Float[Array, "9 3"], away: Float[Array, ""]) -> Float[Array, "9 3"]:
        segments = side[1:] - side[:-1]
        after, before = jnp.concatenate([segments, segments[-1:]]), jnp.concatenate([segments[:1], segments])
        by = (turned * away + bowed * jnp.sin(pitch))[:, None]
        return side + jnp.maximum(by, 0) * after + jnp.minimum(by, 0) * before

    left, right = half(jaw[:9], -jnp.sin(yaw)), half(jaw[:7:-1], jnp.sin(yaw))
    return jnp.concatenate([left, right[-2::-1]])


def contour(jaw: Float[Array, "17 3"], yaw: Float[Array, ""], pitch: Float[Array, ""]) -> Float[Array, "17 3"]:
    """Jaw points (17, 3), head units, moved along the contour and around the head by `yaw` and `pitch` (), radians."""
    front = jnp.asarray(anatomy.CONTOUR_FRONT, jaw.dtype)
    return outline(slide(jaw, yaw, pitch), jnp.concatenate([front, front[-2::-1]]), yaw)


def project(face: SyntheticFace) -> Projection:
    """Shape, rotate and project one face (no frame axis)."""
    points = head(face.identity, face.expression)
    yaw, pitch = face.pose[0], face.pose[1]
    jaw = contour(points[:17], yaw, pitch)
    right = jnp.asarray(anatomy.CROWN, points.dtype)
    width = (points[16, 0] - points[0, 0]) / 2 / anatomy.MEAN[16, 0]
    rim = right[:, :3] * jnp.stack([width, 1 + 0 * width, 1 + 0 * width])[None]
    left = rim * jnp.array([[-1.0, 1.0, 1.0]], points.dtype)
    top = jnp.asarray(anatomy.CROWN_TOP, points.dtype)[None]
    crown = jnp.concatenate([outline(left, right[:, 3], yaw), top, outline(rim, right[:, 3], yaw)[::-1]])
    matrix = rotation(yaw, pitch)
    everything = rotate(jnp.concatenate([jaw, points[17:], crown]), matrix)
    flat = perspective(everything, face.view.distance)
    n = len(anatomy.MEAN)
    return Projection(flat[:68], everything[:68, 2], flat[68:n], flat[n:], matrix, face.view.distance)


def to_frame(points: Float[Array, "n 2"], roll: Float[Array, ""], view: View) -> Float[Array, "n 2"]:
    """Points (N, 2) from head units to fractions of the frame, with roll () in radians."""
    cos, sin = jnp.cos(roll), jnp.sin(roll)
    x, y = points[:, 0], points[:, 1]
    turned_points = jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=1) * view.scale
    placed = turned_points + view.centre[None]
    return jnp.stack([0.5 + view.mirror * (placed[:, 0] - 0.5), placed[:, 1]], axis=1)


def from_frame(x: Array, y: Array, roll: Float[Array, ""], view: View) -> tuple[Array, Array]:
    """The inverse of `to_frame`, for grids of any shape.

    Args:
        x: fractions of the frame, to the right, such as (1, W).
        y: fractions of the frame, down, such as (H, 1).
        roll: of the head in radians, ().
        view: the camera.

    Returns:
        x and y in head units, broadcast to (H, W).
    """
    cos, sin = jnp.cos(roll), jnp.sin(roll)
    x = (0.5 + view.mirror * (x - 0.5) - view.centre[0]) / view.scale
    y = (y - view.centre[1]) / view.scale
    return cos * x + sin * y, cos * y - sin * x
