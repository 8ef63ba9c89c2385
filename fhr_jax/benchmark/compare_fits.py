"""Compare ways to fit the stabilizer on equal terms: same videos, initial parameters, compiled loss and clock."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import optax

from fhr_jax.errors import InputError
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.stabilizer.fit.gradient import ANNEALING, LBFGS, OptaxSolver
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.loop import Budget, Solver, fit
from fhr_jax.stabilizer.fit.minibatch import Minibatch
from fhr_jax.stabilizer.fit.nelder_mead import NelderMead
from fhr_jax.stabilizer.fit.objective import make_problem
from fhr_jax.stabilizer.fit.state import Fit, join_histories
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params

SEED = 0
"""Draws minibatches, and where several simplices begin."""

STARTS = 8
"""Simplices of the methods with several."""


class FitMethod(NamedTuple):
    """A way to fit.

    Attributes:
        solver: minimizes the loss.
        share_scales: whether it moves each row of variances by one shared number, see `make_problem`.
        then_lbfgs: True gives it a third of the time, and the rest to L-BFGS in all dimensions.
    """

    solver: Solver
    share_scales: bool = False
    then_lbfgs: bool = False


PLAIN_LBFGS = "L-BFGS"
LBFGS_ANNEALED = "L-BFGS, annealed"
NELDER_MEAD = "Nelder-Mead"
SHARED = "Nelder-Mead, shared scales"
SHARED_STARTS = f"Nelder-Mead, shared scales, {STARTS} starts"
SHARED_LBFGS = "L-BFGS, shared scales, annealed"

_KEY = np.array([0, SEED], np.uint32)  # the data of `jax.random.key(SEED)`, without starting a device on import
_SIMPLICES = NelderMead(starts=STARTS, seed=SEED)

METHODS: Mapping[str, FitMethod] = {
    PLAIN_LBFGS: FitMethod(LBFGS()),
    LBFGS_ANNEALED: FitMethod(LBFGS(ANNEALING)),
    "Adam": FitMethod(OptaxSolver(optax.adam(0.1))),
    "Adam, annealed": FitMethod(OptaxSolver(optax.adam(0.1), ANNEALING, annealing_steps=60)),
    "Adam, minibatches": FitMethod(
        Minibatch(np.array([0, SEED], np.uint32), optax.adam(0.05), updates_per_iteration=20)
    ),
    NELDER_MEAD: FitMethod(NelderMead()),
    "Nelder-Mead, SciPy's edges": FitMethod(NelderMead(edge=None)),
    SHARED: FitMethod(NelderMead(), share_scales=True),
    "Nelder-Mead, shared scales, SciPy's edges": FitMethod(NelderMead(edge=None), share_scales=True),
    SHARED_STARTS: FitMethod(_SIMPLICES, share_scales=True),
    SHARED_LBFGS: FitMethod(LBFGS(ANNEALING), share_scales=True),
    f"{SHARED}, then L-BFGS": FitMethod(NelderMead(), share_scales=True, then_lbfgs=True),
    f"{SHARED_STARTS}, then L-BFGS": FitMethod(_SIMPLICES, share_scales=True, then_lbfgs=True),
}
"""All methods by name. `fhr-jax fit --model paper` is "L-BFGS, annealed"."""

FEW = (PLAIN_LBFGS, LBFGS_ANNEALED, NELDER_MEAD, SHARED)
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
    """Fit the same videos from the same initial parameters by each method; compiling is outside the clocks.

    Args:
        videos: from `pad_videos` or `as_videos`.
        seconds: for each method.
        init_params: of every fit; None is the paper's.
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

        budget = Budget(seconds=seconds, clock=clock)
        fits[name] = _fit(METHODS[name], videos, init_params=init_params, budget=budget, progress=report)
    return fits


def _fit(method: FitMethod, videos: Videos, *, init_params: Params, budget: Budget, progress: ProgressCallback) -> Fit:
    """Fit by one method, in two parts if L-BFGS follows."""
    problem = make_problem(videos, init_params=init_params, share_scales=method.share_scales)
    if not method.then_lbfgs:
        return fit(problem, method.solver, budget=budget, progress=progress)
    first = fit(problem, method.solver, budget=budget._replace(seconds=budget.seconds / 3), progress=progress)
    spent, evaluations = first.history.seconds[-1], first.history.evaluations[-1]

    def report(now: Progress) -> None:
        so_far = {"seconds": spent + now.info["seconds"], "evaluations": evaluations + now.info["evaluations"]}
        progress(now._replace(info={**now.info, **so_far}))

    rest = budget._replace(seconds=max(budget.seconds - spent, 0.0))
    second = fit(make_problem(videos, init_params=first.params), LBFGS(), budget=rest, progress=report)
    history = join_histories([first.history, second.history])
    return Fit(second.params, history, first.compile_seconds + second.compile_seconds)
