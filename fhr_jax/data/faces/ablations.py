"""Leaving ingredients out of synthetic faces, to learn what each is worth (`experiments/faces_ablation.py`)."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp

from fhr_jax.data.faces.face import SyntheticFace


def _looks(face: SyntheticFace, part: str, **values: object) -> SyntheticFace:
    """Fields of a part of the appearance, a number filling the field's shape."""
    group = getattr(face.appearance, part)
    filled = {
        name: value if hasattr(value, "shape") else 0 * getattr(group, name) + value for name, value in values.items()
    }
    return face._replace(appearance=face.appearance._replace(**{part: group._replace(**filled)}))


def _zero(face: SyntheticFace, name: str) -> SyntheticFace:
    return face._replace(**{name: 0 * getattr(face, name)})


def _background(face: SyntheticFace) -> SyntheticFace:
    """One colour a picture behind the head."""
    scene = face.appearance.scene
    plain = jnp.broadcast_to(scene.coarse.mean(axis=(-2, -1), keepdims=True), scene.coarse.shape)
    return _looks(face, "scene", coarse=plain, fine_amount=0.0, stripes=0.0, shape_amount=0.0)


def _neck(face: SyntheticFace) -> SyntheticFace:
    """One width and shade of the neck, no double chin."""
    neck = jnp.broadcast_to(jnp.array([0.56, 1.0, 0.4]), face.appearance.scene.neck.shape)
    return _looks(face, "scene", neck=neck, jowl=0.0)


def _perspective(face: SyntheticFace) -> SyntheticFace:
    """Every camera is far away."""
    return face._replace(view=face.view._replace(distance=0 * face.view.distance + 45.0))


def _pose(face: SyntheticFace) -> SyntheticFace:
    """Heads turned, bowed and tilted a third as far."""
    return face._replace(pose=face.pose / 3)


ABLATIONS: dict[str, Callable[[SyntheticFace], SyntheticFace]] = {
    "hair": partial(_looks, part="hair", amount=0.0),
    "beard": partial(_looks, part="beard", amount=0.0),
    "glasses": partial(_looks, part="glasses", amount=0.0),
    "occluder": partial(_looks, part="occluder", amount=0.0),
    "background": _background,
    # Light from everywhere.
    "light": partial(_looks, part="scene", ambient=0.9),
    "skin": partial(_looks, part="skin", gloss=0.0, blush=0.0, mottle=0.0, age=0.0),
    # Colour on the lids.
    "makeup": partial(_looks, part="features", makeup_amount=0.0),
    "neck": _neck,
    # Skin of one brightness, without normals and highlights.
    "shading": partial(_looks, part="parts", shading=0.0),
    "ears": partial(_looks, part="parts", ears=0.0),
    # Nostrils, edge and shadow of the nose; its silhouette and its bumps stay.
    "nose": partial(_looks, part="parts", nose=0.0),
    # Skin where eyes, brows or mouth are.
    "eyes": partial(_looks, part="parts", eyes=0.0),
    "brows": partial(_looks, part="parts", brows=0.0),
    "mouth": partial(_looks, part="parts", mouth=0.0),
    "teeth": partial(_looks, part="features", teeth=0.0),
    "gaze": partial(_zero, name="gaze"),
    "perspective": _perspective,
    "expression": partial(_zero, name="expression"),
    "pose": _pose,
    "identity": partial(_zero, name="identity"),
}
"""Name of an ingredient -> the face (or clip, or faces with a leading axis) without it."""
