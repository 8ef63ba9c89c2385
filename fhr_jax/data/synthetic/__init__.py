"""Synthetic landmark tracks and clips: `tracks`, the noise of a detector (`detector_noise`), and `render_clip`."""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
