"""50 videos of 2000 frames through each stabilizer, and the gradient of the loss.

A scan makes 2000 steps one after the other, so `us_a_step` is the time that counts where the share of the limit is
small. The bytes are those of the tracks, read and written once.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerator_parts.rows import Call, Row, compiled
from accelerator_parts.timing import timed
from fhr_jax import losses, stabilizer
from fhr_jax.data.faces import anatomy

CHUNK = 50
"""Frames between stored states of a gradient."""


def rows(tiny: bool) -> Iterator[Row]:
    """What is used most first: diagonal, default, look-ahead; then those that take longer, then gradients."""
    frames, sizes = (20, (2,)) if tiny else (2000, (50, 10))
    run: dict[str, Callable[..., Any]] = {"diagonal": _paper("diagonal"), "default": stabilizer.run}
    run |= {"look-ahead": stabilizer.smooth, "look-ahead 5": partial(stabilizer.smooth, lag=5)}
    run |= {"windowed": _paper("windowed"), "full": _paper("full")}
    chosen = ("diagonal",) if tiny else tuple(run)
    for name in chosen:
        yield timed(f"stabilizer {name}", partial(_forward, frames=frames, name=name, run=run[name]), sizes)
    for name in chosen:
        yield timed(f"gradient {name}", partial(_gradient, frames=frames, name=name, run=run[name]), sizes)


def _paper(covariance: Any) -> Callable[..., Any]:
    return partial(stabilizer.run, covariance=covariance, complete=True)


@cache
def videos(number: int, frames: int) -> tuple[jax.Array, jax.Array]:
    """Observed and true tracks (N, T, 68, 2) in pixels: a face that wanders, and noise of 1 px."""
    rng = np.random.default_rng(0)
    shift = rng.normal(size=(number, frames, 1, 2)).cumsum(axis=1)
    truth = 300 + 120 * np.asarray(anatomy.MEAN)[:68, :2] + shift
    observed = truth + rng.normal(size=truth.shape)
    return jnp.asarray(observed, jnp.float32), jnp.asarray(truth, jnp.float32)


def params(name: str) -> Any:
    """The paper's for its three covariances, else the default ones."""
    paper = name in ("diagonal", "windowed", "full")
    return stabilizer.init_params(1.0, jnp.eye(136)) if paper else stabilizer.default_params()


def _forward(number: int, *, frames: int, name: str, run: Callable[..., Any]) -> Call:
    observed, _ = videos(number, frames)
    known: dict[str, Any] = {"items": number * frames, "moved": 2 * observed.nbytes, "steps": frames}
    return compiled(run, params(name), observed, **known)


def _gradient(number: int, *, frames: int, name: str, run: Callable[..., Any]) -> Call:
    observed, truth = videos(number, frames)
    options = {} if "look-ahead" in name else {"chunk": min(CHUNK, frames)}

    def loss(params: Any) -> jax.Array:
        found = run(params, observed, **options).reshape(number, frames, -1)
        return losses.stabilization(found, truth.reshape(number, frames, -1)).total

    known: dict[str, Any] = {"items": number * frames, "moved": 3 * observed.nbytes, "steps": 2 * frames}
    return compiled(jax.grad(loss), params(name), **known)
