"""Synthetic faces: parameters, images with exact landmarks, and clips. Pure JAX; no third-party data or model.

    face = fill(sample(key))            # a training crop
    image, points, visible = render(face, size=128)

Parameters: `face` defines them, `sample` and `appearance` draw them at random (through `random_draws`), `motion` makes
clips, `ablations` removes ingredients. Geometry: `anatomy` is the mean head and how it varies, `shape` rotates and
projects it, `camera` moves the camera, `silhouette` finds the edge of the face and hidden landmarks. Painting: `render`
paints with `background`, `hair`, `skin`, `features` and `accessories`, in layers, using the primitives of `paint`.
"""

from fhr_jax.data.faces.ablations import ABLATIONS
from fhr_jax.data.faces.camera import CameraJitter, fill, mirror
from fhr_jax.data.faces.face import Appearance, Rendering, SyntheticFace, View
from fhr_jax.data.faces.motion import clip
from fhr_jax.data.faces.render import landmarks, render
from fhr_jax.data.faces.sample import sample

__all__ = [
    "ABLATIONS",
    "Appearance",
    "CameraJitter",
    "Rendering",
    "SyntheticFace",
    "View",
    "clip",
    "fill",
    "landmarks",
    "mirror",
    "render",
    "sample",
]
