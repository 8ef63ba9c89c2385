"""The adaptive simplex of Nelder and Mead (Gao and Han 2012) as `init` and `update`, one evaluation at a time.

The state says which point to evaluate next (`trial`), and `update` takes the value there. No branch evaluates
anything, so many simplices run in one `vmap`, each in its own phase, without an evaluation in vain. The moves are
those of SciPy's `minimize(method="Nelder-Mead", options={"adaptive": True})`, in the same order.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fhr_jax.errors import InputError

START, REFLECT, EXPAND, OUTSIDE, INSIDE, SHRINK = range(6)
"""Phases: what the trial point is."""


class Simplex(NamedTuple):
    """State of the search.

    Attributes:
        vertices: sorted by value as soon as all have one.
        values: infinite where none is known yet.
        trial: the point to evaluate next.
        phase: what that is.
        vertex: its number, while vertices are evaluated one by one (START, SHRINK).
        reflected: the reflected point, while another is compared with it.
        reflected_value: its value.
    """

    vertices: Float[Array, "v n"]
    values: Float[Array, " v"]
    trial: Float[Array, " n"]
    phase: Int[Array, ""]
    vertex: Int[Array, ""]
    reflected: Float[Array, " n"]
    reflected_value: Float[Array, ""]


def corner(start: Float[Array, " n"], edge: float | Float[Array, " n"]) -> Float[Array, "v n"]:
    """The simplex with a vertex at `start` and edges along the axes."""
    return jnp.concatenate([start[None], start[None] + jnp.diag(jnp.broadcast_to(jnp.asarray(edge), start.shape))])


def init(vertices: Float[Array, "v n"]) -> Simplex:
    """Before the first evaluation."""
    if vertices.ndim != 2 or vertices.shape[0] != vertices.shape[1] + 1:
        raise InputError(f"vertices: shape {vertices.shape}, expected (n + 1, n)")
    infinite = jnp.full_like(vertices[:, 0], jnp.inf)
    number = jnp.zeros((), jnp.int32)
    return Simplex(vertices, infinite, vertices[0], number, number, jnp.zeros_like(vertices[0]), infinite[0])


def update(state: Simplex, value: Float[Array, ""]) -> Simplex:
    """The state after the value of `state.trial` became known; one that is not finite is taken as very bad."""
    # A maximum, not infinity: SciPy is given the same, and the spread of the values stays finite.
    worst = jnp.asarray(1e30, state.values.dtype)
    value = jnp.where(jnp.isfinite(value), value, worst).astype(state.values.dtype)
    return jax.lax.switch(state.phase, (_started, _reflected, _expanded, _outside, _inside, _shrunk), state, value)


def spread(state: Simplex) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Largest distance of a coordinate, and of a value, from those of the best vertex."""
    far = jnp.abs(state.vertices[1:] - state.vertices[:1]).max()
    return far, jnp.abs(state.values[1:] - state.values[0]).max()


def _started(state: Simplex, value: Array) -> Simplex:
    state = state._replace(values=state.values.at[state.vertex].set(value))
    last = state.vertex == len(state.values) - 1
    following = state.vertices[jnp.minimum(state.vertex + 1, len(state.values) - 1)]
    more = state._replace(trial=following, vertex=state.vertex + 1)
    return _choose(last, _sorted(state), more)


def _reflected(state: Simplex, value: Array) -> Simplex:
    dim = state.trial.shape[0]
    expansion, contraction = 1 + 2 / dim, 0.75 - 1 / (2 * dim)
    centre, worst = _centre(state), state.vertices[-1]
    kept = state._replace(reflected=state.trial, reflected_value=value)

    def going_on(phase: int, trial: Array) -> Simplex:
        return kept._replace(phase=jnp.asarray(phase, jnp.int32), trial=trial)

    best = value < state.values[0]
    good = value < state.values[-2]
    fair = value < state.values[-1]
    result = _choose(
        fair,
        going_on(OUTSIDE, (1 + contraction) * centre - contraction * worst),
        going_on(INSIDE, (1 - contraction) * centre + contraction * worst),
    )
    result = _choose(good, _accepted(state, state.trial, value), result)
    return _choose(best, going_on(EXPAND, (1 + expansion) * centre - expansion * worst), result)


def _expanded(state: Simplex, value: Array) -> Simplex:
    better = value < state.reflected_value
    point = jnp.where(better, state.trial, state.reflected)
    return _accepted(state, point, jnp.where(better, value, state.reflected_value))


def _outside(state: Simplex, value: Array) -> Simplex:
    return _choose(value <= state.reflected_value, _accepted(state, state.trial, value), _shrinking(state))


def _inside(state: Simplex, value: Array) -> Simplex:
    return _choose(value < state.values[-1], _accepted(state, state.trial, value), _shrinking(state))


def _shrinking(state: Simplex) -> Simplex:
    ratio = 1 - 1 / state.trial.shape[0]
    vertices = state.vertices[:1] + ratio * (state.vertices - state.vertices[:1])
    # The best vertex is not evaluated again.
    vertices = vertices.at[0].set(state.vertices[0])
    phase, first = jnp.asarray(SHRINK, jnp.int32), jnp.asarray(1, jnp.int32)
    return state._replace(vertices=vertices, trial=vertices[1], phase=phase, vertex=first)


def _shrunk(state: Simplex, value: Array) -> Simplex:
    return _started(state, value)


def _accepted(state: Simplex, point: Array, value: Array) -> Simplex:
    vertices, values = state.vertices.at[-1].set(point), state.values.at[-1].set(value)
    return _sorted(state._replace(vertices=vertices, values=values))


def _sorted(state: Simplex) -> Simplex:
    order = jnp.argsort(state.values)
    state = state._replace(vertices=state.vertices[order], values=state.values[order])
    trial = 2 * _centre(state) - state.vertices[-1]
    return state._replace(trial=trial, phase=jnp.asarray(REFLECT, jnp.int32), vertex=jnp.zeros((), jnp.int32))


def _centre(state: Simplex) -> Array:
    return state.vertices[:-1].sum(axis=0) / (len(state.vertices) - 1)


def _choose(condition: Array, yes: Simplex, no: Simplex) -> Simplex:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
