"""The covariance of an error from the spread of a peak, by eigenvectors, in float64."""

import numpy as np


def scale(level, size, bend, shape, spread):
    """S = exp(level + size (1 - e^(-bend t)) / bend) (C / sqrt det C)^shape, t = ln(det C) / 2, for one landmark."""
    values, vectors = np.linalg.eigh(np.asarray(spread, np.float64))
    t = np.log(values).mean()
    grown = size * (t if bend == 0 else (1 - np.exp(-bend * t)) / bend)
    relative = np.exp(shape * (np.log(values) - t))
    return np.exp(level + grown) * vectors @ np.diag(relative) @ vectors.T
