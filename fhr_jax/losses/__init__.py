"""Loss functions: of heatmaps (for the network) and of tracks (for the stabilizer)."""

from fhr_jax.losses.maps import as_heatmaps, cross_entropy, squared_error

__all__ = ["as_heatmaps", "cross_entropy", "squared_error"]
