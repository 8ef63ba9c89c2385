"""Fit by many simplices at once: the adaptive simplex in JAX, from many starts, in one `vmap`."""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit import nelder_mead
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.loop import Fit, Options, Solver, StepResult, run_loop, split
from fhr_jax.stabilizer.fit.nelder_mead import Simplex
from fhr_jax.stabilizer.fit.objective import Problem, make_problem
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params

TOLERANCE = 1e-4
"""As SciPy's: a simplex is done when neither a coordinate nor a value is further than this from the best vertex."""


def fit_starts(
    key: PRNGKeyArray | UInt32[Array, "2"],
    videos: Videos,
    *,
    start: Params | None = None,
    starts: int = 8,
    away: float = 1.5,
    edge: float = 1.0,
    evaluations: int = 8000,
    **options: Unpack[Options],
) -> Fit:
    """Minimize the stabilization loss over all videos by simplices from many starts.

    Args:
        key: of the starts.
        videos: from `pad_videos` or `as_videos`.
        start: first parameters; None is the paper's start. It is one of the starts.
        starts: number of simplices; with 1 it is `fit_simplex`, compiled and resumable.
        away: standard deviation of the other starts in the unconstrained space.
        edge: length of the first edges.
        evaluations: of the loss, at most, over all starts.
        **options: see `Objective` and `Budget`; tied is what a simplex needs where there are many points.
    """
    if min(starts, evaluations) < 1 or edge <= 0 or away < 0:
        raise InputError(
            f"starts: {starts}, evaluations: {evaluations}, edge: {edge}, away: {away}, "
            "expected at least 1, 1, more than 0, and 0"
        )
    objective, budget = split(options)
    problem = make_problem(paper_init(videos) if start is None else start, videos, **objective)
    solver = simplices(key, problem, starts=starts, away=away, edge=edge)
    return run_loop(problem, solver, iterations=-(-evaluations // (TICKS * starts)), **budget)


TICKS = 10
"""Evaluations of each simplex an iteration."""


class SimplicesState(NamedTuple):
    """State of the search.

    Attributes:
        start: where it began.
        simplices: with a leading axis of starts.
        best: lowest point so far.
        lowest: its loss.
    """

    start: Float[Array, " n"]
    simplices: Simplex
    best: Float[Array, " n"]
    lowest: Float[Array, ""]


def simplices(
    key: PRNGKeyArray | UInt32[Array, "2"],
    problem: Problem,
    *,
    starts: int,
    away: float,
    edge: float,
    tied: bool = False,
) -> Solver:
    """The search as a solver, see `fit_starts`; `tied` moves along the ties of a problem that is not tied itself."""
    ties = problem.ties if tied else jnp.eye(problem.start.size, dtype=problem.start.dtype)

    def iterate(search: SimplicesState, videos: Videos, ties: Array) -> tuple[SimplicesState, Array]:
        def full(place: Array) -> Array:
            return search.start + jnp.matmul(ties, place, precision="highest") if tied else place

        def loss(place: Array) -> Array:
            return problem.loss_of(full(place), videos)

        def tick(search: SimplicesState, _: None) -> tuple[SimplicesState, None]:
            trial = search.simplices.trial
            values = jax.vmap(loss)(trial) if starts > 1 else loss(trial[0])[None]
            states = jax.vmap(nelder_mead.update)(search.simplices, values)
            values = jnp.where(jnp.isfinite(values), values, jnp.inf)
            i = values.argmin()
            better = values[i] < search.lowest
            best = jnp.where(better, full(trial[i]), search.best)
            return search._replace(simplices=states, best=best, lowest=jnp.minimum(values[i], search.lowest)), None

        search, _ = jax.lax.scan(tick, search, None, length=TICKS)
        far, high = jax.vmap(nelder_mead.spread)(search.simplices)
        return search, ((far < TOLERANCE) & (high < TOLERANCE)).all()

    compiled = sharding.compiled(iterate, problem.mesh)

    def init(start: Array) -> SimplicesState:
        middle = jnp.zeros_like(start, shape=ties.shape[1]) if tied else start
        off = away * jax.random.normal(key, (starts, *middle.shape), start.dtype)
        places = middle[None] + off.at[0].set(0)
        states = jax.vmap(lambda place: nelder_mead.init(nelder_mead.corner(place, edge)))(places)
        return sharding.everywhere(
            SimplicesState(start, states, start, jnp.asarray(jnp.inf, start.dtype)), problem.mesh
        )

    def update(search: SimplicesState) -> tuple[SimplicesState, StepResult]:
        search, done = compiled(search, problem.videos, ties)
        return search, StepResult(np.asarray(search.best), float(search.lowest), TICKS * starts, bool(done))

    return Solver(init, update)
