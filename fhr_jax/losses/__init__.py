"""Loss functions: of heatmaps (for the network) and of tracks (for the stabilizer)."""

from fhr_jax.losses.maps import cross_entropy, squared_error
from fhr_jax.losses.temporal import Stabilization, Terms, stabilization, stabilization_terms

__all__ = [
    "Stabilization",
    "Terms",
    "cross_entropy",
    "squared_error",
    "stabilization",
    "stabilization_terms",
]
