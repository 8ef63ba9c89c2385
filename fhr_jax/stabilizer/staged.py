"""The fit that came out best: a tied simplex, mini-batches in all dimensions, and L-BFGS.

From the paper's start the gradient sees a plateau, which a simplex on few numbers crosses at once; in hundreds of
dimensions it is the other way round. Random windows find lower losses than steps on all videos at once do. There is
another way down, a temperature on the switch between the components (`gradient.py`), which ends lower where there are
few points: what time is left goes to it.
`experiments/gradient_vs_simplex.py` has the figures.
"""

from typing import Any, Unpack

import jax
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray, UInt32

from fhr_jax.stabilizer.chain import Link, chain
from fhr_jax.stabilizer.gradient import COOLING, lbfgs
from fhr_jax.stabilizer.history import Fit
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.problem import Problem, make_problem, paper_start
from fhr_jax.stabilizer.simplex_starts import TICKS, simplices
from fhr_jax.stabilizer.solver import Options, Solver, drive, split
from fhr_jax.stabilizer.videos import Videos
from fhr_jax.stabilizer.windows import stochastic

EVALUATIONS = 400
"""Of the simplex, at most; it has come down by then."""

STEPS = 1000
"""Updates of Adam."""

INNER = 20
"""Updates an iteration."""

POLISH = 60
"""Steps of L-BFGS after that."""


def fit_staged(
    key: PRNGKeyArray | UInt32[Array, "2"],
    videos: Videos,
    *,
    start: Params | None = None,
    steps: int = STEPS,
    rate: float = 0.1,
    **options: Unpack[Options],
) -> Fit:
    """Minimize the stabilization loss over all videos.

    Args:
        key: of the windows.
        videos: from `pad_videos` or `as_videos`.
        start: first parameters; None is the paper's start.
        steps: of Adam, whose rate falls to 0 by then.
        rate: its first rate.
        **options: see `Objective` and `Budget`; a tied fit goes through the same stages.
    """
    objective, budget = split(options)
    problem = make_problem(paper_start(videos) if start is None else start, videos, **objective)
    return drive(problem, staged(key, problem, steps=steps, rate=rate), iterations=10**9, **budget)


def staged(
    key: PRNGKeyArray | UInt32[Array, "2"], problem: Problem, *, steps: int = STEPS, rate: float = 0.1
) -> Solver:
    """The fit as a solver; see `fit_staged`."""
    start_key, window_key = jax.random.split(key)
    devices = 1 if problem.mesh is None else problem.mesh.devices.size
    adam = optax.adam(optax.cosine_decay_schedule(rate, steps))
    batch = 16 + -16 % devices
    cooled = lbfgs(problem, temperatures=COOLING)

    def polishing(place: Array) -> Any:
        return cooled.init(place)._replace(stage=np.asarray(len(COOLING) - 1))

    links = (
        Link(simplices(start_key, problem, starts=1, away=0.0, edge=1.0, tied=True), EVALUATIONS // TICKS),
        Link(stochastic(window_key, problem, adam, window=64, warm=64, batch=batch, inner=INNER), -(-steps // INNER)),
        # At the last temperature from the first step on, and then from the start: one program for both.
        Link(cooled._replace(init=polishing), POLISH),
        Link(cooled, anew=True),
    )
    return chain(problem, links)
