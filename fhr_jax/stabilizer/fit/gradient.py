"""Fit by gradient over all videos at once: L-BFGS, or any optimizer of Optax, through the scan.

With 68 points the components of the paper's model switch hard: one of them has all the weight in almost every frame,
and the gradient does not see what the other one could do. So a fit may start at a high temperature, where all
components take part, and cool down to 1, which is the model itself.
"""

from collections.abc import Sequence
from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.loop import Fit, Options, Solver, StepResult, run_loop, split
from fhr_jax.stabilizer.fit.objective import Problem, make_problem
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params

ANNEALING = (10.0, 1.0)
"""Temperatures that brought the paper's model from the paper's start to the lowest losses, each for `STAGE` steps."""

ANNEALING_STEPS = 20
"""Steps at each temperature but the last."""


def fit_gradient(
    videos: Videos,
    *,
    start: Params | None = None,
    optimizer: optax.GradientTransformation | None = None,
    temperatures: Sequence[float] = (1.0,),
    stage: int = ANNEALING_STEPS,
    steps: int = 200,
    **options: Unpack[Options],
) -> Fit:
    """Minimize the stabilization loss over all videos at once.

    Args:
        videos: from `pad_videos` or `as_videos`.
        start: first parameters; None is the paper's start.
        optimizer: None is L-BFGS with a zoom line search.
        temperatures: of the switch between components, one after the other, the last one 1; `COOLING` helps where there
            are many points. L-BFGS starts anew at each of them, other optimizers follow them smoothly.
        stage: steps at each temperature but the last.
        steps: iterations at most. That of an optimizer of Optax judges where it is, then moves: the last move is not
            judged, and one step only judges the start.
        **options: see `Objective` and `Budget`.

    Returns:
        The best parameters seen, and the history. A step of L-BFGS counts all evaluations of its line search.
    """
    if not temperatures or temperatures[-1] != 1 or min(temperatures) <= 0 or stage < 1:
        raise InputError(
            f"temperatures: {tuple(temperatures)}, stage: {stage}, expected positive ones with 1 at the end"
        )
    objective, budget = split(options)
    problem = make_problem(paper_init(videos) if start is None else start, videos, **objective)
    if optimizer is None:
        solver = lbfgs(problem, temperatures=temperatures, stage=stage)
    else:
        solver = optax_descent(problem, optimizer, temperatures=temperatures, stage=stage)
    return run_loop(problem, solver, iterations=steps, **budget)


class LBFGSState(NamedTuple):
    """State of L-BFGS.

    Attributes:
        vector: where it is.
        optimizer: what it remembers.
        stage: number of the temperature.
        inside: steps made at this temperature.
        lowest: loss of this stage, at its temperature.
        place: where that was.
        forgot: whether it has started anew from there since it last went down.
    """

    vector: Float[Array, " n"]
    optimizer: optax.OptState
    stage: Int[np.ndarray, ""]
    inside: Int[np.ndarray, ""]
    lowest: Float[np.ndarray, ""]
    place: Float[Array, " n"]
    forgot: Bool[np.ndarray, ""]


