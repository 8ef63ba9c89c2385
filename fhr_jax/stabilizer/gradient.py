"""Fit by gradient: L-BFGS, or any optimizer of Optax, through the scan."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.model import Covariance
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.problem import Callback, Fit, Recorder, Videos, make_problem, paper_start


def fit_gradient(
    videos: Videos,
    *,
    start: Params | None = None,
    optimizer: optax.GradientTransformation | None = None,
    steps: int = 200,
    seconds: float = float("inf"),
    tied: bool = False,
    covariance: Covariance = "diagonal",
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
    callback: Callback | None = None,
) -> Fit:
    """Minimize the stabilization loss over all videos at once.

    Args:
        videos: from `pad_videos` or `as_videos`.
        start: first parameters; None is the paper's start.
        optimizer: None is L-BFGS with a zoom line search.
        steps: iterations at most.
        seconds: stop after the first iteration that ends later.
        tied: fit 7 numbers instead of 4 + 3D (for two components); see `make_problem`.
        covariance: of the history, as in `run`.
        lambda1: weight of the smooth term.
        lambda2: weight of the delay.
        lambda3: see `stabilization`.
        callback: called with (seconds, evaluations, lowest loss) after every iteration.

    Returns:
        The best parameters seen, and the history. A step of L-BFGS counts all evaluations of its line search.
    """
    if steps < 0:
        raise InputError(f"steps: {steps}, expected a number not below 0")
    problem = make_problem(
        paper_start(videos) if start is None else start,
        videos,
        tied=tied,
        covariance=covariance,
        lambda1=lambda1,
        lambda2=lambda2,
        lambda3=lambda3,
    )
    searches = optimizer is None
    chosen = optax.lbfgs() if optimizer is None else optimizer
    update = optax.with_extra_args_support(chosen).update

    @jax.jit
    def step(vector: Array, state: optax.OptState, videos: Videos) -> tuple[Array, optax.OptState, Array]:
        def loss(v: Array) -> Array:
            return problem.loss_of(v, videos)

        if searches:  # the line search has already evaluated the point that it ended at
            value, gradient = optax.value_and_grad_from_state(loss)(vector, state=state)
        else:
            value, gradient = jax.value_and_grad(loss)(vector)
        updates, state = update(gradient, state, vector, value=value, grad=gradient, value_fn=loss)
        return vector + updates, state, jnp.asarray(value)  # ty: ignore[unsupported-operator]

    vector, state = problem.start, chosen.init(problem.start)
    began = time.perf_counter()
    compiled = step.lower(vector, state, videos).compile()
    jax.block_until_ready(problem.loss(vector))
    compile_seconds = time.perf_counter() - began

    recorder = Recorder(problem, callback)
    recorder.see(vector, float(problem.loss(vector)))
    spent = recorder.note()
    lowest, forgot = recorder.lowest, False
    for _ in range(steps):
        if spent >= seconds:
            break
        before = vector
        vector, state, value = compiled(before, state, videos)
        recorder.see(before, float(value), 0)
        if searches:
            value = optax.tree_utils.tree_get(state, "value")
            info = optax.tree_utils.tree_get(state, "info")
            recorder.see(vector, float(value), max(1, int(info.num_linesearch_steps)))
        else:
            recorder.see(vector, np.inf, 1)
        spent = recorder.note()
        if not jnp.isfinite(vector).all():
            break
        if searches and recorder.lowest >= lowest:
            # The line search found nothing lower along a direction made of what it remembers: forget, once.
            if forgot:
                break
            vector, state = jnp.asarray(recorder.best, vector.dtype), chosen.init(problem.start)
            forgot = True
        else:
            forgot = False
        lowest = recorder.lowest
    return recorder.result(compile_seconds)
