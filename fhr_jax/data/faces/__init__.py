"""Synthetic faces: parameters, exact landmarks, pictures, clips. All ours, pure JAX."""

from fhr_jax.data.faces.camera import Jitter, fill
from fhr_jax.data.faces.face import Appearance, Face, Rendering, View
from fhr_jax.data.faces.render import landmarks, render
from fhr_jax.data.faces.sample import sample

__all__ = ["Appearance", "Face", "Jitter", "Rendering", "View", "fill", "landmarks", "render", "sample"]
