"""Compare ways to fit the stabilizer on equal terms: same videos, same start, same compiled loss, same clock."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import optax

from fhr_jax.errors import InputError
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.stabilizer.fit.gradient import ANNEALING, fit_gradient
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.minibatch import fit_minibatch
from fhr_jax.stabilizer.fit.nelder_mead import fit_nelder_mead
from fhr_jax.stabilizer.fit.state import Fit, join_histories
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params

UNLIMITED = 10**6
"""Steps or evaluations of a fit that the clock ends."""

SEED = 0
"""Draws minibatches, and the starts of several simplices."""

STARTS = 8
"""Simplices of the methods with several."""

FitMethod = Callable[..., Fit]
"""Takes videos, and `init_params`, `seconds`, `clock` and `progress` by name."""


def _lbfgs(videos: Videos, **options: Any) -> Fit:
    return fit_gradient(videos, steps=UNLIMITED, **options)


def _adam(videos: Videos, **options: Any) -> Fit:
    return fit_gradient(videos, steps=UNLIMITED, optimizer=optax.adam(0.1), **options)


def _minibatch(videos: Videos, **options: Any) -> Fit:
    return fit_minibatch(jax.random.key(SEED), videos, steps=UNLIMITED, updates_per_iteration=20, **options)


def _nelder_mead(videos: Videos, **options: Any) -> Fit:
    return fit_nelder_mead(videos, evaluations=UNLIMITED, seed=SEED, **options)


def _with(method: FitMethod, **fixed: Any) -> FitMethod:
    """The method with some options fixed."""

    def fit(videos: Videos, **options: Any) -> Fit:
        return method(videos, **fixed, **options)

    return fit


def _then_lbfgs(first: FitMethod) -> FitMethod:
    """A third of the time by `first`, the rest by L-BFGS in all dimensions."""

    def both(videos: Videos, *, init_params: Params, seconds: float, progress: ProgressCallback, **options: Any) -> Fit:
        one = first(videos, init_params=init_params, seconds=seconds / 3, progress=progress, **options)
        spent, evaluations = one.history.seconds[-1], one.history.evaluations[-1]

        def report(now: Progress) -> None:
            so_far = {"seconds": spent + now.info["seconds"], "evaluations": evaluations + now.info["evaluations"]}
            progress(now._replace(info={**now.info, **so_far}))

        rest = max(seconds - spent, 0.0)
        two = _lbfgs(videos, init_params=one.params, seconds=rest, progress=report, **options)
        history = join_histories([one.history, two.history])
        return Fit(two.params, history, one.compile_seconds + two.compile_seconds)

    return both


LBFGS = "L-BFGS"
LBFGS_ANNEALED = "L-BFGS, annealed"
NELDER_MEAD = "Nelder-Mead"
SHARED = "Nelder-Mead, shared scales"
SHARED_STARTS = f"Nelder-Mead, shared scales, {STARTS} starts"
SHARED_LBFGS = "L-BFGS, shared scales, annealed"

METHODS: Mapping[str, FitMethod] = {
    LBFGS: _lbfgs,
    LBFGS_ANNEALED: _with(_lbfgs, annealing=ANNEALING),
    "Adam": _adam,
    "Adam, annealed": _with(_adam, annealing=ANNEALING, annealing_steps=60),
    "Adam, minibatches": _minibatch,
    NELDER_MEAD: _nelder_mead,
    "Nelder-Mead, SciPy's edges": _with(_nelder_mead, edge=None),
    SHARED: _with(_nelder_mead, share_scales=True),
    "Nelder-Mead, shared scales, SciPy's edges": _with(_nelder_mead, share_scales=True, edge=None),
    SHARED_STARTS: _with(_nelder_mead, share_scales=True, starts=STARTS),
    SHARED_LBFGS: _with(_lbfgs, share_scales=True, annealing=ANNEALING),
    f"{SHARED}, then L-BFGS": _then_lbfgs(_with(_nelder_mead, share_scales=True)),
    f"{SHARED_STARTS}, then L-BFGS": _then_lbfgs(_with(_nelder_mead, share_scales=True, starts=STARTS)),
}
"""All methods by name. `fhr-jax fit --model paper` is "L-BFGS, annealed"."""

FEW = (LBFGS, LBFGS_ANNEALED, NELDER_MEAD, SHARED)
"""The methods that are compared by default."""


def compare_fits(
    videos: Videos,
    *,
    seconds: float = 12.0,
    init_params: Params | None = None,
    methods: Sequence[str] = FEW,
    progress: ProgressCallback = silent,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Fit]:
    """Fit the same videos from the same start by each method; compiling is outside the clocks.

    Args:
        videos: from `pad_videos` or `as_videos`.
        seconds: for each method.
        init_params: the start; None is the paper's.
        methods: names from `METHODS`.
        progress: called after each iteration. `done` and `total` are the seconds of all methods; `info` has `method`,
            and `seconds`, `evaluations` and the lowest `loss` of its fit.
        clock: returns the time in seconds, see `Budget`.

    Raises:
        InputError: a name is unknown.
    """
    unknown = set(methods) - METHODS.keys()
    if unknown:
        raise InputError(f"methods: {sorted(unknown)[0]!r}, expected some of {', '.join(METHODS)}")
    init_params = paper_init(videos) if init_params is None else init_params
    fits = {}
    for i, name in enumerate(methods):

        def report(now: Progress, i: int = i, name: str = name) -> None:
            done = (i + min(now.info["seconds"] / seconds, 1.0)) * seconds
            progress(Progress(done, seconds * len(methods), {**now.info, "method": name}))

        fits[name] = METHODS[name](videos, init_params=init_params, seconds=seconds, progress=report, clock=clock)
    return fits
