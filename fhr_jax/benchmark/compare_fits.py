"""Gradient against simplex, fairly: same videos, same start, same compiled loss, same clock."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import optax

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.gradient import ANNEALING, fit_gradient
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.loop import Fit, join_histories
from fhr_jax.stabilizer.fit.minibatch import fit_minibatch
from fhr_jax.stabilizer.fit.simplex import fit_simplex
from fhr_jax.stabilizer.fit.simplex_starts import fit_starts
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params

ALWAYS = 10**6
"""Steps and evaluations without end: the clock decides."""

KEY = 0
"""Seed of starts and windows."""

Method = Callable[..., Fit]
"""Takes videos, and `start`, `seconds` and `callback` by name."""


def _lbfgs(videos: Videos, **options: Any) -> Fit:
    return fit_gradient(videos, steps=ALWAYS, **options)


def _cooled(videos: Videos, **options: Any) -> Fit:
    return fit_gradient(videos, steps=ALWAYS, temperatures=ANNEALING, **options)


def _adam(videos: Videos, **options: Any) -> Fit:
    return fit_gradient(videos, steps=ALWAYS, optimizer=optax.adam(0.1), **options)


def _adam_cooled(videos: Videos, **options: Any) -> Fit:
    return fit_gradient(videos, steps=ALWAYS, optimizer=optax.adam(0.1), temperatures=ANNEALING, stage=60, **options)


def _windows(videos: Videos, **options: Any) -> Fit:
    return fit_minibatch(jax.random.key(KEY), videos, steps=ALWAYS, inner=20, **options)


def _simplex(videos: Videos, **options: Any) -> Fit:
    return fit_simplex(videos, evaluations=ALWAYS, **options)


def _simplex_scipy(videos: Videos, **options: Any) -> Fit:
    return fit_simplex(videos, evaluations=ALWAYS, edge=None, **options)


def _tied(videos: Videos, **options: Any) -> Fit:
    return fit_simplex(videos, evaluations=ALWAYS, tied=True, **options)


def _tied_scipy(videos: Videos, **options: Any) -> Fit:
    return fit_simplex(videos, evaluations=ALWAYS, tied=True, edge=None, **options)


def _starts(videos: Videos, **options: Any) -> Fit:
    return fit_starts(jax.random.key(KEY), videos, evaluations=ALWAYS, tied=True, **options)


def _tied_cooled(videos: Videos, **options: Any) -> Fit:
    return fit_gradient(videos, steps=ALWAYS, tied=True, temperatures=ANNEALING, **options)


def _then_lbfgs(first: Method) -> Method:
    """A third of the time by `first`, the rest by L-BFGS in all dimensions."""

    def both(videos: Videos, *, start: Params, seconds: float, callback: Callable[..., None], **more: Any) -> Fit:
        one = first(videos, start=start, seconds=seconds / 3, callback=callback, **more)
        spent, evaluations = one.history.seconds[-1], one.history.evaluations[-1]

        def later(late: float, number: int, loss: float) -> None:
            callback(spent + late, evaluations + number, loss)

        rest = max(seconds - spent, 0.0)
        two = fit_gradient(videos, start=one.params, steps=ALWAYS, seconds=rest, callback=later, **more)
        history = join_histories([one.history, two.history])
        return Fit(two.params, history, one.compile_seconds + two.compile_seconds)

    return both


GRADIENT = "L-BFGS"
COOLED = "L-BFGS, cooled"
SIMPLEX = "simplex"
TIED = "simplex, tied"
STARTS = "simplices, tied"
TIED_COOLED = "L-BFGS, tied, cooled"

METHODS: Mapping[str, Method] = {
    GRADIENT: _lbfgs,
    COOLED: _cooled,
    "Adam": _adam,
    "Adam, cooled": _adam_cooled,
    "Adam on windows": _windows,
    SIMPLEX: _simplex,
    "simplex, SciPy's edges": _simplex_scipy,
    TIED: _tied,
    "simplex, tied, SciPy's edges": _tied_scipy,
    STARTS: _starts,
    TIED_COOLED: _tied_cooled,
    "simplex, tied, then L-BFGS": _then_lbfgs(_tied),
    "simplices, tied, then L-BFGS": _then_lbfgs(_starts),
}
"""All that is compared. Cooled: with a falling temperature; `fhr-jax fit --model paper` is "L-BFGS, cooled"."""

FEW = (GRADIENT, COOLED, SIMPLEX, TIED)
"""Those that tell the story."""


def compare_fits(
    videos: Videos,
    *,
    seconds: float = 12.0,
    start: Params | None = None,
    methods: Sequence[str] = FEW,
    callback: Callable[[str, float, int, float], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Fit]:
    """Fit the same videos from the same start by each method, each for `seconds` of its own clock.

    Compilation is outside the clocks.

    Args:
        videos: from `pad_videos` or `as_videos`.
        seconds: for each method.
        start: None is the paper's.
        methods: names from `METHODS`.
        callback: called with (method, seconds, evaluations, lowest loss).
        clock: see `Budget`.
    """
    unknown = set(methods) - METHODS.keys()
    if unknown:
        raise InputError(f"methods: {sorted(unknown)[0]!r}, expected some of {', '.join(METHODS)}")
    begin = paper_init(videos) if start is None else start

    def report(name: str) -> Callable[[float, int, float], None]:
        def call(spent: float, evaluations: int, loss: float) -> None:
            if callback is not None:
                callback(name, spent, evaluations, loss)

        return call

    return {
        name: METHODS[name](videos, start=begin, seconds=seconds, callback=report(name), clock=clock)
        for name in methods
    }
