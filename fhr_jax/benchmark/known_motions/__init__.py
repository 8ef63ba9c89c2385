"""Motions of a face that are known exactly: how far a filter is off, beside One Euro, motion by motion."""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
