"""Causal landmark filters: one interface, one scan, and the classical baselines.

A filter is a pair of pure functions, `init` and `step`; `run` is the only loop. The four baselines of Fig. 6
are named in the paper and not defined there; the definitions below are this project's. With z(t) the
observation and x(t) the output of frame t:

* moving average of n:  x(t) = mean of the last n observations
* first order:          x(t) = a z(t) + (1 - a) x(t-1)
* second order (Holt):  x(t) = a z(t) + (1 - a) (x(t-1) + b(t-1)),  b(t) = c (x(t) - x(t-1)) + (1 - c) b(t-1)
* constant speed:       x(t) = a z(t) + (1 - a) (2 x(t-1) - x(t-2))

All start with x = z at rest. A coordinate that is NaN is missing: the filter puts out its prediction and goes
on from there. A coordinate that was never seen stays NaN.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fhr_jax.errors import InputError

Gain = Float[Array, ""] | float
"""A setting of a filter; an array may be traced, so that one compiled function serves many settings."""


class Filter(NamedTuple):
    """A causal filter over frames.

    Attributes:
        init: takes any frame of the track (its shape and type count, not its values), returns the state
            before the first frame.
        step: takes a state and the observation (M, d) of the next frame, returns (state, output (M, d)).
    """

    init: Callable[[Float[Array, "*point"]], Any]
    step: Callable[[Any, Float[Array, "*point"]], tuple[Any, Float[Array, "*point"]]]


@partial(jax.jit, static_argnums=0)
def run(filter: Filter, track: Float[Array, "t *point"]) -> Float[Array, "t *point"]:
    """Filter a track (T, M, d) of at least one frame, in the units of the track."""
    if track.shape[0] == 0:
        raise InputError("track: empty, expected at least one frame")
    return jax.lax.scan(filter.step, filter.init(track[0]), track)[1]


class Window(NamedTuple):
    """The last n observations, NaN where there is none, and the last output."""

    observations: Float[Array, "n *point"]
    output: Float[Array, "*point"]


def moving_average(n: int) -> Filter:
    """Mean of those of the last `n` observations that exist; with none of them, the last output is held."""
    if n < 1:
        raise InputError(f"n: {n}, expected a window of at least one frame")

    def init(frame: Float[Array, "*point"]) -> Window:
        missing = jnp.full_like(frame, jnp.nan)
        return Window(jnp.full_like(frame, jnp.nan, shape=(n, *frame.shape)), missing)

    def step(state: Window, z: Float[Array, "*point"]) -> tuple[Window, Array]:
        window = jnp.concatenate([state.observations[1:], z[None]])
        seen = jnp.isfinite(window)
        total = jnp.where(seen, window, 0).sum(axis=0)
        number = seen.sum(axis=0)
        x = jnp.where(number > 0, total / jnp.maximum(number, 1), state.output)
        return Window(window, x), x

    return Filter(init, step)


class Level(NamedTuple):
    """The last output, and whether there is one."""

    output: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def first_order(a: Gain) -> Filter:
    """Exponential smoothing with gain `a` in [0, 1] (1: no smoothing)."""

    def init(frame: Float[Array, "*point"]) -> Level:
        return Level(jnp.zeros_like(frame), jnp.zeros(frame.shape, bool))

    def step(state: Level, z: Float[Array, "*point"]) -> tuple[Level, Array]:
        x, seen = _correct(z, state.output, state.seen, a)
        return Level(x, seen), _hide(x, seen)

    return Filter(init, step)


class Trend(NamedTuple):
    """The last output, its slope in units a frame, and whether there is one."""

    output: Float[Array, "*point"]
    slope: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def second_order(a: Gain, c: Gain) -> Filter:
    """Holt's linear trend with gains `a` of the level and `c` of the slope, both in [0, 1]."""

    def init(frame: Float[Array, "*point"]) -> Trend:
        zero = jnp.zeros_like(frame)
        return Trend(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: Trend, z: Float[Array, "*point"]) -> tuple[Trend, Array]:
        x, seen = _correct(z, state.output + state.slope, state.seen, a)
        slope = jnp.where(state.seen, c * (x - state.output) + (1 - c) * state.slope, 0)
        return Trend(x, slope, seen), _hide(x, seen)

    return Filter(init, step)


