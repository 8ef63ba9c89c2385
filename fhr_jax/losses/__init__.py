"""Loss functions: of heatmaps (for the network) and of tracks (for the stabilizer)."""

from fhr_jax.losses.maps import as_heatmaps, cross_entropy, squared_error
from fhr_jax.losses.temporal import Stabilization, stabilization

__all__ = ["Stabilization", "as_heatmaps", "cross_entropy", "squared_error", "stabilization"]
