"""Fit as the paper does, by the simplex of Nelder and Mead, here in its adaptive form (Gao and Han 2012), in JAX.

The simplex is a pair `init_simplex` and `update_simplex`. Its state holds the point to evaluate next (`trial`), and
`update_simplex` takes the value there. Since no branch evaluates the loss, many simplices run in one `vmap`, each in a
phase of its own. The moves are those of SciPy's `minimize(method="Nelder-Mead", options={"adaptive": True})`, in the
same order. In hundreds of dimensions a simplex hardly moves; `share_scales` leaves it seven.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
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

TOLERANCE = 1e-4
"""A simplex has converged when no coordinate and no value is further than this from its best vertex, as in SciPy."""

EVALUATIONS_PER_ITERATION = 10
"""Evaluations of each simplex per iteration of the fit."""

START, REFLECT, EXPAND, OUTSIDE, INSIDE, SHRINK = range(6)
"""Phases of a simplex: what the trial point is."""


def fit_nelder_mead(
    videos: Videos,
    *,
    init_params: Params | None = None,
    starts: int = 1,
    init_scale: float = 1.5,
    edge: float | None = 1.0,
    seed: int = 0,
    evaluations: int | None = 2000,
    seconds: float = float("inf"),
    patience: int = PATIENCE,
    clock: Callable[[], float] = time.perf_counter,
    share_scales: bool = False,
    freeze_recurrent: bool = False,
    freeze_outliers: bool = False,
    validation: Videos | None = None,
    covariance: CovarianceKind = "diagonal",
    chunk: int | None = None,
    weights: LossWeights = PAPER_WEIGHTS,
    mesh: Mesh | None = None,
    progress: ProgressCallback = silent,
    resume: str | os.PathLike[str] | FitState | None = None,
    keep: KeepCallback | None = None,
) -> Fit:
    """Minimize the stabilization loss over all videos by one simplex, or by many from different starts.

    Args:
        videos: what to fit, tracks (N, T, M, d) from `pad_videos` or `as_videos`.
        init_params: first parameters; None is `paper_init(videos)`, the paper's.
        starts: number of simplices. The first one starts at `init_params`.
        init_scale: standard deviation of the other starts around it, in the unconstrained space.
        edge: length of the first edges in the unconstrained space. None takes SciPy's first simplex: 5 % of each
            coordinate, and 0.00025 where it is zero, with which the search stalls.
        seed: draws the other starts.
        evaluations: maximum number of evaluations of the loss, over all simplices together; None is no limit.
        seconds: stop after the first iteration that ends later; compiling does not count.
        patience: with `validation`, stop after this number of iterations in a row without an improvement there.
            An iteration makes 10 evaluations of each simplex.
        clock: returns the time in seconds, see `Budget`.
        share_scales: move each row of variances by one shared number, see `make_problem`.
        freeze_recurrent: leave the weights of a recurrent network as they are.
        freeze_outliers: fit without the outlier detection of `init_params`; the result has it unchanged.
        validation: videos that choose the best parameters and stop the fit; they are not fitted.
        covariance: which covariance of the history to keep, see `run`.
        chunk: of `run`; without a gradient it saves nothing.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        mesh: devices to divide the videos among, from `device_mesh`.
        progress: called after each iteration, see `fit`.
        resume: an earlier fit with the same options to continue, see `fit`.
        keep: called with the state after each iteration, to save it.

    Returns:
        The best parameters found, and the history.

    Raises:
        InputError: an option is out of range, or see `fit` and `make_problem`.
    """
    if evaluations is not None and evaluations < 1:
        raise InputError(f"evaluations: {evaluations}, expected at least 1")
    outliers = init_params.outliers if init_params is not None and freeze_outliers else None
    if init_params is not None and freeze_outliers:
        init_params = init_params._replace(outliers=None)
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
    solver = NelderMead(starts=starts, init_scale=init_scale, edge=edge, seed=seed)
    budget = Budget(evaluations=evaluations, seconds=seconds, patience=patience, clock=clock)
    found = fit(problem, solver, budget=budget, progress=progress, resume=resume, keep=keep)
    return found._replace(params=found.params._replace(outliers=outliers)) if freeze_outliers else found


class Simplex(NamedTuple):
    """State of one simplex.

    Attributes:
        vertices: (V, N) with V = N + 1, sorted by value as soon as all have one.
        values: (V,), infinite where none is known yet.
        trial: (n,), the point to evaluate next.
        phase: what that point is, START to SHRINK.
        vertex: its number, while vertices are evaluated one by one (START, SHRINK).
        reflected: (n,), the reflected point, while another is compared with it.
        reflected_value: its value.
    """

    vertices: Float[Array, "v n"]
    values: Float[Array, " v"]
    trial: Float[Array, " n"]
    phase: Int[Array, ""]
    vertex: Int[Array, ""]
    reflected: Float[Array, " n"]
    reflected_value: Float[Array, ""]


class NelderMeadState(NamedTuple):
    """State of the search.

    Attributes:
        initial: (n,), where it began.
        simplices: with a leading axis of starts.
        best: (n,), lowest point so far.
        best_loss: its loss.
    """

    initial: Float[Array, " n"]
    simplices: Simplex
    best: Float[Array, " n"]
    best_loss: Float[Array, ""]


@dataclass(frozen=True)
class NelderMead:
    """Solver: adaptive simplices from one or many starts.

    Attributes:
        starts: number of simplices. The first one starts at the problem's initial point.
        init_scale: standard deviation of the other starts around it.
        edge: length of the first edges; None takes SciPy's, see `initial_vertices`.
        seed: draws the other starts.
    """

    starts: int = 1
    init_scale: float = 1.5
    edge: float | None = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options."""
        if self.starts < 1 or (self.edge is not None and self.edge <= 0) or self.init_scale < 0:
            raise InputError(
                f"starts: {self.starts}, edge: {self.edge}, init_scale: {self.init_scale}, "
                "expected at least 1, more than 0, and at least 0"
            )

    def init(self, problem: Problem) -> NelderMeadState:
        """The first simplices, not evaluated yet."""
        initial = problem.initial
        shape = (self.starts, initial.size)
        offsets = self.init_scale * jax.random.normal(jax.random.key(self.seed), shape, initial.dtype)
        places = initial[None] + offsets.at[0].set(0)
        simplices = jax.vmap(lambda place: init_simplex(initial_vertices(place, edge=self.edge)))(places)
        state = NelderMeadState(initial, simplices, initial, jnp.asarray(jnp.inf, initial.dtype))
        return sharding.everywhere(state, problem.mesh)

    def step(self, problem: Problem, state: NelderMeadState) -> tuple[NelderMeadState, StepResult]:
        """Ten evaluations of each simplex."""
        state, converged = problem.compiled(_nelder_mead_step)(state, problem.videos)
        evaluations = EVALUATIONS_PER_ITERATION * self.starts
        return state, StepResult(np.asarray(state.best), float(state.best_loss), evaluations, bool(converged))


