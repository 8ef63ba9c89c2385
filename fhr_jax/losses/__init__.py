"""Loss functions: on heatmaps (to train the network) and on tracks (to fit the stabilizer)."""

from fhr_jax.losses.detection import detection_loss
from fhr_jax.losses.maps import cross_entropy, squared_error
from fhr_jax.losses.temporal import (
    PAPER_WEIGHTS,
    FrameTerms,
    LossWeights,
    StabilizationLoss,
    stabilization,
    stabilization_terms,
)

__all__ = [
    "PAPER_WEIGHTS",
    "FrameTerms",
    "LossWeights",
    "StabilizationLoss",
    "cross_entropy",
    "detection_loss",
    "squared_error",
    "stabilization",
    "stabilization_terms",
]
