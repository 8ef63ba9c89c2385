"""Steps of a fit by gradient (L-BFGS) and by many simplices (Nelder-Mead), in evaluations of the loss a second.

The videos are as many and as long as in `experiments/gradient_vs_simplex.py`: 12 of 400 frames, 68 points.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax

from accelerator_parts.rows import Call, Row
from accelerator_parts.stabilizers import videos
from accelerator_parts.timing import timed
from fhr_jax import stabilizer
from fhr_jax.stabilizer.fit.gradient import LBFGS
from fhr_jax.stabilizer.fit.nelder_mead import NelderMead
from fhr_jax.stabilizer.fit.objective import make_problem


def rows(tiny: bool) -> Iterator[Row]:
    """A step of each: a line search, and ten evaluations of each simplex."""
    starts, shape = ((2,), (2, 20)) if tiny else ((512, 64, 8), (12, 400))
    yield timed("fit by gradient", partial(_step, shape=shape, simplices=False))
    yield timed("fit by simplices", partial(_step, shape=shape, simplices=True), starts)


def _step(starts: int, *, shape: tuple[int, int], simplices: bool) -> Call:
    observed, truth = videos(*shape)
    problem = make_problem(stabilizer.as_videos(observed, truth), share_scales=simplices)
    solver = NelderMead(starts=starts) if simplices else LBFGS()
    state: Any = solver.init(problem)
    state, found = jax.block_until_ready(solver.step(problem, state))  # compiles
    if simplices:
        found = found._replace(evaluations=10 * starts)
    else:  # each call repeats the same step, whose line search is that of a step further on
        _, found = solver.step(problem, state)
    return Call(partial(_first, solver, problem, state), items=round(found.evaluations))


def _first(solver: Any, problem: Any, state: Any) -> Any:
    return solver.step(problem, state)[0]