def _nelder_mead_step(
    problem: Problem, state: NelderMeadState, videos: Videos
) -> tuple[NelderMeadState, Bool[Array, ""]]:
    """The state after some evaluations, and whether every simplex has converged."""

    def loss(vector: Array) -> Array:
        return problem.loss_on(vector, videos)

    def evaluate(state: NelderMeadState, _: None) -> tuple[NelderMeadState, None]:
        trial = state.simplices.trial
        if len(trial) > 1:
            values = jax.vmap(loss)(trial)
            simplices = jax.vmap(update_simplex)(state.simplices, values)
        else:  # without `vmap`, only the branch of the current phase runs
            values = loss(trial[0])[None]
            simplex = update_simplex(jax.tree.map(lambda leaf: leaf[0], state.simplices), values[0])
            simplices = jax.tree.map(lambda leaf: leaf[None], simplex)
        values = jnp.where(jnp.isfinite(values), values, jnp.inf)
        i = values.argmin()
        best = jnp.where(values[i] < state.best_loss, trial[i], state.best)
        return state._replace(simplices=simplices, best=best, best_loss=jnp.minimum(values[i], state.best_loss)), None

    state, _ = jax.lax.scan(evaluate, state, None, length=EVALUATIONS_PER_ITERATION)
    extent, difference = jax.vmap(simplex_size)(state.simplices)
    return state, ((extent < TOLERANCE) & (difference < TOLERANCE)).all()


def initial_vertices(start: Float[Array, " n"], *, edge: float | None) -> Float[Array, "v n"]:
    """The vertices of a simplex with edges along the axes, (V, N) with V = N + 1.

    Args:
        start: the first vertex, (N,).
        edge: length of the edges. None takes those of SciPy: 5 % of each coordinate, 0.00025 where it is zero.
    """
    edges = jnp.full_like(start, edge) if edge is not None else jnp.where(start == 0, 0.00025, 0.05 * start)
    return jnp.concatenate([start[None], start[None] + jnp.diag(edges)])


def init_simplex(vertices: Float[Array, "v n"]) -> Simplex:
    """The state before the first evaluation, from vertices (V, N) with V = N + 1; numbers without a unit.

    Raises:
        InputError: there are not n + 1 vertices.
    """
    if vertices.ndim != 2 or vertices.shape[0] != vertices.shape[1] + 1:
        raise InputError(f"vertices: shape {vertices.shape}, expected (n + 1, n)")
    infinite = jnp.full_like(vertices[:, 0], jnp.inf)
    number = jnp.zeros((), jnp.int32)
    return Simplex(vertices, infinite, vertices[0], number, number, jnp.zeros_like(vertices[0]), infinite[0])