class Pair(NamedTuple):
    """The last two outputs, and whether there is one."""

    output: Float[Array, "*point"]
    earlier: Float[Array, "*point"]
    seen: Bool[Array, "*point"]


def constant_speed(a: Gain) -> Filter:
    """Gain `a` in [0, 1] against the continuation of the last two outputs at their speed."""

    def init(frame: Float[Array, "*point"]) -> Pair:
        zero = jnp.zeros_like(frame)
        return Pair(zero, zero, jnp.zeros(frame.shape, bool))

    def step(state: Pair, z: Float[Array, "*point"]) -> tuple[Pair, Array]:
        x, seen = _correct(z, 2 * state.output - state.earlier, state.seen, a)
        return Pair(x, jnp.where(state.seen, state.output, x), seen), _hide(x, seen)

    return Filter(init, step)


class OneEuro(NamedTuple):
    """Last output, its smoothed derivative a second, frames since the last observation (0: never seen)."""

    output: Float[Array, "*point"]
    derivative: Float[Array, "*point"]
    frames: Int[Array, "*point"]


def one_euro(*, min_cutoff: Gain = 1.0, beta: Gain = 0.0, d_cutoff: Gain = 1.0, rate: float = 30.0) -> Filter:
    """The One Euro filter of Casiez, Roussel and Vogel (CHI 2012, Algorithm 1), a coordinate at a time.

    Smoothing of cutoff min_cutoff + beta |dx/dt|, where the derivative is that against the last output (as in
    the article; older programs take the last observation) and is itself smoothed with cutoff d_cutoff.

    Args:
        min_cutoff: cutoff at rest, Hz.
        beta: what the cutoff gains by speed, Hz per (unit of the track a second).
        d_cutoff: cutoff of the derivative, Hz.
        rate: frames a second.
    """

    def gain(cutoff: Array, seconds: Array) -> Array:
        return 1 / (1 + 1 / (2 * jnp.pi * cutoff * seconds))

    def init(frame: Float[Array, "*point"]) -> OneEuro:
        zero = jnp.zeros_like(frame)
        return OneEuro(zero, zero, jnp.zeros(frame.shape, jnp.int32))

    def step(state: OneEuro, z: Float[Array, "*point"]) -> tuple[OneEuro, Array]:
        seen, here = state.frames > 0, jnp.isfinite(z)
        z = jnp.where(here, z, state.output)
        seconds = jnp.maximum(state.frames, 1).astype(z.dtype) / rate
        smooth = gain(jnp.full_like(z, d_cutoff), seconds)
        derivative = smooth * (z - state.output) / seconds + (1 - smooth) * state.derivative
        derivative = jnp.where(seen & here, derivative, state.derivative)
        x, started = _correct(
            jnp.where(here, z, jnp.nan),
            state.output,
            seen,
            gain(min_cutoff + beta * jnp.abs(derivative), seconds),
        )
        frames = jnp.where(here, 1, jnp.where(seen, state.frames + 1, 0))
        return OneEuro(x, derivative, frames), _hide(x, started)

    return Filter(init, step)


def _correct(z: Array, prediction: Array, seen: Array, gain: Array | float) -> tuple[Array, Array]:
    """Gain z + (1 - gain) prediction; z alone at first sight, the prediction alone where z is NaN."""
    here = jnp.isfinite(z)
    z = jnp.where(here, z, prediction)
    corrected = jnp.where(seen, gain * z + (1 - gain) * prediction, z)
    return jnp.where(here | seen, corrected, 0), seen | here


def _hide(x: Array, seen: Array) -> Array:
    return jnp.where(seen, x, jnp.nan)
