"""Synthetic scenes for the face detector: faces of any size and roll over procedural backgrounds, and what looks alike.

`patches` renders cut-out faces (and heads that are no faces) once, `backgrounds` and `lookalikes` paint with NumPy and
OpenCV, and `compose` puts all of it into a picture with the boxes of the landmarks.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
