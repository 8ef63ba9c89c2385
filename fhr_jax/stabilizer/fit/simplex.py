"""Fit as the paper does: the simplex of Nelder and Mead (Lagarias et al. 1998), SciPy's, on the same compiled loss."""

import time
from contextlib import suppress
from typing import Unpack

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.loop import Fit, Options, StepResult, as_fit, init_fit, record, split
from fhr_jax.stabilizer.fit.objective import make_problem
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params


class _Enough(Exception):
    """Leaves SciPy's loop."""


def fit_simplex(
    videos: Videos,
    *,
    start: Params | None = None,
    edge: float | None = 1.0,
    evaluations: int = 2000,
    **options: Unpack[Options],
) -> Fit:
    """Minimize the stabilization loss over all videos by an adaptive simplex.

    Args:
        videos: from `pad_videos` or `as_videos`.
        start: first parameters; None is the paper's start.
        edge: length of the first edges in the unconstrained space. None is SciPy's own first simplex: 5 % of a
            coordinate, 0.00025 where that is zero, which stalls.
        evaluations: of the loss, at most.
        **options: see `Objective` and `Budget`, without `resume` and `keep`: SciPy keeps its state to itself. In
            hundreds of dimensions a simplex hardly moves; `tied` leaves it seven.
    """
    if evaluations < 1 or (edge is not None and edge <= 0):
        raise InputError(f"evaluations: {evaluations}, edge: {edge}, expected at least 1 and more than 0")
    objective, budget = split(options)
    if budget.get("resume") is not None or budget.get("keep") is not None:
        raise InputError("resume, keep: given, expected neither; `fit_starts` with one start can be resumed")
    problem = make_problem(paper_init(videos) if start is None else start, videos, **objective)
    compiling = time.perf_counter()
    jax.block_until_ready(problem.loss(problem.start))
    if problem.judge is not None:
        jax.block_until_ready(problem.judge(problem.start))
    compile_seconds = time.perf_counter() - compiling

    dtype, callback = problem.start.dtype, budget.get("callback")
    limit, patience = budget.get("seconds", np.inf), budget.get("patience", 50)
    clock = budget.get("clock", time.perf_counter)
    began = clock()
    run = init_fit(problem, ())
    seen = StepResult(np.asarray(problem.start), np.inf, 0)

    def loss(vector: np.ndarray) -> float:
        nonlocal seen
        value = float(problem.loss(jnp.asarray(vector, dtype)))
        # A simplex is made of differences, so a vertex where the loss is not finite is only a very bad one.
        value = value if np.isfinite(value) else 1e30
        lower = value < seen.loss
        seen = StepResult(np.array(vector) if lower else seen.vector, min(value, seen.loss), seen.evaluations + 1)
        if clock() - began >= limit:
            raise _Enough
        return value

    def iterated(_: np.ndarray | None = None) -> None:
        nonlocal run, seen
        run = record(run, problem, seen, clock() - began)
        seen = seen._replace(evaluations=0)
        if callback is not None:
            callback(float(run.seconds[-1]), round(run.evaluations[-1]), float(run.losses[-1]))
        if problem.judge is not None and run.waited >= patience:
            raise _Enough

    first = np.asarray(problem.start, np.float64)
    vertices = None if edge is None else np.concatenate([first[None], first[None] + edge * np.eye(len(first))])
    if callback is not None:
        callback(0.0, 1, float(run.losses[0]))
    with suppress(_Enough):
        minimize(
            loss,
            first,
            method="Nelder-Mead",
            callback=iterated,
            options={
                "adaptive": True,
                "initial_simplex": vertices,
                "maxfev": evaluations,
                "maxiter": 2 * evaluations,
                "xatol": 1e-4,
                "fatol": 1e-4,
            },
        )
    if seen.evaluations:
        run = record(run, problem, seen, clock() - began)
        if callback is not None:
            callback(float(run.seconds[-1]), round(run.evaluations[-1]), float(run.losses[-1]))
    return as_fit(run, problem, compile_seconds)
