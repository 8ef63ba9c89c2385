"""Figures of results as PNG files: the only place that knows matplotlib.

Every function takes arrays and a path, draws on a figure of its own (no global state, no display), and
writes the file whole or not at all. Colours are told apart by colour-blind readers (Okabe and Ito), lines
also by their dashes.
"""

from fhr_jax.plots.accuracy import accuracy_stability, ced, scale_table
from fhr_jax.plots.comparisons import bars, contours, sweeps
from fhr_jax.plots.pictures import averaged_maps, decoding, faces
from fhr_jax.plots.time_series import loss_history, training, trajectories

__all__ = [
    "accuracy_stability",
    "averaged_maps",
    "bars",
    "ced",
    "contours",
    "decoding",
    "faces",
    "loss_history",
    "scale_table",
    "sweeps",
    "training",
    "trajectories",
]
