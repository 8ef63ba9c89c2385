"""Loss functions: of heatmaps (for the network) and of tracks (for the stabilizer)."""

from fhr_jax.losses.maps import as_heatmaps, cross_entropy, squared_error
from fhr_jax.losses.temporal import Stabilization, Terms, stabilization, stabilization_terms

__all__ = [
    "Stabilization",
    "Terms",
    "as_heatmaps",
    "cross_entropy",
    "squared_error",
    "stabilization",
    "stabilization_terms",
]
