"""Figures of results, and the only place that imports matplotlib.

Each function takes arrays and returns a Matplotlib `Figure`. With `axes=` it draws into axes of your own and returns
their figure. No function opens a window, changes global settings or writes a file; `save` writes the PNG:

    plots.save("ced.png", plots.ced({"net": errors}))

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; lines also differ by their dashes.

- `accuracy`: cumulative errors, errors by face size, accuracy against stability, offsets of landmarks
- `time_series`: landmarks over frames, losses over time and over updates
- `pictures`: faces with landmarks, heatmaps
- `comparisons`: bars of methods, parameter sweeps, contours
- `style`: colours, axes, legends, and `save`
"""

from fhr_jax.plots.accuracy import accuracy_stability, ced, offsets, scale_table
from fhr_jax.plots.comparisons import bars, contours, sweeps
from fhr_jax.plots.pictures import decoding, faces, mean_heatmaps
from fhr_jax.plots.style import save
from fhr_jax.plots.time_series import loss_history, training_loss, trajectories

__all__ = [
    "accuracy_stability",
    "bars",
    "ced",
    "contours",
    "decoding",
    "faces",
    "loss_history",
    "mean_heatmaps",
    "offsets",
    "save",
    "scale_table",
    "sweeps",
    "training_loss",
    "trajectories",
]
