"""The fit of the paper's model that found the lowest loss: a simplex on few numbers, then the gradient on all."""

from typing import Any

from fhr_jax.stabilizer import Fit, Params, Videos, fit_gradient, fit_simplex, join_histories


def fit_hybrid(
    videos: Videos,
    *,
    start: Params | None = None,
    evaluations: int = 300,
    steps: int = 60,
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
) -> Fit:
    """The tied simplex, then L-BFGS in all dimensions from where it ended.

    Args:
        videos: from `pad_videos` or `as_videos`.
        start: None is the paper's.
        evaluations: of the simplex, at most.
        steps: of L-BFGS, at most.
        lambda1: weight of the smooth term.
        lambda2: weight of the delay.
        lambda3: see `fhr_jax.losses.stabilization`.
    """
    weights: dict[str, Any] = {"lambda1": lambda1, "lambda2": lambda2, "lambda3": lambda3}
    first = fit_simplex(videos, start=start, tied=True, evaluations=evaluations, **weights)
    second = fit_gradient(videos, start=first.params, steps=steps, **weights)
    seconds = first.compile_seconds + second.compile_seconds
    return Fit(second.params, join_histories([first.history, second.history]), seconds)
