"""What experiments and the demo share: protocol, scores, tuned baselines, comparisons. The library never imports it."""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
