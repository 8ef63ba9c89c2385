"""The loop of every fit: run a solver, keep the best parameters, stop when the budget is spent.

`fit(problem, solver, budget=...)` works like `optimistix.minimise`. A solver is a value that holds its options, with
`init` and `step`. Everything that a fit knows lies in a `FitState`, a pytree of arrays: saved after any iteration and
read back (`checkpoint.py`), the fit goes on exactly as if it had not been interrupted.
"""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.stabilizer.fit.checkpoint import load_fit
from fhr_jax.stabilizer.fit.objective import Problem
from fhr_jax.stabilizer.fit.state import Fit, FitState, History
from fhr_jax.stabilizer.params import Params

PATIENCE = 50
"""Iterations without an improvement on the validation videos after which a fit stops."""


class StepResult(NamedTuple):
    """What one iteration of a solver found.

    Attributes:
        vector: the best point of the iteration, (n,).
        loss: of the problem's videos there.
        evaluations: that the iteration took, see `History`.
        finished: True if the solver cannot improve any further.
    """

    vector: Float[Array, " n"] | np.ndarray
    loss: float
    evaluations: float
    finished: bool = False


@runtime_checkable
class Solver(Protocol):
    """A method of minimization: a value that holds its options."""

    def init(self, problem: Problem) -> Any:
        """The state before the first iteration, a pytree of arrays."""
        ...

    def step(self, problem: Problem, state: Any) -> tuple[Any, StepResult]:
        """One iteration: the next state, and what was found."""
        ...


class Budget(NamedTuple):
    """When a fit stops; whichever limit comes first. What a resumed fit has used before counts.

    Attributes:
        iterations: maximum number of iterations; None is no limit.
        evaluations: stop after the first iteration that reaches this number of evaluations of the loss; None is no
            limit.
        seconds: stop after the first iteration that ends later; compiling does not count.
        patience: with validation videos, stop after this number of iterations in a row without an improvement on them.
        clock: returns the time in seconds. `time.process_time` counts processor time, for busy machines.
    """

    iterations: int | None = None
    evaluations: int | None = None
    seconds: float = float("inf")
    patience: int = PATIENCE
    clock: Callable[[], float] = time.perf_counter


KeepCallback = Callable[[FitState], None]
"""Called with the state of a fit after each iteration, to save it."""


def fit(
    problem: Problem,
    solver: Solver,
    *,
    budget: Budget,
    progress: ProgressCallback = silent,
    resume: str | os.PathLike[str] | FitState | None = None,
    keep: KeepCallback | None = None,
) -> Fit:
    """Minimize the loss of a problem by a solver until it has finished or the budget is spent.

    Args:
        problem: from `make_problem`.
        solver: for example `LBFGS()`, `OptaxSolver(...)`, `Minibatch(...)` or `NelderMead()`.
        budget: when to stop.
        progress: called after each iteration. `done` and `total` count iterations; `info` has `seconds`, `evaluations`
            and the lowest `loss`.
        resume: an earlier fit of the same problem by the same solver to continue: its state, from `keep`, or the file
            that `save_fit` wrote. Its initial parameters replace those of the problem: where the tracks do not move,
            their basis is arbitrary, and another version of JAX may find another one. Files of earlier versions do not
            hold them.
        keep: called with the state after each iteration, before `progress`.

    Raises:
        InputError: a limit of the budget is negative, or the file to resume from is broken or holds another fit.
    """
    if min(budget.iterations or 0, budget.evaluations or 0, budget.seconds, budget.patience) < 0:
        raise InputError(f"budget: {budget}, expected limits not below 0")
    began = time.perf_counter()
    initial = solver.init(problem)
    if isinstance(resume, str | os.PathLike):
        resume = load_fit(resume, initial)
    problem = problem if resume is None else _as_begun(problem, resume.init_params)
    _warm_up(problem, solver, initial if resume is None else resume.solver_state)
    compile_seconds = time.perf_counter() - began

    began = budget.clock()
    if resume is None:
        state = init_fit(problem, initial)
        _report(state, budget, progress, keep)
    else:
        state = resume._replace(init_params=problem.init_params)
        began -= float(state.seconds[-1])
    while not _spent(state, budget, validated=problem.validation_loss is not None):
        solver_state, result = solver.step(problem, state.solver_state)
        state = record(state._replace(solver_state=solver_state), problem, result, budget.clock() - began)
        _report(state, budget, progress, keep)
    return _as_fit(state, problem, compile_seconds)


