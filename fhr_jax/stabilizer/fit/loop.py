"""The loop of a fit: any solver as `init` and `update`, what it has found so far, when it stops.

All that a fit knows is a pytree of arrays, the `Run`. Saved after any iteration and read back (`saved.py`) it goes on
as if nothing had happened.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.objective import Objective, Problem
from fhr_jax.stabilizer.params import Params


class History(NamedTuple):
    """How a fit went: one entry an iteration, the best loss so far.

    Attributes:
        seconds: since the start, without the compilation.
        evaluations: of the loss over all videos, with or without its gradient; a part of them counts as that part.
        loss: the lowest so far.
    """

    seconds: list[float]
    evaluations: list[int]
    loss: list[float]


class Fit(NamedTuple):
    """The result of a fit.

    Attributes:
        params: the best parameters that were seen: on the held-out videos if there were any.
        history: loss against seconds and evaluations; the first entry is the start.
        compile_seconds: what compiling took, before the clock of the history started.
        held_out: lowest loss of the held-out videos, one entry an iteration; None without any.
    """

    params: Params
    history: History
    compile_seconds: float
    held_out: list[float] | None = None


Callback = Callable[[float, int, float], None]
"""Called after each iteration with seconds, evaluations and the lowest loss so far."""


class StepResult(NamedTuple):
    """What one iteration brought.

    Attributes:
        vector: the best point of the iteration, (n,).
        loss: of the problem's videos there.
        evaluations: that it took, see `History`.
        finished: True if there is nothing left to do.
    """

    vector: Float[Array, " n"] | np.ndarray
    loss: float
    evaluations: float
    finished: bool = False


class Solver(NamedTuple):
    """A method of minimizing.

    Attributes:
        init: (n,) start -> state, a pytree of arrays.
        update: state -> next state and what was found; one iteration.
        rehearse: compiles all that `update` may need; None if one update does.
    """

    init: Callable[[Float[Array, " n"]], Any]
    update: Callable[[Any], tuple[Any, StepResult]]
    rehearse: Callable[[], None] | None = None


class FitState(NamedTuple):
    """A fit under way.

    Attributes:
        solver: state of the solver.
        best: the best vector so far, by the held-out videos if there are any.
        judged: the loss that it is the best by.
        waited: iterations since it was found.
        finished: whether the solver is done.
        seconds: one entry an iteration, as `History`; the first is the start.
        evaluations: likewise.
        losses: likewise.
        held_out: likewise, see `Fit`; infinite without held-out videos.
    """

    solver: Any
    best: Float[np.ndarray, " n"]
    judged: Float[np.ndarray, ""]
    waited: Int[np.ndarray, ""]
    finished: Bool[np.ndarray, ""]
    seconds: Float[np.ndarray, " i"]
    evaluations: Float[np.ndarray, " i"]
    losses: Float[np.ndarray, " i"]
    held_out: Float[np.ndarray, " i"]


class Budget(TypedDict, total=False):
    """Options of the loop, which all fits take by these names.

    Attributes:
        seconds: stop after the first iteration that ends later.
        patience: with held-out videos, stop after so many iterations that did not improve on them; 50 by default.
        callback: called with (seconds, evaluations, lowest loss) after every iteration.
        resume: a `Run` to go on with, from `keep` or `saved.load`.
        keep: called with the `Run` after every iteration.
        clock: tells the seconds; `time.perf_counter` by default. `time.process_time` counts those of the processor,
            which a busy machine does not change.
    """

    seconds: float
    patience: int
    callback: Callback | None
    resume: FitState | None
    keep: Callable[[FitState], None] | None
    clock: Callable[[], float]


class Options(Objective, Budget, total=False):
    """All that the fits have in common."""


def split(options: Options) -> tuple[Objective, Budget]:
    """The options of the loss, and those of the loop."""
    known: dict[str, Any] = dict(options)
    unknown = known.keys() - Objective.__annotations__.keys() - Budget.__annotations__.keys()
    if unknown:
        raise TypeError(f"unknown option {sorted(unknown)[0]!r}")
    objective = {name: value for name, value in known.items() if name in Objective.__annotations__}
    return Objective(**objective), Budget(**{name: known[name] for name in known.keys() - objective.keys()})


def init_fit(problem: Problem, state: Any) -> FitState:
    """A run at its start, which is its first entry."""
    nothing = np.zeros(0)
    run = FitState(
        solver=state,
        best=np.asarray(problem.start),
        judged=np.asarray(np.inf),
        waited=np.asarray(0),
        finished=np.asarray(False),
        seconds=nothing,
        evaluations=nothing,
        losses=nothing,
        held_out=nothing,
    )
    return record(run, problem, StepResult(problem.start, float(problem.loss(problem.start)), 1), 0.0)


def record(run: FitState, problem: Problem, found: StepResult, seconds: float) -> FitState:
    """The run with one iteration more."""
    lowest = min(_last(run.losses), found.loss if np.isfinite(found.loss) else np.inf)
    judged, held_out = found.loss, np.inf
    if problem.judge is not None:
        judged = held_out = float(problem.judge(jnp.asarray(found.vector, problem.start.dtype)))
    better = np.isfinite(judged) and judged < run.judged
    return run._replace(
        best=np.array(found.vector) if better else run.best,
        judged=np.asarray(judged if better else run.judged),
        waited=np.asarray(0 if better else run.waited + 1),
        finished=np.asarray(found.finished),
        seconds=np.append(run.seconds, seconds),
        evaluations=np.append(run.evaluations, run.evaluations[-1:].sum() + found.evaluations),
        losses=np.append(run.losses, lowest),
        held_out=np.append(run.held_out, min(_last(run.held_out), held_out)),
    )


def run_loop(problem: Problem, solver: Solver, *, iterations: int, **budget: Unpack[Budget]) -> Fit:
    """Run a solver until it is done, or its budget is spent.

    Args:
        problem: what is minimized.
        solver: by what.
        iterations: at most, those of a resumed run counted in.
        **budget: see `Budget`.
    """
    if iterations < 0:
        raise InputError(f"steps: {iterations}, expected a number not below 0")
    began = time.perf_counter()
    first = solver.init(problem.start)
    # One iteration for nothing: all is compiled after it, and it changes no state.
    jax.block_until_ready(problem.loss(problem.start))
    if solver.rehearse is not None:
        solver.rehearse()
    else:
        resumed = budget.get("resume")
        jax.block_until_ready(solver.update(first if resumed is None else resumed.solver)[0])
    if problem.judge is not None:
        jax.block_until_ready(problem.judge(problem.start))
    compile_seconds = time.perf_counter() - began

    run, callback, keep = budget.get("resume"), budget.get("callback"), budget.get("keep")
    limit, patience = budget.get("seconds", np.inf), budget.get("patience", 50)
    clock = budget.get("clock", time.perf_counter)
    began = clock()
    fresh = run is None
    run = init_fit(problem, first) if run is None else run
    began -= float(run.seconds[-1])
    if fresh:
        _report(run, callback, keep)
    for _ in range(len(run.losses) - 1, iterations):
        given_up = problem.judge is not None and run.waited >= patience
        if run.finished or given_up or run.seconds[-1] >= limit:
            break
        state, found = solver.update(run.solver)
        run = record(run._replace(solver=state), problem, found, clock() - began)
        _report(run, callback, keep)
    return as_fit(run, problem, compile_seconds)


def as_fit(run: FitState, problem: Problem, compile_seconds: float) -> Fit:
    """What the run has found."""
    params = problem.expand(jnp.asarray(run.best, problem.start.dtype))
    # Parts of evaluations add up; a history tells whole ones.
    history = History(run.seconds.tolist(), [round(number) for number in run.evaluations], run.losses.tolist())
    held_out = None if problem.judge is None else run.held_out.tolist()
    return Fit(params, history, compile_seconds, held_out)


def _report(run: FitState, callback: Callback | None, keep: Callable[[FitState], None] | None) -> None:
    if keep is not None:  # first: the callback may be where the user interrupts
        keep(run)
    if callback is not None:
        callback(float(run.seconds[-1]), round(run.evaluations[-1]), float(run.losses[-1]))


def _last(values: np.ndarray) -> float:
    return float(values[-1]) if values.size else float("inf")


def join_histories(parts: Sequence[History]) -> History:
    """One history of fits that followed each other, each starting where the last one ended."""
    joined = History([], [], [])
    for part in parts:
        seconds = joined.seconds[-1] if joined.seconds else 0.0
        evaluations = joined.evaluations[-1] if joined.evaluations else 0
        lowest = joined.loss[-1] if joined.loss else np.inf
        joined.seconds.extend(seconds + value for value in part.seconds)
        joined.evaluations.extend(evaluations + value for value in part.evaluations)
        joined.loss.extend(min(lowest, value) for value in part.loss)
    return joined
