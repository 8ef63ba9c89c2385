"""The scale matrix of an error from the covariance of a peak, by eigenvectors, in float64."""

import numpy as np


def scale_matrix(log_scale, exponent, saturation, anisotropy, peak_covariance):
    """S for one landmark, as the docstring of `fhr_jax.heatmap.calibration` defines it."""
    values, vectors = np.linalg.eigh(np.asarray(peak_covariance, np.float64))
    t = np.log(values).mean()
    growth = exponent * (t if saturation == 0 else (1 - np.exp(-saturation * t)) / saturation)
    relative = np.exp(anisotropy * (np.log(values) - t))
    return np.exp(log_scale + growth) * vectors @ np.diag(relative) @ vectors.T
