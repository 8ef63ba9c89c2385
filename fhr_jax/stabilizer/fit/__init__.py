"""Fit the parameters of the stabilizer: one objective, one loop, several solvers.

The functions `fit_gradient`, `fit_minibatch`, `fit_nelder_mead` and `fit_recommended` do everything in one call. Their
parts are here, too. `fit_carefully` decides by tracks that it leaves out how far to fit, and makes its own few steps.

problem = fit.make_problem(videos)
result = fit.fit(problem, fit.LBFGS(), budget=fit.Budget(seconds=20))
"""

from fhr_jax.stabilizer.fit.careful import CarefulFit, fit_carefully
from fhr_jax.stabilizer.fit.careful_state import CarefulState, load_careful, save_careful
from fhr_jax.stabilizer.fit.checkpoint import load_fit, save_fit
from fhr_jax.stabilizer.fit.gradient import ANNEALING, LBFGS, OptaxSolver, fit_gradient
from fhr_jax.stabilizer.fit.initial import extended_init, paper_init
from fhr_jax.stabilizer.fit.loop import Budget, Solver, StepResult, fit
from fhr_jax.stabilizer.fit.minibatch import Minibatch, fit_minibatch
from fhr_jax.stabilizer.fit.nelder_mead import NelderMead, fit_nelder_mead
from fhr_jax.stabilizer.fit.objective import Problem, make_problem
from fhr_jax.stabilizer.fit.recommended import fit_recommended, recommended_init
from fhr_jax.stabilizer.fit.state import Fit, FitState, History, join_histories
from fhr_jax.stabilizer.fit.tracks import Videos, as_videos, pad_videos, scale_to_face_size, without_bias

__all__ = [
    "ANNEALING",
    "LBFGS",
    "Budget",
    "CarefulFit",
    "CarefulState",
    "Fit",
    "FitState",
    "History",
    "Minibatch",
    "NelderMead",
    "OptaxSolver",
    "Problem",
    "Solver",
    "StepResult",
    "Videos",
    "as_videos",
    "extended_init",
    "fit",
    "fit_carefully",
    "fit_gradient",
    "fit_minibatch",
    "fit_nelder_mead",
    "fit_recommended",
    "join_histories",
    "load_careful",
    "load_fit",
    "make_problem",
    "pad_videos",
    "paper_init",
    "recommended_init",
    "save_careful",
    "save_fit",
    "scale_to_face_size",
    "without_bias",
]