def init_fit(problem: Problem, solver_state: Any) -> FitState:
    """The state before the first iteration, whose loss is the first entry of the history."""
    nothing = np.zeros(0)
    state = FitState(
        solver_state=solver_state,
        best=np.asarray(problem.initial),
        best_loss=np.asarray(np.inf),
        stale_steps=np.asarray(0),
        finished=np.asarray(False),
        seconds=nothing,
        evaluations=nothing,
        loss=nothing,
        validation_loss=nothing,
        init_params=problem.init_params,
    )
    return record(state, problem, StepResult(problem.initial, float(problem.loss(problem.initial)), 1), 0.0)


def record(state: FitState, problem: Problem, result: StepResult, seconds: float) -> FitState:
    """The state with one more iteration in its history.

    Args:
        state: before.
        problem: gives the validation loss.
        result: of the iteration.
        seconds: since the start of the fit.
    """
    loss, validation_loss = result.loss if np.isfinite(result.loss) else np.inf, np.inf
    if problem.validation_loss is not None:
        validation_loss = float(problem.validation_loss(jnp.asarray(result.vector, problem.initial.dtype)))
    decisive = result.loss if problem.validation_loss is None else validation_loss
    better = np.isfinite(decisive) and decisive < state.best_loss
    return state._replace(
        best=np.array(result.vector) if better else state.best,
        best_loss=np.asarray(decisive if better else state.best_loss),
        stale_steps=np.asarray(0 if better else state.stale_steps + 1),
        finished=np.asarray(result.finished),
        seconds=np.append(state.seconds, seconds),
        evaluations=np.append(state.evaluations, state.evaluations[-1:].sum() + result.evaluations),
        loss=np.append(state.loss, min(_last(state.loss), loss)),
        validation_loss=np.append(state.validation_loss, min(_last(state.validation_loss), validation_loss)),
    )


def _as_begun(problem: Problem, init_params: Params | None) -> Problem:
    """The problem with the initial parameters of an earlier fit; as it is if they are the same, or unknown."""
    if init_params is None:
        return problem
    begun, given = (jax.tree.flatten(params) for params in (init_params, problem.init_params))
    pairs = list(zip(begun[0], given[0], strict=False))
    if begun[1] != given[1] or any(a.shape != b.shape for a, b in pairs):
        raise InputError("resume: holds another fit, expected one with the same solver, options and tracks")
    return problem if all(np.array_equal(a, b) for a, b in pairs) else problem.begin_at(init_params)


def _warm_up(problem: Problem, solver: Solver, solver_state: Any) -> None:
    """Compile everything: evaluate each loss once and make one step, whose result is dropped."""
    jax.block_until_ready(problem.loss(problem.initial))
    jax.block_until_ready(solver.step(problem, solver_state)[0])
    if problem.validation_loss is not None:
        jax.block_until_ready(problem.validation_loss(problem.initial))


def _spent(state: FitState, budget: Budget, *, validated: bool) -> bool:
    """Whether the solver has finished, or a limit of the budget is reached."""
    return (
        bool(state.finished)
        or (validated and int(state.stale_steps) >= budget.patience)
        or float(state.seconds[-1]) >= budget.seconds
        or (budget.iterations is not None and len(state.loss) > budget.iterations)
        or (budget.evaluations is not None and float(state.evaluations[-1]) >= budget.evaluations)
    )


def _as_fit(state: FitState, problem: Problem, compile_seconds: float) -> Fit:
    params = problem.to_params(jnp.asarray(state.best, problem.initial.dtype))
    history = History(state.seconds.tolist(), [round(number) for number in state.evaluations], state.loss.tolist())
    validation_loss = None if problem.validation_loss is None else state.validation_loss.tolist()
    return Fit(params, history, compile_seconds, validation_loss)


def _report(state: FitState, budget: Budget, progress: ProgressCallback, keep: KeepCallback | None) -> None:
    if keep is not None:  # first, since the user may interrupt the fit from within `progress`
        keep(state)
    info = {"seconds": state.seconds[-1].item(), "evaluations": round(state.evaluations[-1]), "loss": _last(state.loss)}
    progress(Progress(len(state.loss) - 1, budget.iterations, info))


def _last(values: np.ndarray) -> float:
    return float(values[-1]) if values.size else float("inf")
