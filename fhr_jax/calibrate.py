"""Calibration: the size of a net's errors given the covariance of its peaks, fitted by likelihood on held-out faces.

`heatmap.calibration` holds the model; this module holds the faces, the fit, and the check on other faces.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fhr_jax import heatmap, pipeline
from fhr_jax.data import examples
from fhr_jax.data.crops import Crops
from fhr_jax.data.examples import Examples
from fhr_jax.data.records import Identity, Records, encoded, identity
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Calibration, calibration
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.weights import Net

FACES = 512
"""Number of synthetic faces for a fit. Twice as many change the likelihood on other faces by 0.002 nats."""
MIN_FACES = 32
"""With fewer faces nothing is fitted."""
LOG_SCALE_PRIOR = 0.5
"""Prior standard deviation of a landmark's log_scale about the mean of all, since few faces do not determine it."""


class CalibrationData(NamedTuple):
    """Peaks and errors of a net on N faces, mirror-averaged if its markup allows, and with the default decoder.

    Attributes:
        peak_covariance: covariance of the peaks (N, M, 2, 2) in units of sigma^2.
        errors: (N, M, 2), predicted minus true, in crop pixels.
    """

    peak_covariance: Float[np.ndarray, "n m 2 2"]
    errors: Float[np.ndarray, "n m 2"]


class Reliability(NamedTuple):
    """Predicted against actual errors, in G groups of equal numbers by predicted size.

    Attributes:
        predicted: (G,) root mean square of the predicted standard deviations of a coordinate, crop pixels.
        actual: (G,) root mean square error of a coordinate, crop pixels.
        levels: (K,) probabilities of the confidence ellipses.
        coverage: (G, K) share of the landmarks inside the ellipses; equal to `levels` if the net is calibrated.
        log_likelihood: mean over landmarks, in nats.
    """

    predicted: Float[np.ndarray, " g"]
    actual: Float[np.ndarray, " g"]
    levels: Float[np.ndarray, " k"]
    coverage: Float[np.ndarray, "g k"]
    log_likelihood: float


def synthetic_faces(key: PRNGKeyArray, size: int, *, faces: int = FACES) -> Iterator[Examples]:
    """Synthetic faces as training sees them, moved and degraded, one batch at a time.

    Args:
        key: of the faces; use another one than the training, so that the faces are new.
        size: side of the crops in pixels.
        faces: number of faces, rounded up to whole batches.

    Yields:
        Batches of B crops (B, size, size, 3) with their landmarks.
    """
    face_key, step_key = jax.random.split(key)
    prepare, batch = examples.synthetic_examples(face_key, size), np.arange(examples.BATCH, dtype=np.uint32)
    for step in range(-(-faces // examples.BATCH)):
        yield prepare(jax.random.fold_in(step_key, step), {"index": batch + step * examples.BATCH})


def collect(net: Net, faces: Iterable[Examples]) -> CalibrationData:
    """Run a net on batches of faces with known landmarks; its own calibration has no influence."""
    parts = [_collect_batch(net, batch) for batch in faces]
    return CalibrationData(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def collect_records(
    net: Net, records: Records, *, workers: int = 0, progress: ProgressCallback = silent
) -> tuple[CalibrationData, tuple[Identity, ...]]:
    """`collect` on annotated images, each cropped by its box, read in batches; and where each of them comes from.

    Args:
        net: the network.
        records: the images.
        workers: processes that read them; 0 reads in a thread of this process.
        progress: called after each batch with the number of images done and in all.

    Raises:
        InputError: an image cannot be read, or its landmarks are not as many as those of the net.
    """
    from fhr_jax.data import loader  # imports Grain

    landmarks, parts, identities = net.config.landmarks, [], []
    if (found := len(encoded(records, 0)["points"])) != landmarks:
        raise InputError(f"{records!r}: {found} landmarks, but the net has {landmarks}")
    source = Crops(records, size=net.config.crop, landmarks=landmarks, margin=1.0)
    stream = loader.one_pass(source, batch=pipeline.BATCH, workers=workers, process_index=0, process_count=1)
    with closing(stream) as batches:
        for batch in batches:
            valid = np.flatnonzero(batch["valid"])
            faces = Examples(jnp.asarray(batch["image"], jnp.float32) / 255, jnp.asarray(batch["points"]))
            parts.append(select(_collect_batch(net, faces), valid))
            identities += [identity({key: batch[key][i] for key in Identity._fields}) for i in valid]
            progress(Progress(len(identities), len(records)))
    return CalibrationData(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True))), tuple(identities)


def select(data: CalibrationData, faces: Sequence[int] | np.ndarray) -> CalibrationData:
    """The faces with these indices."""
    return CalibrationData(*(leaf[np.asarray(faces, np.int64)] for leaf in data))


def _collect_batch(net: Net, faces: Examples) -> CalibrationData:
    prediction = pipeline.predict_all(net._replace(calibration=None), faces.images, mirror=pipeline.can_mirror(net))
    return CalibrationData(np.asarray(prediction.covariance) / _unit(net), np.asarray(prediction.points - faces.points))


def _unit(net: Net) -> float:
    """Square of sigma in crop pixels."""
    return (net.config.sigma * net.config.crop / net.config.heatmap) ** 2


def uncalibrated(net: Net) -> Calibration:
    """What a net without a calibration amounts to: Gaussian errors with the covariance of the peak."""
    numbers = {"exponent": 1.0, "saturation": 0.0, "anisotropy": 1.0, "dof": 1e4, "typical": _unit(net)}
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in numbers.items()}
    return Calibration(jnp.full(net.config.landmarks, np.log(_unit(net)), jnp.float32), **arrays)


