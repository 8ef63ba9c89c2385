"""The functions `fit_*` are thin: they hand each of their options on, and `help` shows all of them."""

import inspect

import jax
import numpy as np
import optax
import pytest

from fhr_jax import losses, stabilizer
from fhr_jax.stabilizer.fit import gradient, loop, minibatch, nelder_mead
from tests.stabilizer.fit.pairs import pairs

FUNCTIONS = (
    stabilizer.fit_gradient,
    stabilizer.fit_minibatch,
    stabilizer.fit_nelder_mead,
    stabilizer.fit_recommended,
)
KEY = jax.random.key(5)


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs((20, 20)))


@pytest.fixture
def calls(monkeypatch):
    """Calls of `fit` with their arguments, instead of fits."""
    calls = []

    def record(problem, solver, **options):
        calls.append((problem, solver, options))
        return stabilizer.Fit(problem.to_params(problem.initial), stabilizer.History([0.0], [1], [1.0]), 0.0)

    for module in (gradient, minibatch, nelder_mead):
        monkeypatch.setattr(module, "fit", record)
    return calls


COMMON = {
    "seconds": 3.0,
    "patience": 7,
    "clock": lambda: 0.0,
    "progress": lambda progress: None,
    "resume": "fit.npz",
    "keep": lambda state: None,
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_all_have_in_common_is_handed_on(function, videos, calls):
    key = (KEY,) if function is stabilizer.fit_minibatch else ()
    start = stabilizer.extended_init(jax.random.key(0), videos)
    weights = losses.LossWeights(2.0, 3.0, 4.0)
    choices = {"share_scales": True, "freeze_recurrent": True, "covariance": "full", "chunk": 5, "weights": weights}
    function(*key, videos, init_params=start, validation=videos, **choices, **COMMON)
    problem, _, options = calls[0]
    assert problem.weights == weights
    assert problem.covariance == "full"
    assert problem.initial.size == 7 + 6 + 1
    assert problem.validation_loss is not None
    assert problem.mesh is None
    np.testing.assert_allclose(problem.to_params(problem.initial).noise, start.noise, rtol=1e-5)
    budget = options["budget"]
    assert (budget.seconds, budget.patience, budget.clock) == (3.0, 7, COMMON["clock"])
    for name in ("progress", "resume", "keep"):
        assert options[name] is COMMON[name]


def test_each_has_its_solver_and_its_budget(videos, calls):
    adam = optax.adam(0.3)
    stabilizer.fit_gradient(videos, annealing=[5.0, 1.0], annealing_steps=4, steps=9)
    stabilizer.fit_gradient(videos, optimizer=adam, annealing=[5.0, 1.0], annealing_steps=4, steps=9)
    sizes = {"window": 9, "burn_in": 8, "batch": 3, "updates_per_iteration": 4}
    stabilizer.fit_minibatch(KEY, videos, optimizer=adam, **sizes, steps=10)
    stabilizer.fit_nelder_mead(videos, starts=3, init_scale=2.0, edge=None, seed=6, evaluations=50)
    solvers, budgets = ([call[1] for call in calls], [call[2]["budget"] for call in calls])
    assert solvers == [
        gradient.LBFGS((5.0, 1.0), 4),
        gradient.OptaxSolver(adam, (5.0, 1.0), 4),
        minibatch.Minibatch(KEY, adam, **sizes),
        nelder_mead.NelderMead(3, 2.0, None, 6),
    ]
    assert solvers[2].key is KEY
    assert [budget.iterations for budget in budgets] == [9, 9, 3, None]
    assert budgets[3].evaluations == 50


def test_the_recommended_fit_sets_outliers_aside(videos, calls):
    fit = stabilizer.fit_recommended(videos, steps=9)
    problem, solver, options = calls[0]
    assert problem.to_params(problem.initial).outliers is None
    assert fit.params.outliers == stabilizer.default_params(2).outliers
    assert isinstance(solver, gradient.OptaxSolver)
    assert options["budget"] == loop.Budget(iterations=9)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_help_shows_and_explains_every_option(function):
    parameters = inspect.signature(function).parameters.values()
    assert not any(parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) for parameter in parameters)
    documentation = inspect.getdoc(function)
    for parameter in parameters:
        assert f"\n    {parameter.name}: " in documentation, parameter.name
