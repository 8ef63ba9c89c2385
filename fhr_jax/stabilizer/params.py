"""Parameters of the stabilizer: what they are, where a fit starts, how a fit sees them, how they are kept."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.bijectors import inverse_softplus, logit
from fhr_jax.stabilizer.extensions import outliers as outlier_detection
from fhr_jax.stabilizer.extensions import recurrent as network
from fhr_jax.stabilizer.extensions import responsibilities as groups
from fhr_jax.stabilizer.extensions import velocity as velocities
from fhr_jax.stabilizer.extensions.outliers import Outliers
from fhr_jax.stabilizer.extensions.recurrent import Recurrent
from fhr_jax.stabilizer.extensions.responsibilities import Responsibilities
from fhr_jax.stabilizer.extensions.velocity import Velocity


class Params(NamedTuple):
    """Natural, constrained values of the model of Eq. 6-10, in the units of the track (squared for variances).

    Prior of the frame: sum_k alpha_k N(mu, beta_k V prior_k V^T + (1 - beta_k) C), with mu and C the mean and
    covariance of the past outputs, weighted gamma^1, gamma^2, ... into the past. Observation:
    N(x, V noise V^T). With every extension None it is the paper's model.

    Attributes:
        gamma: decay of the history a frame, in (0, 1).
        alpha: weights of the components, sum 1.
        beta: share of the component's own covariance against that of the history, in (0, 1).
        noise: variances of the observation along the directions of the basis.
        prior: variances of the components along them.
        basis: V, directions (eigenvectors) in columns.
        velocity: components that run ahead along the velocity.
        responsibilities: responsibilities by direction or region, and their temperature.
        recurrent: a small network that corrects responsibilities and noise.
        outliers: single points thrown far out are not believed.
        face: values are in units where the face has this size: RMS distance of the points to their centroid in
            the first valid frame. None: in the units of the track.
    """

    gamma: Float[Array, ""]
    alpha: Float[Array, " k"]
    beta: Float[Array, " k"]
    noise: Float[Array, " D"]
    prior: Float[Array, "k D"]
    basis: Float[Array, "D D"]
    velocity: Velocity | None = None
    responsibilities: Responsibilities | None = None
    recurrent: Recurrent | None = None
    outliers: Outliers | None = None
    face: Float[Array, ""] | None = None


class Free(NamedTuple):
    """What a fit moves: unconstrained values, 4 + 3D numbers for two components (alpha has k - 1)."""

    gamma: Float[Array, ""]
    alpha: Float[Array, " k-1"]
    beta: Float[Array, " k"]
    noise: Float[Array, " D"]
    prior: Float[Array, "k D"]
    velocity: Velocity | None = None
    responsibilities: Responsibilities | None = None
    recurrent: Recurrent | None = None
    outliers: Outliers | None = None


def init_params(noise_variance: float | Float[Array, ""], basis: Float[Array, "D D"], *, components: int = 2) -> Params:
    """The paper's start, in the units of the track, with every extension off.

    alpha = 1/K, gamma = beta = 1/2, noise rho, and the priors spaced evenly from 0 to 10 rho; the first is
    rho / 100 instead of 0, which softplus cannot reach.

    Args:
        noise_variance: rho, mean variance of a coordinate of z - p over the training set.
        basis: eigenvectors in columns, from `motion_basis`; the identity will do.
        components: K, at least 1.
    """
    if components < 1:
        raise InputError(f"components: {components}, expected at least 1")
    basis = jnp.asarray(basis, jax.dtypes.canonicalize_dtype(jnp.result_type(basis, jnp.float32)))
    if basis.ndim != 2 or basis.shape[0] != basis.shape[1]:
        raise InputError(f"basis: shape {basis.shape}, expected eigenvectors in columns, (D, D)")
    rho = jnp.asarray(noise_variance, basis.dtype)
    size = basis.shape[0]
    spread = 10 * jnp.arange(components, dtype=basis.dtype) / max(components - 1, 1)
    spread = spread.at[0].set(0.01 if components > 1 else 10.0)
    return Params(
        gamma=jnp.full((), 0.5, basis.dtype),
        alpha=jnp.full(components, 1 / components, basis.dtype),
        beta=jnp.full(components, 0.5, basis.dtype),
        noise=jnp.full(size, rho),
        prior=jnp.broadcast_to(rho * spread[:, None], (components, size)),
        basis=basis,
    )


def motion_basis(
    truth: Float[Array, "*batch t m d"], mask: Bool[Array, "*batch t"] | None = None
) -> Float[Array, "D D"]:
    """V of Eq. 10: eigenvectors (columns, largest first) of the covariance of p(t) - p(t-1) over all videos.

    Repeated or zero eigenvalues (few frames, few points) leave directions that are free to turn; any
    orthonormal choice is right, and the signs are fixed so that the largest entry of a column is positive.
    """
    frames = truth.shape[:-2]
    valid = jnp.ones(frames, bool) if mask is None else mask
    valid = valid & jnp.isfinite(truth).all(axis=(-2, -1))
    p = jnp.where(valid.reshape((*frames, 1)), truth.reshape((*frames, -1)), 0)
    both = (valid[..., 1:] & valid[..., :-1]).reshape(-1, 1)
    steps = jnp.where(both, (p[..., 1:, :] - p[..., :-1, :]).reshape(-1, p.shape[-1]), 0)
    steps = jnp.where(both, steps - steps.sum(axis=0, keepdims=True) / jnp.maximum(both.sum(), 1), 0)
    covariance = jnp.matmul(steps.T, steps, precision=Precision.HIGHEST) / jnp.maximum(both.sum(), 1)
    vectors = jnp.linalg.eigh(covariance)[1][:, ::-1]
    largest = jnp.take_along_axis(vectors, jnp.abs(vectors).argmax(axis=0)[None], axis=0)
    return vectors * jnp.where(largest < 0, -1.0, 1.0).astype(vectors.dtype)


def unconstrain(params: Params) -> Free:
    """The unconstrained values that `constrain` maps to these parameters."""
    logits = jnp.log(params.alpha)
    return Free(
        gamma=logit(params.gamma),
        alpha=logits[:-1] - logits[-1],
        beta=logit(params.beta),
        noise=inverse_softplus(params.noise),
        prior=inverse_softplus(params.prior),
        velocity=None if params.velocity is None else velocities.unconstrain(params.velocity),
        responsibilities=None if params.responsibilities is None else groups.unconstrain(params.responsibilities),
        recurrent=None if params.recurrent is None else network.unconstrain(params.recurrent),
        outliers=None if params.outliers is None else outlier_detection.unconstrain(params.outliers),
    )


def constrain(free: Free, fixed: Params) -> Params:
    """Parameters from unconstrained values: sigmoid, softmax, softplus. Basis, groups and units are `fixed`'s."""
    logits = jnp.concatenate([free.alpha, jnp.zeros_like(free.beta[:1])])
    responsibilities = fixed.responsibilities
    if free.responsibilities is not None and responsibilities is not None:
        responsibilities = groups.constrain(free.responsibilities, responsibilities)
    return Params(
        gamma=jax.nn.sigmoid(free.gamma),
        alpha=jax.nn.softmax(logits),
        beta=jax.nn.sigmoid(free.beta),
        noise=jax.nn.softplus(free.noise),
        prior=jax.nn.softplus(free.prior),
        basis=fixed.basis,
        velocity=None if free.velocity is None else velocities.constrain(free.velocity),
        responsibilities=responsibilities,
        recurrent=None if free.recurrent is None else network.constrain(free.recurrent),
        outliers=None if free.outliers is None else outlier_detection.constrain(free.outliers),
        face=fixed.face,
    )
