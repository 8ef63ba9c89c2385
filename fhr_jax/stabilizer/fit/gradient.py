"""Fit by gradient over all videos at once: L-BFGS, or any optimizer of Optax, differentiating through the scan.

With 68 points one component of the paper's model has nearly all the weight in almost every frame, so the gradient says
nothing about the other one. A fit may therefore be annealed: it starts at a high temperature, where all components
take part, and cools down to temperature 1, which is the model itself.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights
from fhr_jax.progress import ProgressCallback, silent
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.fit.loop import PATIENCE, Budget, KeepCallback, StepResult, fit
from fhr_jax.stabilizer.fit.objective import Problem, make_problem
from fhr_jax.stabilizer.fit.state import Fit, FitState
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params

ANNEALING = (10.0, 1.0)
"""Temperatures that brought the paper's model from the paper's initial parameters to the lowest losses."""

ANNEALING_STEPS = 20
"""Steps at each temperature but the last."""


def fit_gradient(
    videos: Videos,
    *,
    init_params: Params | None = None,
    optimizer: optax.GradientTransformation | None = None,
    annealing: Sequence[float] = (1.0,),
    annealing_steps: int = ANNEALING_STEPS,
    steps: int | None = 200,
    seconds: float = float("inf"),
    patience: int = PATIENCE,
    clock: Callable[[], float] = time.perf_counter,
    share_scales: bool = False,
    freeze_recurrent: bool = False,
    validation: Videos | None = None,
    covariance: CovarianceKind = "diagonal",
    chunk: int | None = None,
    weights: LossWeights = PAPER_WEIGHTS,
    mesh: Mesh | None = None,
    progress: ProgressCallback = silent,
    resume: str | os.PathLike[str] | FitState | None = None,
    keep: KeepCallback | None = None,
) -> Fit:
    """Minimize the stabilization loss over all videos at once.

    Args:
        videos: what to fit, tracks (N, T, M, d) from `pad_videos` or `as_videos`.
        init_params: first parameters; None is `paper_init(videos)`, the paper's.
        optimizer: of Optax; None is L-BFGS with a zoom line search.
        annealing: temperatures of the responsibilities, one after the other, the last one 1. `ANNEALING` helps where
            there are many points. L-BFGS restarts at each temperature; for other optimizers it falls smoothly.
        annealing_steps: steps at each temperature but the last.
        steps: maximum number of iterations; None is no limit. An optimizer of Optax evaluates the loss before each
            step, so the point after the last step is not evaluated.
        seconds: stop after the first iteration that ends later; compiling does not count.
        patience: with `validation`, stop after this number of iterations in a row without an improvement there.
        clock: returns the time in seconds, see `Budget`.
        share_scales: move each row of variances by one shared number, see `make_problem`.
        freeze_recurrent: leave the weights of a recurrent network as they are.
        validation: videos that choose the best parameters and stop the fit; they are not fitted.
        covariance: which covariance of the history to keep, see `run`.
        chunk: keep only the states of every `chunk`-th frame for the gradient, for long tracks; see `run`.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        mesh: devices to divide the videos among, from `device_mesh`.
        progress: called after each iteration, see `fit`.
        resume: an earlier fit with the same options to continue, see `fit`.
        keep: called with the state after each iteration, to save it.

    Returns:
        The best parameters found, and the history. One step of L-BFGS counts all evaluations of its line search.

    Raises:
        InputError: the annealing schedule does not end at 1, or see `fit` and `make_problem`.
    """
    problem = make_problem(
        videos,
        init_params=init_params,
        share_scales=share_scales,
        freeze_recurrent=freeze_recurrent,
        validation=validation,
        covariance=covariance,
        chunk=chunk,
        weights=weights,
        mesh=mesh,
    )
    schedule = (tuple(annealing), annealing_steps)
    solver = LBFGS(*schedule) if optimizer is None else OptaxSolver(optimizer, *schedule)
    budget = Budget(iterations=steps, seconds=seconds, patience=patience, clock=clock)
    return fit(problem, solver, budget=budget, progress=progress, resume=resume, keep=keep)


def _check_annealing(annealing: Sequence[float], steps: int) -> None:
    if not annealing or annealing[-1] != 1 or min(annealing) <= 0 or steps < 1:
        raise InputError(
            f"annealing: {tuple(annealing)}, annealing_steps: {steps}, expected positive temperatures of which the "
            "last is 1, and at least 1 step"
        )


class LBFGSState(NamedTuple):
    """State of L-BFGS.

    Attributes:
        vector: (n,), the current point.
        optimizer: state of Optax's L-BFGS.
        stage: number of the current temperature.
        stage_steps: steps made at this temperature.
        stage_loss: lowest loss at this temperature.
        stage_best: (n,), where that was.
        restarted: whether L-BFGS has restarted from there since the loss last fell.
    """

    vector: Float[Array, " n"]
    optimizer: optax.OptState
    stage: Int[np.ndarray, ""]
    stage_steps: Int[np.ndarray, ""]
    stage_loss: Float[np.ndarray, ""]
    stage_best: Float[Array, " n"]
    restarted: Bool[np.ndarray, ""]


@dataclass(frozen=True)
class LBFGS:
    """Solver: L-BFGS with a zoom line search, which restarts at each temperature.

    Attributes:
        annealing: temperatures, one after the other, the last one 1.
        annealing_steps: steps at each temperature but the last.
    """

    annealing: tuple[float, ...] = (1.0,)
    annealing_steps: int = ANNEALING_STEPS

    def __post_init__(self) -> None:
        """Check the schedule."""
        _check_annealing(self.annealing, self.annealing_steps)

    def init(self, problem: Problem) -> LBFGSState:
        """The state at the first temperature, at the problem's initial point."""
        return self._restart(problem, problem.initial)

    def step(self, problem: Problem, state: LBFGSState) -> tuple[LBFGSState, StepResult]:
        """One step of L-BFGS with its line search; then restart, or the next temperature, where the loss is stuck."""
        annealed = int(state.stage) < len(self.annealing) - 1
        # One program serves all temperatures; only with a full covariance the last stage has a program of its own.
        plain = len(self.annealing) == 1 or (not annealed and problem.covariance != "diagonal")
        temperature = None if plain else jnp.asarray(self.annealing[int(state.stage)], state.vector.dtype)
        vector, optimizer, value, searched, finite = problem.compiled(_lbfgs_step)(
            state.vector, state.optimizer, problem.videos, temperature
        )
        value, evaluations = float(value), max(1, int(searched))
        better = bool(finite) and value < float(state.stage_loss)
        loss = value
        if annealed:  # the history holds the loss of the model itself, at temperature 1
            loss, evaluations = float(problem.loss(vector)), evaluations + 1
        result = StepResult(np.asarray(vector), loss if finite else np.inf, evaluations)
        if better:
            state = state._replace(stage_loss=np.asarray(value, np.float32), stage_best=vector)
        restarted = np.asarray(not better and bool(state.restarted))
        state = state._replace(
            vector=vector, optimizer=optimizer, stage_steps=state.stage_steps + 1, restarted=restarted
        )
        if annealed and (int(state.stage_steps) >= self.annealing_steps or not better):
            return self._restart(problem, state.stage_best)._replace(stage=state.stage + 1), result
        if not better:
            # The line search found nothing lower along the direction of its memory: restart without memory, once.
            if state.restarted or not finite:
                return state, result._replace(finished=True)
            again = self._restart(problem, state.stage_best)
            return again._replace(stage=state.stage, stage_loss=state.stage_loss, restarted=np.asarray(True)), result
        return state, result

    def _restart(self, problem: Problem, vector: Array) -> LBFGSState:
        optimizer = sharding.everywhere(optax.lbfgs().init(vector), problem.mesh)
        infinite = np.asarray(np.inf, np.float32)
        return LBFGSState(vector, optimizer, np.asarray(0), np.asarray(0), infinite, vector, np.asarray(False))


