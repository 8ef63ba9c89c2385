"""Parameters of the stabilizer: what they are, where a fit starts, how a fit sees them, how they are kept."""

import os
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Bool, Float

from fhr_jax import npz
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import motion as motions
from fhr_jax.stabilizer import recurrent as network
from fhr_jax.stabilizer import switch as switches
from fhr_jax.stabilizer import tail as tails
from fhr_jax.stabilizer.constraints import inverse_softplus, logit
from fhr_jax.stabilizer.motion import Motion
from fhr_jax.stabilizer.recurrent import Recurrent
from fhr_jax.stabilizer.switch import Switch
from fhr_jax.stabilizer.tail import Tail


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
        motion: components that run ahead along the velocity.
        switch: responsibilities by direction or region, and their temperature.
        recurrent: a small network that corrects responsibilities and noise.
        tail: single points thrown far out are not believed.
        face: values are in units where the face has this size: RMS distance of the points to their centroid in
            the first valid frame. None: in the units of the track.
    """

    gamma: Float[Array, ""]
    alpha: Float[Array, " k"]
    beta: Float[Array, " k"]
    noise: Float[Array, " D"]
    prior: Float[Array, "k D"]
    basis: Float[Array, "D D"]
    motion: Motion | None = None
    switch: Switch | None = None
    recurrent: Recurrent | None = None
    tail: Tail | None = None
    face: Float[Array, ""] | None = None


class Free(NamedTuple):
    """What a fit moves: unconstrained values, 4 + 3D numbers for two components (alpha has k - 1)."""

    gamma: Float[Array, ""]
    alpha: Float[Array, " k-1"]
    beta: Float[Array, " k"]
    noise: Float[Array, " D"]
    prior: Float[Array, "k D"]
    motion: Motion | None = None
    switch: Switch | None = None
    recurrent: Recurrent | None = None
    tail: Tail | None = None


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
        motion=None if params.motion is None else motions.unconstrain(params.motion),
        switch=None if params.switch is None else switches.unconstrain(params.switch),
        recurrent=None if params.recurrent is None else network.unconstrain(params.recurrent),
        tail=None if params.tail is None else tails.unconstrain(params.tail),
    )


def constrain(free: Free, fixed: Params) -> Params:
    """Parameters from unconstrained values: sigmoid, softmax, softplus. Basis, groups and units are `fixed`'s."""
    logits = jnp.concatenate([free.alpha, jnp.zeros_like(free.beta[:1])])
    switch = fixed.switch
    if free.switch is not None and switch is not None:
        switch = switches.constrain(free.switch, switch)
    return Params(
        gamma=jax.nn.sigmoid(free.gamma),
        alpha=jax.nn.softmax(logits),
        beta=jax.nn.sigmoid(free.beta),
        noise=jax.nn.softplus(free.noise),
        prior=jax.nn.softplus(free.prior),
        basis=fixed.basis,
        motion=None if free.motion is None else motions.constrain(free.motion),
        switch=switch,
        recurrent=None if free.recurrent is None else network.constrain(free.recurrent),
        tail=None if free.tail is None else tails.constrain(free.tail),
        face=fixed.face,
    )


def save(path: str | os.PathLike[str], params: Params) -> None:
    """Write parameters to an .npz file, whole or not at all.

    Raises:
        InputError: the folder cannot be written to.
    """
    npz.write(path, as_arrays(params))


def load(path: str | os.PathLike[str]) -> Params:
    """Read and check parameters written by `save`.

    Raises:
        InputError: the file is missing or unreadable, an array is missing or has the wrong shape, or a value lies
            outside its range.
    """
    arrays = npz.read(path)
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise InputError(f"{path}: {name} holds {array.dtype}, expected floating point numbers")
    return _build(str(path), {name: array.astype(np.float32) for name, array in arrays.items()})


def as_arrays(params: Params) -> dict[str, np.ndarray]:
    """The arrays of a parameter file: fields by name, parts of an extension as `motion.decay`."""
    arrays = {}
    for name, value in params._asdict().items():
        if value is None:
            continue
        parts = value._asdict().items() if hasattr(value, "_asdict") else [("", value)]
        arrays |= {f"{name}.{part}" if part else name: np.asarray(array) for part, array in parts if array is not None}
    return arrays


