"""Initial parameters of a fit: variances estimated from the videos, RNN output zero."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, UInt32

from fhr_jax.stabilizer.extensions.recurrent import init_recurrent
from fhr_jax.stabilizer.extensions.responsibilities import Responsibilities
from fhr_jax.stabilizer.extensions.velocity import Velocity
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params, init_params, motion_basis

NARROW, WIDE = 0.1, 30.0
"""Prior variances of the narrowest and the widest component, over the variance of a step of the truth."""


def extended_init(
    key: PRNGKeyArray | UInt32[Array, "2"], videos: Videos, *, components: int = 2, hidden: int = 16
) -> Params:
    """The extended model: velocity, responsibilities by direction and a recurrent network, in the units of the videos.

    The noise along a direction is the variance of z - p along it. The prior of a component is the variance of
    p(t) - p(t-1) along the direction, times a factor; the factors are spaced evenly in the logarithm from `NARROW` to
    `WIDE`. Later components extrapolate further along the velocity.

    Args:
        key: draws the network's hidden layers; its last layer is zero.
        videos: tracks (N, T, M, d) that will be fitted.
        components: K.
        hidden: width of the network's layers.
    """
    basis = motion_basis(videos.truth, mask=videos.mask)
    noise, step = (jnp.asarray(value, basis.dtype) for value in _variances(videos, np.asarray(basis)))
    factors = jnp.geomspace(NARROW, WIDE, components) if components > 1 else jnp.ones(1)
    ones = jnp.ones(components, basis.dtype)
    return Params(
        gamma=jnp.full((), 0.5, basis.dtype),
        alpha=ones / components,
        beta=0.9 * ones,
        noise=noise,
        prior=factors[:, None] * step[None],
        basis=basis,
        velocity=Velocity(0.5 * ones, jnp.linspace(0.1, 1.0, components, dtype=basis.dtype), 0.8 * ones),
        responsibilities=Responsibilities(jnp.ones((), basis.dtype)),
        recurrent=jax.tree.map(lambda leaf: leaf.astype(basis.dtype), init_recurrent(key, components, hidden=hidden)),
    )


def _variances(videos: Videos, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances (D,) of z - p and of p(t) - p(t-1) along the directions, over scored frames that have both."""
    size = basis.shape[0]
    observed, truth = (np.asarray(part, np.float64).reshape(-1, *part.shape[1:2], size) for part in videos[:2])
    mask = np.asarray(videos.mask)
    error = (observed - truth)[mask & np.isfinite(observed).all(axis=-1)]
    steps = np.diff(truth, axis=1)[mask[:, 1:] & mask[:, :-1]]
    found = [(part @ basis).var(axis=0) if len(part) > 1 else np.ones(size) for part in (error, steps)]
    # A direction without motion gets a small share of the mean, so that no variance is 0.
    noise, step = (np.maximum(value, 1e-4 * max(value.mean(), 1e-12)) for value in found)
    return noise, step


def paper_init(videos: Videos, *, components: int = 2) -> Params:
    """The paper's initial parameters for these videos (N, T, M, d).

    rho is the mean variance of z - p; the basis is that of the motion.

    Args:
        videos: tracks that will be fitted.
        components: K.
    """
    error = np.asarray(videos.observed - videos.truth)
    known = np.isfinite(error) & np.asarray(videos.mask)[:, :, None, None]
    rho = float(np.mean(error[known] ** 2)) if known.any() else 1.0
    return init_params(max(rho, 1e-6), motion_basis(videos.truth, mask=videos.mask), components=components)
