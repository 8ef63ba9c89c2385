"""Landmarks as heatmaps and back, without losing the fraction of a pixel (Eq. 1-4).

`encode` draws one Gaussian a landmark, `decode` finds its centre by one of several methods, and `confidence`
says how high and how wide the peak is. Files follow the data: `encoding`, `peak` (where the maximum is, and
the small window around it that everything else reads), `ratios` (what is read there, of maps or of logits), the
decoders (`cross`: three or five values, `windowed`: more), `decoding` (which guards and dispatches), `shape`
(confidence), `calibration` (what confidence says of the error in pixels), `bound` (how exact a decoder can be),
`averaging` (`average`: what many maps look like about their landmarks).
"""

from fhr_jax.heatmap.calibration import Calibration, confidence_weights, error_covariance
from fhr_jax.heatmap.cramer_rao import cramer_rao
from fhr_jax.heatmap.decoding import METHODS, Method, decode
from fhr_jax.heatmap.encoding import encode
from fhr_jax.heatmap.mean_heatmap import MeanHeatmap, mean_heatmap
from fhr_jax.heatmap.peak_covariance import Confidence, confidence

__all__ = [
    "METHODS",
    "Calibration",
    "Confidence",
    "MeanHeatmap",
    "Method",
    "confidence",
    "confidence_weights",
    "cramer_rao",
    "decode",
    "encode",
    "error_covariance",
    "mean_heatmap",
]
