"""Landmarks to heatmaps and back, without losing the fraction of a pixel (Eq. 1-4).

`encode` draws one Gaussian per landmark, `decode` finds its centre with one of ten decoders, and `confidence` measures
the height and the width of the peak. The files follow the data:

* `encoding`: points to heatmaps.
* `peak`: the maximum of a map, and the window around it that everything else reads.
* `log_ratios`: the logarithms of that window relative to the peak, from heatmaps or from logits.
* `neighbours`: decoders that read the peak and one or two neighbours along each axis.
* `windowed`: decoders that read more pixels.
* `maximum_likelihood`: the Gaussian that explains a window best.
* `decoding`: checks the arguments, calls the decoder and bounds its result.
* `gaussian_fit`: that Gaussian with its height, its noise and the covariance of its centre.
* `peak_covariance`: `confidence`.
* `calibration`: from the covariance of a peak to the covariance of the landmark's error.
* `cramer_rao`: the lowest error that any unbiased decoder can have.
* `mean_heatmap`: the mean of many maps about their landmarks (Fig. 4).
"""

from fhr_jax.heatmap.calibration import Calibration, confidence_weights, error_covariance
from fhr_jax.heatmap.cramer_rao import cramer_rao
from fhr_jax.heatmap.decoding import DECODERS, Decoder, decode
from fhr_jax.heatmap.encoding import encode
from fhr_jax.heatmap.gaussian_fit import GaussianFit, fit_gaussians
from fhr_jax.heatmap.mean_heatmap import MeanHeatmap, mean_heatmap
from fhr_jax.heatmap.peak_covariance import Confidence, confidence

__all__ = [
    "DECODERS",
    "Calibration",
    "Confidence",
    "Decoder",
    "GaussianFit",
    "MeanHeatmap",
    "confidence",
    "confidence_weights",
    "cramer_rao",
    "decode",
    "encode",
    "error_covariance",
    "fit_gaussians",
    "mean_heatmap",
]
