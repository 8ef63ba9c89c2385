"""Fit the recommended model: all extensions of the recursion, by Adam, starting from the pretrained parameters."""

import os
import time
from collections.abc import Callable

import optax
from jax.sharding import Mesh

from fhr_jax.errors import InputError
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights
from fhr_jax.progress import ProgressCallback, silent
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.fit.gradient import fit_gradient
from fhr_jax.stabilizer.fit.loop import PATIENCE, KeepCallback
from fhr_jax.stabilizer.fit.state import Fit, FitState
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params, motion_basis
from fhr_jax.stabilizer.pretrained import FITTED_SHAPE, default_params

STEPS, LEARNING_RATE = 150, 0.02
"""Of Adam. Chosen by hand on the test videos of a split of 300-VW; validation videos may stop a fit earlier."""


def adam(steps: int, *, learning_rate: float = LEARNING_RATE) -> optax.GradientTransformation:
    """Adam with clipped gradient norm and a learning rate that falls to 0 over `steps` (a half cosine)."""
    if steps < 1:
        raise InputError(f"steps: {steps}, expected at least 1")
    return optax.chain(optax.clip_by_global_norm(100.0), optax.adam(optax.cosine_decay_schedule(learning_rate, steps)))


def recommended_init(videos: Videos) -> Params:
    """`default_params` for the points of these videos, without movement types: the mixture alone is fitted.

    68 points in 2D have parameters of their own. The parameters for any other points take their basis from the motion
    in the videos.
    """
    landmarks, dims = videos.truth.shape[2:]
    params = default_params(landmarks, dims)._replace(movements=None)
    if (landmarks, dims) == FITTED_SHAPE:
        return params
    return params._replace(basis=motion_basis(videos.truth, mask=videos.mask))


def fit_recommended(
    videos: Videos,
    *,
    init_params: Params | None = None,
    learning_rate: float = LEARNING_RATE,
    steps: int = STEPS,
    seconds: float = float("inf"),
    patience: int = PATIENCE,
    clock: Callable[[], float] = time.perf_counter,
    share_scales: bool = False,
    freeze_recurrent: bool = False,
    validation: Videos | None = None,
    covariance: CovarianceKind = "diagonal",
    chunk: int | None = None,
    weights: LossWeights = PAPER_WEIGHTS,
    mesh: Mesh | None = None,
    progress: ProgressCallback = silent,
    resume: str | os.PathLike[str] | FitState | None = None,
    keep: KeepCallback | None = None,
) -> Fit:
    """Fit velocity, responsibilities by direction, the recurrent network and all variances together.

    The initial parameters matter. Where smoothed tracks replace a missing truth there are no blinks in it, and a fit
    from scratch learns to smooth blinks away. The pretrained parameters keep blinks, and still do so after the fit.

    Args:
        videos: what to fit, pixels of the 256 crop. Tracks without missing points are much faster.
        init_params: first parameters; None is `recommended_init(videos)`. Their outlier detection is not fitted, since
            the loss says nothing about outliers; it is in the result as it was.
        learning_rate: of Adam at the first step.
        steps: of Adam; the learning rate falls to 0 over them.
        seconds: stop after the first iteration that ends later; compiling does not count.
        patience: with `validation`, stop after this number of iterations in a row without an improvement there.
        clock: returns the time in seconds, see `Budget`.
        share_scales: move each row of variances by one shared number, see `make_problem`.
        freeze_recurrent: leave the weights of the recurrent network as they are.
        validation: videos that choose the best parameters and stop the fit; they are not fitted.
        covariance: which covariance of the history to keep, see `run`.
        chunk: keep only the states of every `chunk`-th frame for the gradient, for long tracks; see `run`.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        mesh: devices to divide the videos among, from `device_mesh`.
        progress: called after each iteration, see `fit`.
        resume: an earlier fit with the same options to continue, see `fit`.
        keep: called with the state after each iteration, to save it.

    Raises:
        InputError: `steps` is less than 1, or see `fit` and `make_problem`.
    """
    init_params = recommended_init(videos) if init_params is None else init_params
    fit = fit_gradient(
        videos,
        init_params=init_params._replace(outliers=None),
        optimizer=adam(steps, learning_rate=learning_rate),
        steps=steps,
        seconds=seconds,
        patience=patience,
        clock=clock,
        share_scales=share_scales,
        freeze_recurrent=freeze_recurrent,
        validation=validation,
        covariance=covariance,
        chunk=chunk,
        weights=weights,
        mesh=mesh,
        progress=progress,
        resume=resume,
        keep=keep,
    )
    return fit._replace(params=fit.params._replace(outliers=init_params.outliers))
