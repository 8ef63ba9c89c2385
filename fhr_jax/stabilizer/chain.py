"""Solvers one after the other, each from the best point that those before it found, as one solver."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fhr_jax.stabilizer import sharding
from fhr_jax.stabilizer.problem import Problem
from fhr_jax.stabilizer.solver import Found, Solver


class Link(NamedTuple):
    """A solver, how many iterations it has at most, and whether it begins anew, where the chain began."""

    solver: Solver
    iterations: int | None = None
    anew: bool = False


class Chained(NamedTuple):
    """State of a chain.

    Attributes:
        link: number of the solver at work.
        inside: iterations that it has made.
        start: where it began, (n,).
        states: of all solvers; those that have not begun yet hold a place.
        best: lowest point so far, (n,).
        lowest: its loss.
    """

    link: Int[np.ndarray, ""]
    inside: Int[np.ndarray, ""]
    start: Float[np.ndarray, " n"]
    states: tuple[Any, ...]
    best: Float[np.ndarray, " n"]
    lowest: Float[np.ndarray, ""]


def chain(problem: Problem, links: Sequence[Link]) -> Solver:
    """One solver of several; it is done when the last of them is."""

    def init(start: Array) -> Chained:
        states = tuple(link.solver.init(start) for link in links)
        place = np.asarray(start)
        return Chained(np.asarray(0), np.asarray(0), place, states, place, np.asarray(np.inf))

    def update(state: Chained) -> tuple[Chained, Found]:
        i = int(state.link)
        after, found = links[i].solver.update(state.states[i])
        if np.isfinite(found.loss) and found.loss < state.lowest:
            state = state._replace(best=np.array(found.vector), lowest=np.asarray(found.loss))
        states = [*state.states[:i], after, *state.states[i + 1 :]]
        state = state._replace(inside=state.inside + 1, states=tuple(states))
        limit = links[i].iterations
        if not found.finished and (limit is None or state.inside < limit):
            return state, found
        if i == len(links) - 1:
            return state, found._replace(finished=True)
        place = jnp.asarray(state.start if links[i + 1].anew else state.best, problem.start.dtype)
        states[i + 1] = links[i + 1].solver.init(sharding.everywhere(place, problem.mesh))
        state = state._replace(link=state.link + 1, inside=np.zeros_like(state.inside), states=tuple(states))
        return state, found._replace(finished=False)

    def rehearse() -> None:
        for link in links:
            if link.solver.rehearse is not None:
                link.solver.rehearse()
            else:
                jax.block_until_ready(link.solver.update(link.solver.init(problem.start))[0])

    return Solver(init, update, rehearse)
