"""Calibration: how large the errors of a net are, given how wide its peaks are, fitted by likelihood on held-out faces.

`heatmap.calibration` holds the model; here are the faces, the fit, and the check on other faces.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jaxtyping import Array, Float, PRNGKeyArray

from fhr_jax import heatmap, pipeline
from fhr_jax.data import examples
from fhr_jax.data.examples import Examples
from fhr_jax.heatmap import Calibration, calibration
from fhr_jax.weights import Net

FACES = 512
"""So many synthetic faces are enough for a fit: twice as many change the likelihood on others by 0.002 nats."""
FEWEST = 32
"""Fewer faces tell too little to fit anything."""
SPREAD_OF_LEVELS = 0.5
"""Prior standard deviation of a landmark's level about the mean of all: a few faces cannot tell landmarks apart."""


class Seen(NamedTuple):
    """What a net found on N faces, mirrored and with the default decoder.

    Attributes:
        spread: covariance of its peaks (N, M, 2, 2) in units of sigma^2.
        errors: (N, M, 2), found minus true, in crop pixels.
    """

    spread: Float[np.ndarray, "n m 2 2"]
    errors: Float[np.ndarray, "n m 2"]


class Reliability(NamedTuple):
    """Predicted against actual errors, in groups of equal numbers by predicted size.

    Attributes:
        predicted: (G,) root mean square of the predicted standard deviations of a coordinate, crop pixels.
        actual: (G,) root mean square error of a coordinate.
        shares: (K,) for which ellipses were drawn.
        coverage: (G, K) share of the landmarks inside of them; as large as `shares` if calibrated.
        log_likelihood: mean over landmarks, nats.
    """

    predicted: Float[np.ndarray, " g"]
    actual: Float[np.ndarray, " g"]
    shares: Float[np.ndarray, " k"]
    coverage: Float[np.ndarray, "g k"]
    log_likelihood: float


def synthetic(key: PRNGKeyArray, size: int, *, faces: int = FACES) -> Iterator[Examples]:
    """Synthetic faces as training sees them, moved and degraded, a batch at a time.

    Args:
        key: of the faces; not that of the training, so that they are others.
        size: side of the crops in pixels.
        faces: their number, rounded up to whole batches.
    """
    face_key, step_key = jax.random.split(key)
    prepare, batch = examples.rendered(face_key, size), np.arange(examples.BATCH, dtype=np.uint32)
    for step in range(-(-faces // examples.BATCH)):
        yield prepare(jax.random.fold_in(step_key, step), {"index": batch + step * examples.BATCH})


def look(net: Net, faces: Iterable[Examples]) -> Seen:
    """Run a net on faces whose landmarks are known."""
    bare, config, parts = net._replace(calibration=None), net.config, []
    unit = (config.sigma * config.crop / config.heatmap) ** 2
    for part in faces:
        found = pipeline.predict_all(bare, part.images)
        parts.append(Seen(np.asarray(found.covariance) / unit, np.asarray(found.points - part.points)))
    return Seen(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def fit(seen: Seen) -> Calibration:
    """The numbers under which the errors are likeliest, with a weak prior on differences between landmarks."""
    spread, errors = jnp.asarray(seen.spread, jnp.float32), jnp.asarray(seen.errors, jnp.float32)
    landmarks = errors.shape[1]

    def numbers(free: Array) -> Calibration:
        (mean, size, bend, shape, tail), off = free[:5], free[5:] - free[5:].mean()
        return Calibration(mean + off, size, bend, shape, 2 + jnp.exp(tail), jnp.ones(()))

    @jax.jit
    @jax.value_and_grad
    def objective(free: Array) -> Array:
        likelihood = calibration.log_likelihood(numbers(free), spread, errors).mean()
        surprise = (free[5:] ** 2).sum() / SPREAD_OF_LEVELS**2 + (free[1:5] ** 2).sum() / 10**2
        return surprise / 2 / (errors.shape[0] * landmarks) - likelihood

    def in_double(free: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(jnp.asarray(free, jnp.float32))
        return float(value), np.asarray(gradient, np.float64)

    mean_square = float((errors**2).mean())
    start = np.concatenate([[np.log(max(mean_square, 1e-6) / 2), 1.0, 0.1, 1.0, 1.0], np.zeros(landmarks)])
    found = scipy.optimize.minimize(in_double, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    result = numbers(jnp.asarray(found.x, jnp.float32))
    variance = calibration.variance(heatmap.error_covariance(result, spread))
    return result._replace(typical=jnp.median(variance))


def calibrated(net: Net, faces: Iterable[Examples]) -> Net:
    """The net with a calibration fitted on these faces, or without one if they are fewer than `FEWEST`."""
    seen = look(net, faces)
    return net._replace(calibration=fit(seen) if len(seen.errors) >= FEWEST else None)


def reliability(
    fitted: Calibration, seen: Seen, *, groups: int = 5, shares: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95)
) -> Reliability:
    """Compare predictions with errors on faces that were not fitted on."""
    spread, errors = jnp.asarray(seen.spread), jnp.asarray(seen.errors)
    covariance = heatmap.error_covariance(fitted, spread)
    variance = np.asarray(calibration.variance(covariance), np.float64).ravel()
    distance = np.asarray(calibration.squared_distance(covariance, errors)).ravel()
    square = (np.asarray(errors, np.float64) ** 2).mean(axis=-1).ravel()
    parts = np.array_split(np.argsort(variance, kind="stable"), groups)
    limits = [float(calibration.quantile(fitted.tail, share)) for share in shares]
    return Reliability(
        np.sqrt([variance[part].mean() for part in parts]),
        np.sqrt([square[part].mean() for part in parts]),
        np.asarray(shares),
        np.array([[(distance[part] <= limit).mean() for limit in limits] for part in parts]),
        float(calibration.log_likelihood(fitted, spread, errors).mean()),
    )


def constant_log_likelihood(seen: Seen, others: Seen) -> float:
    """What `reliability` is to beat: a Gaussian a landmark, of the covariance on `seen`, on the errors of `others`."""
    count = len(seen.errors)
    matrices = np.einsum("nmi,nmj->mij", seen.errors, seen.errors, dtype=np.float64) / count
    square = np.einsum("nmi,mij,nmj->nm", others.errors, np.linalg.inv(matrices), others.errors)
    surprise = square.mean() / 2 + np.log(np.linalg.det(matrices)).mean() / 2
    return float(-surprise - np.log(2 * np.pi))