def fit(data: CalibrationData) -> Calibration:
    """The numbers of maximum likelihood, with a weak prior on differences between landmarks."""
    import scipy.optimize

    peak_covariance, errors = (jnp.asarray(part, jnp.float32) for part in data)
    landmarks = errors.shape[1]

    def in_double(free: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _objective(jnp.asarray(free, jnp.float32), peak_covariance, errors)
        return float(value), np.asarray(gradient, np.float64)

    mean_square = float((data.errors**2).mean())
    initial = np.concatenate([[np.log(max(mean_square, 1e-6) / 2), 1.0, 0.1, 1.0, 1.0], np.zeros(landmarks)])
    found = scipy.optimize.minimize(in_double, initial, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return _unpack(jnp.asarray(found.x, jnp.float32), peak_covariance)


@jax.jit
@jax.value_and_grad
def _objective(free: Array, peak_covariance: Array, errors: Array) -> Array:
    """Negative mean log-likelihood plus the penalty of the priors."""
    likelihood = calibration.log_likelihood(_without_typical(free), peak_covariance, errors).mean()
    penalty = (free[5:] ** 2).sum() / LOG_SCALE_PRIOR**2 + (free[1:5] ** 2).sum() / 10**2
    return penalty / 2 / errors[..., 0].size - likelihood


def _without_typical(free: Array) -> Calibration:
    """The calibration of the unconstrained numbers (5 + M,); `typical` is 1."""
    (mean, exponent, saturation, anisotropy, log_dof), deviations = free[:5], free[5:] - free[5:].mean()
    dof = 2 + jnp.exp(log_dof)
    return Calibration(mean + deviations, exponent, saturation, anisotropy, dof, jnp.ones(()))


@jax.jit
def _unpack(free: Array, peak_covariance: Array) -> Calibration:
    """The calibration of the unconstrained numbers (5 + M,), with `typical` from the peaks."""
    result = _without_typical(free)
    variance = calibration.mean_variance(heatmap.error_covariance(result, peak_covariance))
    return result._replace(typical=jnp.median(variance))


def widened(fitted: Calibration, factor: float) -> Calibration:
    """The calibration that predicts `factor` times the variance everywhere, with the same degrees of freedom.

    Errors on photographs are larger than those on synthetic faces, and so are the differences between annotators.

    Args:
        fitted: a calibration.
        factor: of the variance; 1 changes nothing.
    """
    return fitted._replace(log_scale=fitted.log_scale + math.log(factor), typical=fitted.typical * factor)


def with_calibration(net: Net, faces: Iterable[Examples]) -> Net:
    """The net with a calibration fitted on these batches of faces; without one if there are fewer than `MIN_FACES`."""
    data = collect(net, faces)
    return net._replace(calibration=fit(data) if len(data.errors) >= MIN_FACES else None)


def reliability(
    fitted: Calibration,
    data: CalibrationData,
    *,
    groups: int = 5,
    levels: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95),
) -> Reliability:
    """Compare predicted with actual errors on faces that were not used for the fit.

    Args:
        fitted: the calibration.
        data: peaks (N, M, 2, 2) and errors (N, M, 2) on other faces.
        groups: number of groups G of landmarks by predicted size; no more than there are landmarks.
        levels: probabilities of the K confidence ellipses.
    """
    peak_covariance, errors = jnp.asarray(data.peak_covariance), jnp.asarray(data.errors)
    predicted = _predicted(fitted, peak_covariance, errors)
    variance = np.asarray(predicted.variance, np.float64).ravel()
    distance = np.asarray(predicted.distance).ravel()
    mean_square = (np.asarray(errors, np.float64) ** 2).mean(axis=-1).ravel()
    members = np.array_split(np.argsort(variance, kind="stable"), min(groups, len(variance)))
    limits = [float(calibration.mahalanobis_quantile(fitted.dof, level)) for level in levels]
    return Reliability(
        np.sqrt([variance[group].mean() for group in members]),
        np.sqrt([mean_square[group].mean() for group in members]),
        np.asarray(levels),
        np.array([[(distance[group] <= limit).mean() for limit in limits] for group in members]),
        float(predicted.log_likelihood),
    )


class _Predicted(NamedTuple):
    """Predicted variance and squared Mahalanobis distance of each error (N, M), and the mean log-likelihood."""

    variance: Float[Array, "n m"]
    distance: Float[Array, "n m"]
    log_likelihood: Float[Array, ""]


@jax.jit
def _predicted(fitted: Calibration, peak_covariance: Array, errors: Array) -> _Predicted:
    covariance = heatmap.error_covariance(fitted, peak_covariance)
    return _Predicted(
        calibration.mean_variance(covariance),
        calibration.squared_mahalanobis(covariance, errors),
        calibration.log_likelihood(fitted, peak_covariance, errors).mean(),
    )


def constant_log_likelihood(data: CalibrationData, others: CalibrationData) -> float:
    """The baseline of `Reliability.log_likelihood`: one Gaussian per landmark, fitted on `data`, applied to `others`.

    Args:
        data: errors (N, M, 2) whose covariance per landmark is the Gaussian's.
        others: errors (N, M, 2) whose mean log density is returned, in nats.
    """
    matrices = np.einsum("nmi,nmj->mij", data.errors, data.errors, dtype=np.float64) / len(data.errors)
    squared = np.einsum("nmi,mij,nmj->nm", others.errors, np.linalg.inv(matrices), others.errors)
    negative = squared.mean() / 2 + np.log(np.linalg.det(matrices)).mean() / 2
    return float(-negative - np.log(2 * np.pi))
