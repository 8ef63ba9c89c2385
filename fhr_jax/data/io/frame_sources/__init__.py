"""Frames in order, from wherever they come: a video file, numbered images, a camera, a URL or a pipe."""

from fhr_jax.data.io.frame_sources.opening import Live, open
from fhr_jax.data.io.frame_sources.source import Source

__all__ = ["Live", "Source", "open"]
