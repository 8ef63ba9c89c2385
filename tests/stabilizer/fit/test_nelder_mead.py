"""The simplex in JAX makes the moves of SciPy's, on known functions and on the loss of the stabilizer."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit import loop, nelder_mead
from fhr_jax.stabilizer.fit.objective import make_problem
from tests.stabilizer.fit.pairs import pairs


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(x):
    scales = jnp.geomspace(1.0, 30.0, x.shape[0], dtype=x.dtype)
    return (scales * (x - 1) ** 2).sum() + 0.3 * (x.sum() - x.shape[0]) ** 2


def rugged(x):  # makes it shrink
    return quadratic(x) + 8 * jnp.sin(15 * x).sum()


def trace(function, vertices, evaluations):
    """State after so many evaluations, and all points, values and phases on the way."""

    def tick(state, _):
        value = function(state.trial)
        return nelder_mead.update_simplex(state, value), (state.trial, value, state.phase)

    return jax.jit(lambda v: jax.lax.scan(tick, nelder_mead.init_simplex(v), None, length=evaluations))(vertices)


@pytest.mark.parametrize("size", [2, 3, 7, 20])
@pytest.mark.parametrize("function", [rosenbrock, quadratic, rugged])
def test_it_evaluates_the_points_of_scipy_one_by_one(function, size):
    with jax.enable_x64(True):
        start = np.random.default_rng(size).normal(size=size)
        vertices = nelder_mead.initial_vertices(jnp.asarray(start), edge=0.5)
        compiled, points = jax.jit(function), []

        def recorded(x):
            points.append(x.copy())
            return float(compiled(x))

        options = {"adaptive": True, "initial_simplex": np.asarray(vertices), "xatol": 1e-6, "fatol": 1e-6}
        found = minimize(recorded, start, method="Nelder-Mead", options=options | {"maxfev": 600, "maxiter": 10**6})
        state, (trials, values, phases) = trace(function, vertices, len(points))
        np.testing.assert_allclose(trials, points, rtol=0, atol=1e-8)
        assert function is not rugged or (phases == nelder_mead.SHRINK).any()
        if found.success:  # where it ran out of evaluations, SciPy may stop in the middle of a step
            np.testing.assert_allclose(values.min(), found.fun, rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose(state.vertices[0], found.x, atol=1e-8)
            extent, difference = nelder_mead.simplex_size(state)
            assert max(extent, difference) <= 1e-6


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("function", [rosenbrock, quadratic])
def test_it_finds_the_minimum_from_many_starts_at_once(function, size):
    starts = 1 + 0.4 * jax.random.normal(jax.random.key(size), (6, size))
    simplices = jax.vmap(lambda place: nelder_mead.initial_vertices(place, edge=0.3))(starts)
    states, _ = jax.vmap(lambda v: trace(function, v, 2500))(simplices)
    np.testing.assert_allclose(states.vertices[:, 0], np.ones((6, size)), atol=0.02)
    single, _ = trace(function, simplices[3], 200)
    among, _ = jax.vmap(lambda v: trace(function, v, 200))(simplices)
    np.testing.assert_allclose(among.vertices[3], single.vertices, rtol=1e-4, atol=1e-5)


def test_a_loss_that_is_not_finite_is_a_bad_vertex():
    def with_barrier(x):
        return jnp.where(x[0] > 1.2, jnp.nan, quadratic(x))

    state, _ = trace(with_barrier, nelder_mead.initial_vertices(jnp.array([1.0, 3.0]), edge=0.5), 300)
    np.testing.assert_allclose(state.vertices[0], [1, 1], atol=1e-2)
    assert jnp.isfinite(state.vertices).all()


def test_wrong_simplices_are_refused():
    with pytest.raises(InputError, match=r"expected \(n \+ 1, n\)"):
        nelder_mead.init_simplex(jnp.zeros((3, 3)))


# Fits by it


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs((40, 50, 60)))


def scipy_losses(problem, edge, evaluations):
    """The lowest loss after each evaluation of SciPy's simplex on the same compiled loss."""
    losses = []

    def loss(vector):
        losses.append(float(problem.loss(jnp.asarray(vector, problem.initial.dtype))))
        return losses[-1]

    start = np.asarray(problem.initial, np.float64)
    vertices = None if edge is None else np.concatenate([start[None], start[None] + edge * np.eye(len(start))])
    options = {"adaptive": True, "initial_simplex": vertices, "maxfev": evaluations, "xatol": 1e-4, "fatol": 1e-4}
    minimize(loss, start, method="Nelder-Mead", options=options)
    return np.minimum.accumulate(losses)


@pytest.mark.parametrize(("share_scales", "edge"), [(False, 1.0), (True, 1.0), (True, None)])
def test_a_fit_is_that_of_scipy(videos, share_scales, edge):
    fit = stabilizer.fit_nelder_mead(videos, evaluations=150, share_scales=share_scales, edge=edge)
    history = fit.history
    assert history.evaluations == [1, *range(11, 152, 10)]
    expected = scipy_losses(make_problem(videos, share_scales=share_scales), edge, 150)
    np.testing.assert_allclose(history.loss[1:], expected[9::10], rtol=1e-3)
    found = make_problem(videos, init_params=fit.params)
    np.testing.assert_allclose(found.loss(found.initial), history.loss[-1], rtol=1e-3)
    assert history.loss[-1] < (0.98 if edge is None else 0.97 if not share_scales else 0.9) * history.loss[0]


def test_the_start_is_one_of_many_and_the_others_lie_around_it(videos):
    problem = make_problem(videos, share_scales=True)
    state = nelder_mead.NelderMead(starts=500, init_scale=2.0, edge=0.5).init(problem)
    first = state.simplices.vertices[:, 0]
    np.testing.assert_array_equal(first[0], problem.initial)
    np.testing.assert_allclose(np.std(first[1:], axis=0), 2.0, rtol=0.2)
    edges = state.simplices.vertices[:, 1:] - first[:, None]
    np.testing.assert_allclose(edges, np.broadcast_to(0.5 * np.eye(7), edges.shape), atol=1e-5)


def test_scipys_first_simplex():
    start = np.array([2.0, 0.0, -4.0], np.float32)
    edges = np.asarray(nelder_mead.initial_vertices(jnp.asarray(start), edge=None))[1:] - start
    np.testing.assert_allclose(edges, np.diag([0.1, 0.00025, -0.2]), rtol=1e-5, atol=1e-7)


def test_it_finishes_when_the_simplex_is_small():
    problem = make_problem(stabilizer.pad_videos(pairs((30,))), share_scales=True)
    bowl = dataclasses.replace(problem, loss_on=lambda v, _: ((v - 1) ** 2).sum(), loss=lambda v: ((v - 1) ** 2).sum())
    fit = loop.fit(bowl, nelder_mead.NelderMead(), budget=loop.Budget(evaluations=10_000))
    assert fit.history.evaluations[-1] < 3000
    assert fit.history.loss[-1] < 1e-6


def test_bad_options_are_refused(videos):
    for options in ({"starts": 0}, {"edge": 0.0}, {"init_scale": -1.0}, {"evaluations": 0}):
        with pytest.raises(InputError, match=next(iter(options))):
            stabilizer.fit_nelder_mead(videos, **options)
