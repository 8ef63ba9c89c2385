"""The recommended model, fitted: every extension of the recursion, by Adam from a start read off the videos."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, PRNGKeyArray, UInt32

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.gradient import fit_gradient
from fhr_jax.stabilizer.history import Callback, Fit
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.start import extended_start
from fhr_jax.stabilizer.videos import Videos


def adam(steps: int, *, rate: float = 0.02) -> optax.GradientTransformation:
    """Adam whose rate falls to 0 over `steps` (a half cosine), with the norm of the gradient limited."""
    if steps < 1:
        raise InputError(f"steps: {steps}, expected at least 1")
    return optax.chain(optax.clip_by_global_norm(100.0), optax.adam(optax.cosine_decay_schedule(rate, steps)))


def fit_recommended(
    key: PRNGKeyArray | UInt32[Array, "2"],
    videos: Videos,
    *,
    face: float | None = None,
    start: Params | None = None,
    components: int = 2,
    steps: int = 200,
    rate: float = 0.02,
    seconds: float = float("inf"),
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
    callback: Callback | None = None,
) -> Fit:
    """Fit motion, responsibilities by direction and the recurrent network together.

    Args:
        key: of the network.
        videos: complete ones are much faster.
        face: size of the faces in the videos (RMS distance of the points to their centroid): the parameters are then
            in face units and suit tracks of any size. None: in the units of the videos.
        start: None is `extended_start`; another fit's parameters go on from there.
        components: K, of the start.
        steps: of Adam.
        rate: its first learning rate.
        seconds: stop after the first step that ends later.
        lambda1: weight of the smooth term.
        lambda2: weight of the delay.
        lambda3: see `fhr_jax.losses.stabilization`.
        callback: called with (seconds, evaluations, lowest loss) after every step.
    """
    if start is None:
        start = extended_start(key, videos, components=components)
        if face is not None:
            start = start._replace(
                noise=start.noise / face**2, prior=start.prior / face**2, face=jnp.ones_like(start.gamma)
            )
    return fit_gradient(
        videos,
        start=start,
        optimizer=adam(steps, rate=rate),
        steps=steps,
        seconds=seconds,
        lambda1=lambda1,
        lambda2=lambda2,
        lambda3=lambda3,
        callback=callback,
    )
