"""Fit as the paper does: the simplex of Nelder and Mead (Lagarias et al. 1998), SciPy's, on the same compiled loss."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.model import Covariance
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.problem import Callback, Fit, Recorder, Videos, make_problem, paper_start


class _OutOfTime(Exception):
    """Leaves SciPy's loop."""


def fit_simplex(
    videos: Videos,
    *,
    start: Params | None = None,
    tied: bool = False,
    edge: float = 1.0,
    evaluations: int = 2000,
    seconds: float = float("inf"),
    covariance: Covariance = "diagonal",
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
    callback: Callback | None = None,
) -> Fit:
    """Minimize the stabilization loss over all videos by an adaptive simplex.

    Args:
        videos: from `pad_videos` or `as_videos`.
        start: first parameters; None is the paper's start.
        tied: move 7 numbers instead of 4 + 3D (for two components). In hundreds of dimensions a simplex hardly moves.
        edge: length of the first edges in the unconstrained space. SciPy's own first simplex moves a zero
            coordinate by 0.00025 and stalls.
        evaluations: of the loss, at most.
        seconds: stop after the first evaluation that ends later.
        covariance: of the history, as in `run`.
        lambda1: weight of the smooth term.
        lambda2: weight of the delay.
        lambda3: see `stabilization`.
        callback: called with (seconds, evaluations, lowest loss) after every iteration.
    """
    if evaluations < 1 or edge <= 0:
        raise InputError(f"evaluations: {evaluations}, edge: {edge}, expected at least 1 and more than 0")
    problem = make_problem(
        paper_start(videos) if start is None else start,
        videos,
        tied=tied,
        covariance=covariance,
        lambda1=lambda1,
        lambda2=lambda2,
        lambda3=lambda3,
    )
    began = time.perf_counter()
    jax.block_until_ready(problem.loss(problem.start))
    compile_seconds = time.perf_counter() - began

    recorder = Recorder(problem, callback)
    dtype = problem.start.dtype

    def loss(vector: np.ndarray) -> float:
        value = float(problem.loss(jnp.asarray(vector, dtype)))
        recorder.see(vector, value)
        # A simplex is made of differences, so a vertex where the loss is not finite is only a very bad one.
        if time.perf_counter() - recorder.began >= seconds:
            raise _OutOfTime
        return value if np.isfinite(value) else 1e30

    first = np.asarray(problem.start, np.float64)
    try:
        recorder.see(first, float(problem.loss(problem.start)))
        recorder.note()
        minimize(
            loss,
            first,
            method="Nelder-Mead",
            callback=lambda _: recorder.note() and None,
            options={
                "adaptive": True,
                "initial_simplex": np.concatenate([first[None], first[None] + edge * np.eye(len(first))]),
                "maxfev": evaluations,
                "maxiter": 2 * evaluations,
                "xatol": 1e-4,
                "fatol": 1e-4,
            },
        )
    except _OutOfTime:
        pass
    recorder.note()
    return recorder.result(compile_seconds)