def update_simplex(state: Simplex, value: Float[Array, ""]) -> Simplex:
    """The state once the value () of `state.trial` is known; a value that is not finite counts as very bad."""
    # A large number instead of infinity, so that differences of values stay finite.
    worst = jnp.asarray(1e30, state.values.dtype)
    value = jnp.where(jnp.isfinite(value), value, worst).astype(state.values.dtype)
    return jax.lax.switch(state.phase, (_started, _reflected, _expanded, _outside, _inside, _started), state, value)


def simplex_size(state: Simplex) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Largest distance of a coordinate (), and of a value (), from those of the best vertex."""
    extent = jnp.abs(state.vertices[1:] - state.vertices[:1]).max()
    return extent, jnp.abs(state.values[1:] - state.values[0]).max()


def _started(state: Simplex, value: Array) -> Simplex:
    """After a vertex of a new or a shrunk simplex: the next vertex, or the first reflection."""
    state = state._replace(values=state.values.at[state.vertex].set(value))
    last = state.vertex == len(state.values) - 1
    next_vertex = state.vertices[jnp.minimum(state.vertex + 1, len(state.values) - 1)]
    more = state._replace(trial=next_vertex, vertex=state.vertex + 1)
    return _choose(last, _sorted(state), more)


def _reflected(state: Simplex, value: Array) -> Simplex:
    """Accept the reflected point, or compare it with an expansion or a contraction."""
    dim = state.trial.shape[0]
    expansion, contraction = 1 + 2 / dim, 0.75 - 1 / (2 * dim)
    centre, worst = _centre(state), state.vertices[-1]
    remembered = state._replace(reflected=state.trial, reflected_value=value)

    def compare_with(phase: int, trial: Array) -> Simplex:
        return remembered._replace(phase=jnp.asarray(phase, jnp.int32), trial=trial)

    best = value < state.values[0]
    good = value < state.values[-2]
    fair = value < state.values[-1]
    result = _choose(
        fair,
        compare_with(OUTSIDE, (1 + contraction) * centre - contraction * worst),
        compare_with(INSIDE, (1 - contraction) * centre + contraction * worst),
    )
    result = _choose(good, _accepted(state, state.trial, value), result)
    return _choose(best, compare_with(EXPAND, (1 + expansion) * centre - expansion * worst), result)


def _expanded(state: Simplex, value: Array) -> Simplex:
    """Accept the better one of the expanded and the reflected point."""
    better = value < state.reflected_value
    point = jnp.where(better, state.trial, state.reflected)
    return _accepted(state, point, jnp.where(better, value, state.reflected_value))


def _outside(state: Simplex, value: Array) -> Simplex:
    """Accept the outside contraction, or shrink."""
    return _choose(value <= state.reflected_value, _accepted(state, state.trial, value), _shrinking(state))


def _inside(state: Simplex, value: Array) -> Simplex:
    """Accept the inside contraction, or shrink."""
    return _choose(value < state.values[-1], _accepted(state, state.trial, value), _shrinking(state))


def _shrinking(state: Simplex) -> Simplex:
    """Move all vertices towards the best one, and evaluate them again."""
    ratio = 1 - 1 / state.trial.shape[0]
    vertices = state.vertices[:1] + ratio * (state.vertices - state.vertices[:1])
    # The best vertex is not evaluated again.
    vertices = vertices.at[0].set(state.vertices[0])
    phase, first = jnp.asarray(SHRINK, jnp.int32), jnp.asarray(1, jnp.int32)
    return state._replace(vertices=vertices, trial=vertices[1], phase=phase, vertex=first)


def _accepted(state: Simplex, point: Array, value: Array) -> Simplex:
    """Replace the worst vertex."""
    vertices, values = state.vertices.at[-1].set(point), state.values.at[-1].set(value)
    return _sorted(state._replace(vertices=vertices, values=values))


def _sorted(state: Simplex) -> Simplex:
    """Sort the vertices by value; the next trial is the reflection of the worst one."""
    order = jnp.argsort(state.values)
    state = state._replace(vertices=state.vertices[order], values=state.values[order])
    trial = 2 * _centre(state) - state.vertices[-1]
    return state._replace(trial=trial, phase=jnp.asarray(REFLECT, jnp.int32), vertex=jnp.zeros((), jnp.int32))


def _centre(state: Simplex) -> Array:
    return state.vertices[:-1].sum(axis=0) / (len(state.vertices) - 1)


def _choose(condition: Array, yes: Simplex, no: Simplex) -> Simplex:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
