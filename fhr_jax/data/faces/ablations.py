"""Ablations: synthetic faces without one ingredient, to measure what it is worth (`experiments/faces_ablation.py`)."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp

from fhr_jax.data.faces.face import SyntheticFace


def _with_appearance(face: SyntheticFace, part: str, **values: object) -> SyntheticFace:
    """Replace fields of a part of the appearance; a number is broadcast to the shape of its field."""
    group = getattr(face.appearance, part)
    filled = {
        name: value if hasattr(value, "shape") else 0 * getattr(group, name) + value for name, value in values.items()
    }
    return face._replace(appearance=face.appearance._replace(**{part: group._replace(**filled)}))


def _without(face: SyntheticFace, name: str) -> SyntheticFace:
    return face._replace(**{name: 0 * getattr(face, name)})


def _background(face: SyntheticFace) -> SyntheticFace:
    """One plain colour behind the head."""
    scene = face.appearance.scene
    plain = jnp.broadcast_to(scene.coarse.mean(axis=(-2, -1), keepdims=True), scene.coarse.shape)
    return _with_appearance(face, "scene", coarse=plain, fine_amount=0.0, stripes=0.0, shape_amount=0.0)


def _neck(face: SyntheticFace) -> SyntheticFace:
    """One width and shade of the neck, no double chin."""
    neck = jnp.broadcast_to(jnp.array([0.56, 1.0, 0.4]), face.appearance.scene.neck.shape)
    return _with_appearance(face, "scene", neck=neck, jowl=0.0)


def _perspective(face: SyntheticFace) -> SyntheticFace:
    """All cameras far away."""
    return face._replace(view=face.view._replace(distance=0 * face.view.distance + 45.0))


def _pose(face: SyntheticFace) -> SyntheticFace:
    """Yaw, pitch and roll reduced to a third."""
    return face._replace(pose=face.pose / 3)


ABLATIONS: dict[str, Callable[[SyntheticFace], SyntheticFace]] = {
    "hair": partial(_with_appearance, part="hair", amount=0.0),
    "beard": partial(_with_appearance, part="beard", amount=0.0, over_lips=0.0),
    "glasses": partial(_with_appearance, part="glasses", amount=0.0),
    "occluder": partial(_with_appearance, part="occluder", amount=0.0),
    "background": _background,
    # Light from everywhere.
    "light": partial(_with_appearance, part="scene", ambient=0.9),
    "skin": partial(_with_appearance, part="skin", gloss=0.0, blush=0.0, mottle=0.0, age=0.0),
    # Colour on the lids.
    "makeup": partial(_with_appearance, part="features", makeup_amount=0.0),
    "neck": _neck,
    # Skin of one brightness, without normals and highlights.
    "shading": partial(_with_appearance, part="parts", shading=0.0),
    "ears": partial(_with_appearance, part="parts", ears=0.0),
    # Nostrils, edge and shadow of the nose; its silhouette and its bumps stay.
    "nose": partial(_with_appearance, part="parts", nose=0.0),
    # Skin where eyes, brows or mouth are.
    "eyes": partial(_with_appearance, part="parts", eyes=0.0),
    "brows": partial(_with_appearance, part="parts", brows=0.0),
    "mouth": partial(_with_appearance, part="parts", mouth=0.0),
    "teeth": partial(_with_appearance, part="features", teeth=0.0),
    "gaze": partial(_without, name="gaze"),
    "perspective": _perspective,
    "expression": partial(_without, name="expression"),
    "pose": _pose,
    "identity": partial(_without, name="identity"),
}
"""Name of an ingredient -> function from a face (a clip, or faces with a leading axis) to the same without it."""