def lbfgs(problem: Problem, *, temperatures: Sequence[float] = (1.0,), stage: int = ANNEALING_STEPS) -> Solver:
    """L-BFGS with a zoom line search, anew at each temperature; see `fit_gradient`."""
    optimizer = optax.lbfgs()
    cooling = len(temperatures) > 1

    def step(
        vector: Array, state: optax.OptState, videos: Videos, temperature: Array | None
    ) -> tuple[Array, optax.OptState, Array, Array, Array]:
        def loss(v: Array) -> Array:
            return problem.loss_of(v, videos, temperature)

        # The line search has already evaluated the point that it ended at.
        value, gradient = optax.value_and_grad_from_state(loss)(vector, state=state)
        updates, state = optimizer.update(gradient, state, vector, value=value, grad=gradient, value_fn=loss)
        vector = jnp.asarray(optax.apply_updates(vector, updates))
        value, info = (optax.tree_utils.tree_get(state, name) for name in ("value", "info"))
        return vector, state, jnp.asarray(value), info.num_linesearch_steps, jnp.isfinite(vector).all()

    compiled = sharding.compiled(step, problem.mesh)

    def init(start: Array) -> LBFGSState:
        state = sharding.everywhere(optimizer.init(start), problem.mesh)
        infinite = np.asarray(np.inf, np.float32)
        return LBFGSState(start, state, np.asarray(0), np.asarray(0), infinite, start, np.asarray(False))

    def update(s: LBFGSState) -> tuple[LBFGSState, StepResult]:
        hot = int(s.stage) < len(temperatures) - 1
        # While it cools the temperature is an argument, so one program does for all of them, the last one too.
        exact = not cooling or (not hot and problem.objective.get("covariance", "diagonal") != "diagonal")
        temperature = None if exact else jnp.asarray(temperatures[int(s.stage)], s.vector.dtype)
        vector, state, value, tried, finite = compiled(s.vector, s.optimizer, problem.videos, temperature)
        value, evaluations = float(value), max(1, int(tried))
        better = bool(finite) and value < float(s.lowest)
        true = value
        if hot:  # the history is of the model itself
            true, evaluations = float(problem.loss(vector)), evaluations + 1
        found = StepResult(np.asarray(vector), true if finite else np.inf, evaluations)
        if better:
            s = s._replace(lowest=np.asarray(value, np.float32), place=vector)
        forgot = np.asarray(not better and bool(s.forgot))
        s = s._replace(vector=vector, optimizer=state, inside=s.inside + 1, forgot=forgot)
        if hot and (int(s.inside) >= stage or not better):
            return init(s.place)._replace(stage=s.stage + 1), found
        if not better:
            # The line search found nothing lower along a direction made of what it remembers: forget, once.
            if s.forgot or not finite:
                return s, found._replace(finished=True)
            return init(s.place)._replace(stage=s.stage, lowest=s.lowest, forgot=np.asarray(True)), found
        return s, found

    return Solver(init, update)


class OptaxState(NamedTuple):
    """State of an optimizer of Optax: where it is, what it remembers, steps made."""

    vector: Float[Array, " n"]
    optimizer: optax.OptState
    steps: Int[Array, ""]


def optax_descent(
    problem: Problem,
    optimizer: optax.GradientTransformation,
    *,
    temperatures: Sequence[float] = (1.0,),
    stage: int = ANNEALING_STEPS,
) -> Solver:
    """Any optimizer of Optax on all videos at once, with a temperature that falls smoothly; see `fit_gradient`."""
    hot_steps = stage * (len(temperatures) - 1)

    def step(state: OptaxState, videos: Videos) -> tuple[OptaxState, Array]:
        heat = _temperature(state.steps, temperatures, stage, state.vector.dtype)
        value, gradient = jax.value_and_grad(problem.loss_of)(state.vector, videos, heat)
        updates, after = optimizer.update(gradient, state.optimizer, state.vector)
        vector = optax.apply_updates(state.vector, updates)
        return OptaxState(jnp.asarray(vector), after, state.steps + 1), value

    compiled = sharding.compiled(step, problem.mesh)

    def init(start: Array) -> OptaxState:
        state = OptaxState(start, optimizer.init(start), jnp.zeros((), jnp.int32))
        return sharding.everywhere(state, problem.mesh)

    def update(state: OptaxState) -> tuple[OptaxState, StepResult]:
        hot = int(state.steps) < hot_steps
        after, value = compiled(state, problem.videos)
        value = float(problem.loss(state.vector)) if hot else float(value)
        finished = not bool(jnp.isfinite(after.vector).all())
        return after, StepResult(np.asarray(state.vector), value, 1 + hot, finished)

    return Solver(init, update)


def _temperature(steps: Array, temperatures: Sequence[float], stage: int, dtype: jnp.dtype) -> Array | None:
    """Straight lines in the logarithm through the temperatures, `stage` steps apart."""
    if len(temperatures) == 1:
        return None
    knots = stage * jnp.arange(len(temperatures), dtype=dtype)
    return jnp.exp(jnp.interp(steps.astype(dtype), knots, jnp.log(jnp.asarray(temperatures, dtype))))