def _build(path: str, arrays: dict[str, np.ndarray]) -> Params:
    missing = {"gamma", "alpha", "beta", "noise", "prior", "basis"} - arrays.keys()
    if missing:
        raise InputError(f"{path}: no array {sorted(missing)[0]!r}, expected parameters of the stabilizer")
    k, size = arrays["alpha"].size, arrays["noise"].size
    shapes = {"gamma": (), "alpha": (k,), "beta": (k,), "noise": (size,), "prior": (k, size)}
    shapes |= {"basis": (size, size), "face": ()}
    shapes |= {f"motion.{name}": (k,) for name in Motion._fields}
    groups = arrays["switch.groups"].shape[-1:] if "switch.groups" in arrays else ()
    shapes |= {"switch.temperature": (), "switch.groups": (size, *groups)}
    hidden = arrays["recurrent.first_bias"].size if "recurrent.first_bias" in arrays else 0
    wide = {"first": (network.FEATURES, hidden), "first_bias": (hidden,), "second": (hidden, hidden)}
    wide |= {"decay": (3,), "second_bias": (hidden,), "last": (hidden, 2 * k), "last_bias": (2 * k,)}
    shapes |= {f"recurrent.{name}": shape for name, shape in wide.items()}
    shapes |= {f"tail.{name}": () for name in Tail._fields}
    for name, array in arrays.items():
        if name not in shapes:
            raise InputError(f"{path}: unknown array {name!r}, expected one of {', '.join(shapes)}")
        if array.shape != shapes[name]:
            raise InputError(f"{path}: {name} has shape {array.shape}, expected {shapes[name]}")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name} is not finite")
    for name in ("gamma", "alpha", "beta", "motion.decay", "motion.anchor", "recurrent.decay"):
        if name in arrays and not (arrays[name].min() >= 0 and arrays[name].max() <= 1):
            raise InputError(f"{path}: {name} lies outside [0, 1]")
    for name in ("face", "switch.temperature", "tail.reach"):
        if name in arrays and arrays[name] <= 0:
            raise InputError(f"{path}: {name} is {arrays[name]}, expected more than 0")
    if arrays["noise"].min() <= 0 or arrays["prior"].min() < 0:
        raise InputError(f"{path}: expected positive noise variances and prior variances not below 0")
    groups = arrays.get("switch.groups", np.ones((1, 1)))
    if not (np.isin(groups, (0, 1)).all() and (groups.sum(axis=1) == 1).all()):
        raise InputError(f"{path}: switch.groups puts a direction into no group or into several, expected one")
    if "recurrent.decay" in arrays and "motion.decay" not in arrays:
        raise InputError(f"{path}: recurrent without motion, expected both, since the network watches the velocity")
    if abs(arrays["alpha"].sum() - 1) > 1e-4:
        raise InputError(f"{path}: alpha sums to {arrays['alpha'].sum():.4f}, expected 1")
    if np.abs(arrays["basis"].T @ arrays["basis"] - np.eye(size)).max() > 1e-3:
        raise InputError(f"{path}: basis is not orthonormal")

    def part(kind, name: str):
        found = {field: arrays.get(f"{name}.{field}") for field in kind._fields}
        if all(value is None for value in found.values()):
            return None
        lacking = [field for field, value in found.items() if value is None and field != "groups"]
        if lacking:
            raise InputError(f"{path}: no array '{name}.{lacking[0]}', but another of {name}")
        return kind(**{field: None if value is None else jnp.asarray(value) for field, value in found.items()})

    core = {name: jnp.asarray(arrays[name]) for name in ("gamma", "alpha", "beta", "noise", "prior", "basis")}
    return Params(
        **core,
        motion=part(Motion, "motion"),
        switch=part(Switch, "switch"),
        recurrent=part(Recurrent, "recurrent"),
        tail=part(Tail, "tail"),
        face=jnp.asarray(arrays["face"]) if "face" in arrays else None,
    )
