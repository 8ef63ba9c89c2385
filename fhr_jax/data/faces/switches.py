"""Leaving ingredients out of synthetic faces, to learn what each is worth (`experiments/faces_ablation.py`)."""

from collections.abc import Callable

import jax.numpy as jnp

from fhr_jax.data.faces.face import Face


def _hair(face: Face) -> Face:
    """Bald."""
    return _looks(face, "hair", amount=0.0)


def _beard(face: Face) -> Face:
    """No beard, stubble or moustache."""
    return _looks(face, "beard", amount=0.0)


def _glasses(face: Face) -> Face:
    """No glasses."""
    return _looks(face, "glasses", amount=0.0)


def _occluder(face: Face) -> Face:
    """Nothing before the face."""
    return _looks(face, "occluder", amount=0.0)


def _background(face: Face) -> Face:
    """One colour a picture behind the head."""
    scene = face.appearance.scene
    plain = jnp.broadcast_to(scene.coarse.mean(axis=(-2, -1), keepdims=True), scene.coarse.shape)
    return _looks(face, "scene", coarse=plain, fine_amount=0.0, stripes=0.0, shape_amount=0.0)


def _light(face: Face) -> Face:
    """Even light from everywhere."""
    return _looks(face, "scene", ambient=0.9)


def _skin(face: Face) -> Face:
    """No highlights, blush, texture or wrinkles."""
    return _looks(face, "skin", gloss=0.0, blush=0.0, mottle=0.0, age=0.0)


def _makeup(face: Face) -> Face:
    """No colour on the lids."""
    return _looks(face, "features", makeup_amount=0.0)


def _neck(face: Face) -> Face:
    """One width and shade of the neck, no double chin."""
    neck = jnp.broadcast_to(jnp.array([0.56, 1.0, 0.4]), face.appearance.scene.neck.shape)
    return _looks(face, "scene", neck=neck, jowl=0.0)


def _shading(face: Face) -> Face:
    """Skin of one brightness: no normals, no highlights."""
    return _looks(face, "parts", shading=0.0)


def _ears(face: Face) -> Face:
    """No ears."""
    return _looks(face, "parts", ears=0.0)


def _nose(face: Face) -> Face:
    """No nostrils, edge or shadow of the nose; its silhouette and its bumps stay."""
    return _looks(face, "parts", nose=0.0)


def _eyes(face: Face) -> Face:
    """Nothing but skin where the eyes are."""
    return _looks(face, "parts", eyes=0.0)


def _brows(face: Face) -> Face:
    """No brows."""
    return _looks(face, "parts", brows=0.0)


def _mouth(face: Face) -> Face:
    """Nothing but skin where the mouth is."""
    return _looks(face, "parts", mouth=0.0)


def _teeth(face: Face) -> Face:
    """Open mouths are dark."""
    return _looks(face, "features", teeth=0.0)


def _gaze(face: Face) -> Face:
    """Eyes look where the head does."""
    return face._replace(gaze=0 * face.gaze)


def _perspective(face: Face) -> Face:
    """Every camera is far away."""
    return face._replace(view=face.view._replace(distance=0 * face.view.distance + 45.0))


def _expression(face: Face) -> Face:
    """Faces at rest."""
    return face._replace(expression=0 * face.expression)


def _pose(face: Face) -> Face:
    """Heads turned, bowed and tilted a third as far."""
    return face._replace(pose=face.pose / 3)


def _identity(face: Face) -> Face:
    """Everybody has the mean head."""
    return face._replace(identity=0 * face.identity)


WITHOUT: dict[str, Callable[[Face], Face]] = {
    "hair": _hair,
    "beard": _beard,
    "glasses": _glasses,
    "occluder": _occluder,
    "background": _background,
    "light": _light,
    "skin": _skin,
    "makeup": _makeup,
    "neck": _neck,
    "shading": _shading,
    "ears": _ears,
    "nose": _nose,
    "eyes": _eyes,
    "brows": _brows,
    "mouth": _mouth,
    "teeth": _teeth,
    "gaze": _gaze,
    "perspective": _perspective,
    "expression": _expression,
    "pose": _pose,
    "identity": _identity,
}
"""Name of an ingredient -> the face (or clip, or faces with a leading axis) without it."""


def _looks(face: Face, part: str, **values: object) -> Face:
    """Fields of a part of the appearance, a number filling the field's shape."""
    group = getattr(face.appearance, part)
    filled = {
        name: value if hasattr(value, "shape") else 0 * getattr(group, name) + value for name, value in values.items()
    }
    return face._replace(appearance=face.appearance._replace(**{part: group._replace(**filled)}))