def _lbfgs_step(
    problem: Problem, vector: Array, state: optax.OptState, videos: Videos, temperature: Array | None
) -> tuple[Array, optax.OptState, Array, Array, Array]:
    """The point after a line search, the optimizer's state, the loss, evaluations, and whether the point is finite."""
    optimizer = optax.lbfgs()

    def loss(v: Array) -> Array:
        return problem.loss_on(v, videos, temperature)

    # The line search has already evaluated the point where it ended.
    value, gradient = optax.value_and_grad_from_state(loss)(vector, state=state)
    updates, state = optimizer.update(gradient, state, vector, value=value, grad=gradient, value_fn=loss)
    vector = jnp.asarray(optax.apply_updates(vector, updates))
    value, info = (optax.tree_utils.tree_get(state, name) for name in ("value", "info"))
    return vector, state, jnp.asarray(value), info.num_linesearch_steps, jnp.isfinite(vector).all()


class OptaxState(NamedTuple):
    """State of an optimizer of Optax.

    Attributes:
        vector: (n,), the current point.
        optimizer: state of the optimizer.
        steps: updates made.
    """

    vector: Float[Array, " n"]
    optimizer: optax.OptState
    steps: Int[Array, ""]


@dataclass(frozen=True)
class OptaxSolver:
    """Solver: an optimizer of Optax on all videos at once, at a temperature that falls smoothly.

    Attributes:
        optimizer: of Optax, such as `optax.adam(0.1)`.
        annealing: temperatures that the schedule passes through, the last one 1.
        annealing_steps: steps from each temperature to the next.
    """

    optimizer: optax.GradientTransformation
    annealing: tuple[float, ...] = (1.0,)
    annealing_steps: int = ANNEALING_STEPS

    def __post_init__(self) -> None:
        """Check the schedule."""
        _check_annealing(self.annealing, self.annealing_steps)

    def init(self, problem: Problem) -> OptaxState:
        """The state at the problem's initial point."""
        state = OptaxState(problem.initial, self.optimizer.init(problem.initial), jnp.zeros((), jnp.int32))
        return sharding.everywhere(state, problem.mesh)

    def step(self, problem: Problem, state: OptaxState) -> tuple[OptaxState, StepResult]:
        """The loss at the current point, then one update."""
        annealed = int(state.steps) < self.annealing_steps * (len(self.annealing) - 1)
        after, value = problem.compiled(_optax_step, self)(state, problem.videos)
        loss = float(problem.loss(state.vector)) if annealed else float(value)
        finished = not bool(jnp.isfinite(after.vector).all())
        return after, StepResult(np.asarray(state.vector), loss, 1 + annealed, finished)


def _optax_step(problem: Problem, solver: OptaxSolver, state: OptaxState, videos: Videos) -> tuple[OptaxState, Array]:
    """The state after one update, and the loss before it."""
    temperature = _temperature(state.steps, solver, state.vector.dtype)
    value, gradient = jax.value_and_grad(problem.loss_on)(state.vector, videos, temperature)
    updates, after = solver.optimizer.update(gradient, state.optimizer, state.vector)
    vector = jnp.asarray(optax.apply_updates(state.vector, updates))
    return OptaxState(vector, after, state.steps + 1), value


def _temperature(steps: Array, solver: OptaxSolver, dtype: jnp.dtype) -> Array | None:
    """Piecewise linear in the logarithm, with a knot at each temperature, `annealing_steps` apart."""
    if len(solver.annealing) == 1:
        return None
    knots = solver.annealing_steps * jnp.arange(len(solver.annealing), dtype=dtype)
    return jnp.exp(jnp.interp(steps.astype(dtype), knots, jnp.log(jnp.asarray(solver.annealing, dtype))))
