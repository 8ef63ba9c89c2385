"""Synthetic faces: parameters, pictures with exact landmarks, clips. Pure JAX, all our own.

    face = fill(sample(key))            # a training crop
    image, points, visible = render(face, size=128)

`face` defines the parameters, `anatomy` the mean head and how it varies, `shape` turns and projects it, `sample` and
`looks` draw parameters, `motion` makes clips, `camera` crops, `render` paints with the other modules in layers,
`switches` leaves ingredients out.
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
