"""What was measured, in words, as tables and as figures: `calibration` of a net, and errors by `regions`."""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
