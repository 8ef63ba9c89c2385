"""Fits that are interrupted, saved and resumed, those of earlier versions too; fits that validation videos stop."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.checkpoint import load_fit, save_fit
from fhr_jax.stabilizer.fit.gradient import LBFGS, OptaxSolver
from fhr_jax.stabilizer.fit.loop import Budget, fit, init_fit
from fhr_jax.stabilizer.fit.minibatch import Minibatch
from fhr_jax.stabilizer.fit.nelder_mead import NelderMead
from fhr_jax.stabilizer.fit.objective import make_problem
from tests.stabilizer.fit.pairs import pairs

KEY = jax.random.key(3)
SOLVERS = {
    "L-BFGS": LBFGS(),
    "L-BFGS, annealed": LBFGS((10.0, 3.0, 1.0), 3),
    "Adam": OptaxSolver(optax.adam(0.1), (10.0, 1.0), 4),
    "minibatch": Minibatch(KEY, optax.adam(0.05), window=10, batch=4, updates_per_iteration=3),
    "Nelder-Mead": NelderMead(starts=3),
}
GOLDEN = Path(__file__).parents[2] / "golden" / "fits_before"
"""Fits that the version before the redesign had saved after 5 iterations, and their losses without interruption."""


@pytest.fixture(scope="module")
def problem():
    """One problem for all tests: each solver is compiled once. Its validation videos are those of the golden fits."""
    return make_problem(stabilizer.pad_videos(pairs()), validation=stabilizer.pad_videos(pairs(seed=5)))


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "L-BFGS" else n for n in SOLVERS])
def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(name, problem, tmp_path):
    solver, kept = SOLVERS[name], []
    whole = fit(problem, solver, budget=Budget(iterations=12), keep=kept.append)
    fit(problem, solver, budget=Budget(iterations=5), keep=lambda state: save_fit(tmp_path / "fit.npz", state))
    assert len(load_fit(tmp_path / "fit.npz", kept[0].solver_state).loss) == 6
    resumed = fit(problem, solver, budget=Budget(iterations=12), resume=tmp_path / "fit.npz")
    jax.tree.map(np.testing.assert_array_equal, resumed.params, whole.params)
    assert resumed.history.loss == whole.history.loss
    assert resumed.history.evaluations == whole.history.evaluations
    assert resumed.validation_loss == whole.validation_loss
    assert (np.diff(resumed.history.seconds) >= 0).all()
    # One that has nothing left to do does nothing.
    finished = fit(problem, solver, budget=Budget(iterations=12), resume=kept[-1])
    jax.tree.map(np.testing.assert_array_equal, finished.params, whole.params)


@pytest.mark.parametrize("share_scales", [False, True])
def test_a_resumed_fit_keeps_the_initial_parameters_that_it_began_with(share_scales, problem, tmp_path):
    """Even if others are found for its videos now; with shared scales its vector is a difference from them."""
    solver = SOLVERS["Adam"]
    problem = problem if not share_scales else make_problem(problem.videos, share_scales=True)
    whole = fit(problem, solver, budget=Budget(iterations=8))
    fit(problem, solver, budget=Budget(iterations=3), keep=lambda state: save_fit(tmp_path / "fit.npz", state))
    start = problem.init_params
    other = problem.begin_at(start._replace(noise=2 * start.noise, basis=start.basis[:, ::-1]))
    assert abs(other.loss(other.initial) - problem.loss(problem.initial)) > 1e-3
    kept = []
    resumed = fit(other, solver, budget=Budget(iterations=8), resume=tmp_path / "fit.npz", keep=kept.append)
    np.testing.assert_allclose(resumed.history.loss, whole.history.loss, rtol=1e-6)
    np.testing.assert_array_equal(resumed.params.basis, start.basis)
    np.testing.assert_allclose(resumed.params.noise, whole.params.noise, rtol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, kept[-1].init_params, start)


@pytest.mark.parametrize("name", ["L-BFGS, annealed", "Adam", "minibatch", "Nelder-Mead"])
def test_a_fit_that_an_earlier_version_saved_is_resumed(name, problem):
    """Its keys on disk and the order of a solver's arrays stay the same, whatever the fields are called.

    The stored losses are read exactly. Those after it are recomputed in float32, which differs in the last bits between
    processors and versions of XLA; seven iterations amplify that, hence 1e-3.
    """
    files = {
        "L-BFGS, annealed": "lbfgs",
        "Adam": "adam_annealed",
        "minibatch": "minibatch",
        "Nelder-Mead": "nelder_mead",
    }
    file = files[name]
    expected = json.loads((GOLDEN / "losses.json").read_text())[file]
    resumed = fit(problem, SOLVERS[name], budget=Budget(iterations=12), resume=GOLDEN / f"{file}.npz")
    np.testing.assert_allclose(resumed.history.loss[:6], expected["loss"][:6], rtol=1e-12)
    np.testing.assert_allclose(resumed.history.loss, expected["loss"], rtol=1e-3)
    np.testing.assert_allclose(resumed.validation_loss, expected["held_out"], rtol=1e-3)


def test_the_file_of_another_fit_is_refused(problem, tmp_path):
    solver = SOLVERS["Adam"]
    save_fit(tmp_path / "fit.npz", init_fit(problem, solver.init(problem)))
    wider = solver.init(make_problem(stabilizer.pad_videos(pairs(points=3))))
    for like in (wider, (jnp.zeros(3),)):
        with pytest.raises(InputError, match=r"fit\.npz: holds another fit"):
            load_fit(tmp_path / "fit.npz", like)
    with pytest.raises(InputError, match=r"none\.npz"):
        load_fit(tmp_path / "none.npz", wider)


LARGE = ("Compiling jit(_lbfgs_step)", "Compiling jit(_optax_step)", "Compiling jit(_minibatch_step)",
         "Compiling jit(_nelder_mead_step)", "Compiling jit(loss)")  # fmt: skip


@pytest.mark.parametrize("name", ["L-BFGS, annealed", "Adam", "minibatch", "Nelder-Mead"])
def test_a_loaded_state_compiles_nothing_again(name, problem, tmp_path, caplog):
    problem, solver = replace(problem, validation_loss=None), SOLVERS[name]

    def compiled():
        return [r.getMessage() for r in caplog.records if r.getMessage().startswith(LARGE)]

    with jax.log_compiles():
        state, _ = solver.step(problem, solver.init(problem))
    assert compiled()
    save_fit(tmp_path / "fit.npz", init_fit(problem, state))
    loaded = load_fit(tmp_path / "fit.npz", solver.init(problem))
    caplog.clear()
    with jax.log_compiles():
        solver.step(problem, loaded.solver_state)
    assert not compiled()


@pytest.mark.parametrize("name", ["L-BFGS, annealed", "Adam", "minibatch", "Nelder-Mead"])
def test_an_iteration_is_compiled_once(name, problem):
    traced = 0

    def counted(function):
        def call(*arguments):
            nonlocal traced
            traced += 1
            return function(*arguments)

        return call

    solver = SOLVERS[name]
    problem = replace(problem, loss_on=counted(problem.loss_on), stabilize=counted(problem.stabilize))
    state, _ = solver.step(problem, solver.init(problem))
    first = traced
    assert first > 0
    for _ in range(4):
        state, _ = solver.step(problem, state)
    assert traced == first


@pytest.mark.parametrize("name", SOLVERS)
def test_validation_videos_choose_and_stop(name, problem):
    """The validation truth is noise that nothing predicts: whatever improves the fit makes it worse there."""
    rng = np.random.default_rng(1)
    noise = [(z, z + 0.01 * rng.normal(size=z.shape)) for z, _ in pairs(seed=5)]
    validation = stabilizer.pad_videos(noise)
    other = make_problem(stabilizer.pad_videos(pairs()), validation=validation)
    found = fit(
        replace(problem, validation_loss=other.validation_loss), SOLVERS[name], budget=Budget(iterations=40, patience=4)
    )
    assert len(found.validation_loss) == len(found.history.loss) < 41
    assert (np.diff(found.validation_loss) <= 0).all()
    again = make_problem(validation, init_params=found.params)
    np.testing.assert_allclose(again.loss(again.initial), found.validation_loss[-1], rtol=1e-4)
    assert len(found.validation_loss) - 1 - int(np.argmin(found.validation_loss)) <= 4


def test_validation_videos_that_agree_stop_nothing(problem):
    budget, solver = Budget(iterations=8, patience=3), LBFGS((10.0, 3.0, 1.0), 3)
    with_validation = fit(replace(problem, validation_loss=problem.loss), solver, budget=budget)
    without = fit(replace(problem, validation_loss=None), solver, budget=budget)
    assert with_validation.history.loss == without.history.loss
    jax.tree.map(np.testing.assert_array_equal, with_validation.params, without.params)
    np.testing.assert_allclose(with_validation.validation_loss, with_validation.history.loss, rtol=1e-6)
    assert without.validation_loss is None
