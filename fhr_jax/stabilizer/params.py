"""Parameters of the stabilizer: their meaning, the paper's initial values, and the unconstrained form for a fit."""

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
from fhr_jax.stabilizer.smoothing.mixing import MixingNet


class Params(NamedTuple):
    """Natural, constrained values of the model of Eq. 6-10, in the units of the track (squared for variances).

    Prior of the frame: sum_k alpha_k N(mu, beta_k V prior_k V^T + (1 - beta_k) C), with mu and C the mean and
    covariance of the past outputs, weighted gamma^1, gamma^2, ... into the past. Observation:
    N(x, V noise V^T). With every extension None it is the paper's model.

    Attributes:
        gamma: () decay of the history per frame, in (0, 1).
        alpha: (K,) weights of the components, sum 1.
        beta: (K,) share of the component's own covariance against that of the history, in (0, 1).
        noise: (D,) variances of the observation along the directions of the basis.
        prior: (K, D) variances of the components along them.
        basis: (D, D) V, directions (eigenvectors) in columns.
        velocity: components that extrapolate the velocity of the output.
        responsibilities: responsibilities by direction or region, and their temperature.
        recurrent: a small network that corrects responsibilities and noise.
        outliers: detection of single points that lie far from where they should be.
        face_size: () the size of a face (`units.py`) in the units of these values: a track is scaled so that the face
            of its first observed frame has this size. None: the values are in the units of the track.
        movements: a network that weighs the movement types of `smoothing/kalman_bank.py`. With it, they give the
            output, and the mixture finds outliers and moves missing points.
        smoother: the network of `smooth`, which weighs them with look-ahead.
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
    face_size: Float[Array, ""] | None = None
    movements: MixingNet | None = None
    smoother: MixingNet | None = None

    def __repr__(self) -> str:
        """Sizes, extensions and units, not the values."""
        # Inside of JAX a field may hold something that is no array.
        sizes = [(getattr(value, "shape", None) or ("?",))[-1] for value in (self.noise, self.alpha)]
        extensions = [name for name in EXTENSIONS if getattr(self, name) is not None]
        units = "track" if self.face_size is None else "face"
        beside = f" with {', '.join(extensions)}" if extensions else ""
        return f"<Params: {sizes[0]} directions, {sizes[1]} components{beside}, {units} units>"


EXTENSIONS = ("velocity", "responsibilities", "recurrent", "outliers", "movements")
"""Fields of `Params` that are None in the paper's model."""


class UnconstrainedParams(NamedTuple):
    """The numbers that a fit moves, without constraints: 4 + 3D for two components of the paper's model.

    The fields are those of `Params`, but for the constants of a fit (basis, face size, networks of the movement types)
    and for the last entry of `alpha`, which follows from the others.
    """

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
    """The paper's initial parameters, in the units of the track, without extensions.

    alpha = 1/K, gamma = beta = 1/2, noise rho, and the priors spaced evenly from 0 to 10 rho; the first is
    rho / 100 instead of 0, which softplus cannot reach.

    Args:
        noise_variance: () rho, mean variance of a coordinate of z - p over the training set.
        basis: (D, D) eigenvectors in columns, from `motion_basis`; the identity is valid too.
        components: K, at least 1.

    Raises:
        InputError: there is no component, or the basis is not square.
    """
    if components < 1:
        raise InputError(f"components: {components}, expected at least 1")
    basis = jnp.asarray(basis, jax.dtypes.canonicalize_dtype(jnp.result_type(basis, jnp.float32)))
    if basis.ndim != 2 or basis.shape[0] != basis.shape[1]:
        raise InputError(f"basis: shape {basis.shape}, expected eigenvectors in columns, (D, D)")
    rho = jnp.asarray(noise_variance, basis.dtype)
    size = basis.shape[0]
    factors = 10 * jnp.arange(components, dtype=basis.dtype) / max(components - 1, 1)
    factors = factors.at[0].set(0.01 if components > 1 else 10.0)
    return Params(
        gamma=jnp.full((), 0.5, basis.dtype),
        alpha=jnp.full(components, 1 / components, basis.dtype),
        beta=jnp.full(components, 0.5, basis.dtype),
        noise=jnp.full(size, rho),
        prior=jnp.broadcast_to(rho * factors[:, None], (components, size)),
        basis=basis,
    )


def motion_basis(
    truth: Float[Array, "*batch t m d"], *, mask: Bool[Array, "*batch t"] | None = None
) -> Float[Array, "D D"]:
    """V of Eq. 10: eigenvectors of the covariance of p(t) - p(t-1) over all videos.

    Eigenvectors of repeated or zero eigenvalues (few frames, few points) are not unique; any orthonormal choice is
    valid, and versions of JAX differ in it. Signs are fixed so that the largest entry of a column is positive.

    Args:
        truth: (..., T, M, d) true landmarks; frames with a NaN are left out.
        mask: (..., T) False for frames to leave out.

    Returns:
        (D, D) eigenvectors in columns, the one of the largest eigenvalue first.
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


def unconstrain(params: Params) -> UnconstrainedParams:
    """The unconstrained values that `constrain` maps to these parameters."""
    logits = jnp.log(params.alpha)
    return UnconstrainedParams(
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


def constrain(unconstrained: UnconstrainedParams, constant: Params) -> Params:
    """Parameters from unconstrained values: sigmoid, softmax, softplus.

    Args:
        unconstrained: from `unconstrain`, or moved by a fit.
        constant: parameters whose basis, groups, face size, movement types and smoother are taken over.
    """
    logits = jnp.concatenate([unconstrained.alpha, jnp.zeros_like(unconstrained.beta[:1])])
    responsibilities = constant.responsibilities
    if unconstrained.responsibilities is not None and responsibilities is not None:
        responsibilities = groups.constrain(unconstrained.responsibilities, responsibilities)
    velocity, recurrent, outliers = unconstrained.velocity, unconstrained.recurrent, unconstrained.outliers
    return Params(
        gamma=jax.nn.sigmoid(unconstrained.gamma),
        alpha=jax.nn.softmax(logits),
        beta=jax.nn.sigmoid(unconstrained.beta),
        noise=jax.nn.softplus(unconstrained.noise),
        prior=jax.nn.softplus(unconstrained.prior),
        basis=constant.basis,
        velocity=None if velocity is None else velocities.constrain(velocity),
        responsibilities=responsibilities,
        recurrent=None if recurrent is None else network.constrain(recurrent),
        outliers=None if outliers is None else outlier_detection.constrain(outliers),
        face_size=constant.face_size,
        movements=constant.movements,
        smoother=constant.smoother,
    )
