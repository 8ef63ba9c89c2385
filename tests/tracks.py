"""Tracks and parameters for the tests of the stabilizer."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import stabilizer
from fhr_jax.stabilizer.extensions.responsibilities import single_group


def walk(frames=60, points=3, dims=2, seed=0, noise=1.0):
    """A face of `points` points, some 40 px in size around 100 px, that drifts by about 1 px a frame."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(1, points, dims)) * 40
    drift = rng.normal(size=(frames, 1, dims)).cumsum(axis=0) + 0.3 * rng.normal(size=(frames, points, dims)).cumsum(0)
    return (100 + shape + drift + noise * rng.normal(size=drift.shape)).astype(np.float32)


@cache
def params(points=3, dims=2, components=2, seed=3, dtype=np.float32):
    """The paper's model with values all of which matter, in pixels."""
    rng = np.random.default_rng(seed)
    size = points * dims
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    alpha = rng.uniform(0.5, 1, components)
    return stabilizer.Params(
        gamma=jnp.asarray(0.7, dtype),
        alpha=jnp.asarray(alpha / alpha.sum(), dtype),
        beta=jnp.asarray(rng.uniform(0.2, 0.8, components), dtype),
        noise=jnp.asarray(rng.uniform(0.5, 2, size), dtype),
        prior=jnp.asarray(rng.uniform(0.2, 9, (components, size)), dtype),
        basis=jnp.asarray(basis, dtype),
    )


def as_dict(p):
    """The values that the oracle takes."""
    return {name: np.asarray(getattr(p, name)) for name in ("gamma", "alpha", "beta", "noise", "prior", "basis")}


def velocity(components=2, dtype=np.float32):
    """Every component differently."""
    decay, lead, anchor = [0.6, 0.3, 0.8], [0.5, 1.1, 0.2], [0.3, 0.9, 0.0]
    return stabilizer.Velocity(*(jnp.asarray(v[:components], dtype) for v in (decay, lead, anchor)))


@cache
def recurrent(components=2, hidden=5, seed=0, dtype=np.float32):
    """A network with a last layer that is not zero."""
    rng = np.random.default_rng(seed)
    empty = jax.eval_shape(lambda: stabilizer.init_recurrent(jax.random.key(0), components, hidden=hidden))
    filled = [0.3 * rng.normal(size=leaf.shape) for leaf in empty]
    return stabilizer.Recurrent(*(jnp.asarray(a, dtype) for a in filled))._replace(
        decay=jnp.asarray([0.6, 0.7, 0.8], dtype)
    )


def in_faces(p, size=40.0):
    """The same model in units of a face of `size` px."""
    return p._replace(face_size=jnp.ones_like(p.gamma), noise=p.noise / size**2, prior=p.prior / size**2)


def outliers(inlier_log_odds=4.5, scale=0.2):
    """In face units."""
    return stabilizer.Outliers(jnp.float32(inlier_log_odds), jnp.float32(scale))


@cache
def extended(name, points=3, dims=2, components=2):
    """The model in face units with one extension, or with all."""
    p = in_faces(params(points, dims, components))
    parts = {
        "none": {},
        "velocity": {"velocity": velocity(components)},
        "responsibilities": {"responsibilities": stabilizer.Responsibilities(jnp.float32(1.7))},
        "groups": {"responsibilities": single_group(points * dims, temperature=2.0)},
        "recurrent": {"velocity": velocity(components), "recurrent": recurrent(components)},
        "outliers": {"outliers": outliers()},
    }
    parts["all"] = parts["velocity"] | parts["responsibilities"] | parts["recurrent"] | parts["outliers"]
    return p._replace(**parts[name])


EXTENSIONS = ("none", "velocity", "responsibilities", "groups", "recurrent", "outliers", "all")

COVARIANCES = ("diagonal", "windowed", "full")
