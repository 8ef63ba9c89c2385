"""Synthetic faces: parameters, pictures with exact landmarks, clips. Pure JAX, all our own.

    face = fill(sample(key))            # a training crop
    image, points, visible = render(face, size=128)

`face` defines the parameters, `anatomy` the mean head and how it varies, `shape` turns and projects it, `sample` and
`looks` draw parameters, `motion` makes clips, `camera` crops, `render` paints with the other modules in layers,
`switches` leaves ingredients out.
"""

from fhr_jax.data.faces.camera import Jitter, fill, mirror
from fhr_jax.data.faces.face import Appearance, Face, Rendering, View
from fhr_jax.data.faces.motion import clip
from fhr_jax.data.faces.render import landmarks, render
from fhr_jax.data.faces.sample import sample
from fhr_jax.data.faces.switches import WITHOUT

__all__ = [
    "WITHOUT",
    "Appearance",
    "Face",
    "Jitter",
    "Rendering",
    "View",
    "clip",
    "fill",
    "landmarks",
    "mirror",
    "render",
    "sample",
]
