"""The simplex in JAX makes the moves of SciPy's, and finds the minimum of what is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit import nelder_mead


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(x):
    scales = jnp.geomspace(1.0, 30.0, x.shape[0], dtype=x.dtype)
    return (scales * (x - 1) ** 2).sum() + 0.3 * (x.sum() - x.shape[0]) ** 2


def rugged(x):  # makes it shrink
    return quadratic(x) + 8 * jnp.sin(15 * x).sum()


def follow(function, vertices, evaluations):
    """State after so many evaluations, and all points, values and phases on the way."""

    def tick(state, _):
        value = function(state.trial)
        return nelder_mead.update(state, value), (state.trial, value, state.phase)

    return jax.jit(lambda v: jax.lax.scan(tick, nelder_mead.init(v), None, length=evaluations))(vertices)


@pytest.mark.parametrize("size", [2, 3, 7, 20])
@pytest.mark.parametrize("function", [rosenbrock, quadratic, rugged])
def test_it_evaluates_the_points_of_scipy_one_by_one(function, size):
    with jax.enable_x64(True):
        start = np.random.default_rng(size).normal(size=size)
        vertices = nelder_mead.corner(jnp.asarray(start), 0.5)
        compiled, points = jax.jit(function), []

        def noted(x):
            points.append(x.copy())
            return float(compiled(x))

        options = {"adaptive": True, "initial_simplex": np.asarray(vertices), "xatol": 1e-6, "fatol": 1e-6}
        found = minimize(noted, start, method="Nelder-Mead", options=options | {"maxfev": 600, "maxiter": 10**6})
        state, (trials, values, phases) = follow(function, vertices, len(points))
        np.testing.assert_allclose(trials, points, rtol=0, atol=1e-8)
        assert function is not rugged or (phases == nelder_mead.SHRINK).any()
        if found.success:  # where it ran out of evaluations, SciPy may stop in the middle of a step
            np.testing.assert_allclose(values.min(), found.fun, rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose(state.vertices[0], found.x, atol=1e-8)
            far, high = nelder_mead.spread(state)
            assert max(far, high) <= 1e-6


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("function", [rosenbrock, quadratic])
def test_it_finds_the_minimum_from_many_starts_at_once(function, size):
    starts = 1 + 0.4 * jax.random.normal(jax.random.key(size), (6, size))
    simplices = jax.vmap(lambda place: nelder_mead.corner(place, 0.3))(starts)
    states, _ = jax.vmap(lambda v: follow(function, v, 2500))(simplices)
    np.testing.assert_allclose(states.vertices[:, 0], np.ones((6, size)), atol=0.02)
    alone, _ = follow(function, simplices[3], 200)
    among, _ = jax.vmap(lambda v: follow(function, v, 200))(simplices)
    np.testing.assert_allclose(among.vertices[3], alone.vertices, rtol=1e-4, atol=1e-5)


def test_a_loss_that_is_not_finite_is_a_bad_vertex():
    def walled(x):
        return jnp.where(x[0] > 1.2, jnp.nan, quadratic(x))

    state, _ = follow(walled, nelder_mead.corner(jnp.array([1.0, 3.0]), 0.5), 300)
    np.testing.assert_allclose(state.vertices[0], [1, 1], atol=1e-2)
    assert jnp.isfinite(state.vertices).all()


def test_wrong_simplices_are_refused():
    with pytest.raises(InputError, match=r"expected \(n \+ 1, n\)"):
        nelder_mead.init(jnp.zeros((3, 3)))
