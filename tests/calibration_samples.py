"""A known calibration, and peaks and errors drawn from it."""

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import calibrate
from fhr_jax.heatmap import Calibration, calibration

LANDMARKS = 4

scale_matrix = jax.jit(calibration.scale_matrix)


def make_calibration(**changes):
    values = {"exponent": 4.0, "saturation": 0.7, "anisotropy": 2.0, "dof": 8.0, "typical": 1.5} | changes
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    return Calibration(log_scale=jnp.asarray(np.linspace(-0.5, 0.7, LANDMARKS), jnp.float32), **arrays)


def peak_covariances(count, seed=0):
    """Like those of real peaks, (N, M, 2, 2): a little above the identity, some of them turned."""
    rng = np.random.default_rng(seed)
    smear = 0.4 * rng.normal(size=(count, LANDMARKS, 2, 2)) ** 2 * rng.uniform(size=(count, LANDMARKS, 1, 1))
    return (0.95 * np.eye(2) + smear @ smear.swapaxes(-1, -2)).astype(np.float32)


def sample_errors(truth, count, seed=0):
    """Errors drawn from the model: t = normal / sqrt(chi^2 / dof)."""
    rng = np.random.default_rng(seed + 1)
    peaks = peak_covariances(count, seed)
    root = np.linalg.cholesky(np.asarray(scale_matrix(truth, jnp.asarray(peaks)), np.float64))
    normal = rng.normal(size=(count, LANDMARKS, 2, 1)) / np.sqrt(
        rng.chisquare(float(truth.dof), size=(count, LANDMARKS, 1, 1)) / float(truth.dof)
    )
    return calibrate.CalibrationData(peaks, (root @ normal)[..., 0].astype(np.float32))
