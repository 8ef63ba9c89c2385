"""Fits that are interrupted, saved and resumed; and fits that held-out videos stop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit import gradient, minibatch, simplex_starts
from fhr_jax.stabilizer.fit.checkpoint import load_fit, save_fit
from fhr_jax.stabilizer.fit.loop import init_fit
from fhr_jax.stabilizer.fit.objective import make_problem


def pairs(number=3, frames=60, points=2, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(number):
        truth = 3 * np.sin(np.arange(frames)[:, None, None] / 6 + rng.uniform(0, 6, (1, points, 2)))
        made.append((truth + noise * rng.normal(size=truth.shape), truth))
    return made


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs())


KEY = jax.random.key(3)
FITS = {
    "L-BFGS": lambda videos, n, **o: stabilizer.fit_gradient(videos, steps=n, **o),
    "cooled": lambda videos, n, **o: stabilizer.fit_gradient(
        videos, steps=n, temperatures=(10.0, 3.0, 1.0), stage=3, **o
    ),
    "Adam": lambda videos, n, **o: stabilizer.fit_gradient(videos, steps=n, optimizer=optax.adam(0.1), **o),
    "windows": lambda videos, n, **o: stabilizer.fit_minibatch(
        KEY, videos, steps=3 * n, inner=3, window=10, batch=4, **o
    ),
    "simplices": lambda videos, n, **o: stabilizer.fit_starts(KEY, videos, evaluations=30 * n, starts=3, **o),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "L-BFGS" else n for n in FITS])
def test_a_resumed_fit_ends_where_an_undisturbed_one_does(name, videos, tmp_path):
    fit, kept = FITS[name], []
    whole = fit(videos, 12, keep=kept.append)
    fit(videos, 5, keep=lambda run: save_fit(tmp_path / "run.npz", run))
    run = load_fit(tmp_path / "run.npz", kept[0].solver)
    assert len(run.losses) == 6
    resumed = fit(videos, 12, resume=run)
    jax.tree.map(np.testing.assert_array_equal, resumed.params, whole.params)
    assert resumed.history.loss == whole.history.loss
    assert resumed.history.evaluations == whole.history.evaluations
    assert (np.diff(resumed.history.seconds) >= 0).all()
    # And one that has nothing left to do does nothing.
    jax.tree.map(np.testing.assert_array_equal, fit(videos, 12, resume=kept[-1]).params, whole.params)


def test_a_run_of_another_fit_is_refused(videos, tmp_path):
    kept = []
    FITS["Adam"](videos, 2, keep=kept.append)
    save_fit(tmp_path / "run.npz", kept[-1])
    wider = stabilizer.pad_videos(pairs(points=3))
    other = []
    FITS["Adam"](wider, 0, keep=other.append)
    for like in (other[0].solver, (jnp.zeros(3),)):
        with pytest.raises(InputError, match=r"run.npz: a run of another fit"):
            load_fit(tmp_path / "run.npz", like)
    with pytest.raises(InputError, match=r"none.npz"):
        load_fit(tmp_path / "none.npz", kept[0].solver)


@pytest.mark.parametrize("name", ["L-BFGS", "Adam", "windows", "simplices"])
def test_a_run_that_was_loaded_compiles_nothing_anew(name, videos, tmp_path, caplog):
    problem = make_problem(stabilizer.paper_init(videos), videos)
    solver = SOLVERS[name](problem)
    state, _ = solver.update(solver.init(problem.start))
    save_fit(tmp_path / "run.npz", init_fit(problem, state))
    loaded = load_fit(tmp_path / "run.npz", solver.init(problem.start))
    with jax.log_compiles():
        solver.update(loaded.solver)
    large = ("Compiling jit(step)", "Compiling jit(iterate)", "Compiling jit(loss)")
    assert not [record for record in caplog.records if record.getMessage().startswith(large)]


SOLVERS = {
    "L-BFGS": lambda problem: gradient.lbfgs(problem, temperatures=(10.0, 1.0), stage=2),
    "Adam": lambda problem: gradient.optax_descent(problem, optax.adam(0.1), temperatures=(10.0, 1.0), stage=2),
    "windows": lambda problem: minibatch.stochastic(KEY, problem, optax.adam(0.1), window=9, warm=9, batch=4, inner=2),
    "simplices": lambda problem: simplex_starts.simplices(KEY, problem, starts=2, away=1.0, edge=1.0, tied=True),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_an_iteration_is_compiled_once(name, videos):
    traced = 0
    problem = make_problem(stabilizer.paper_init(videos), videos)

    def counted(*arguments):
        nonlocal traced
        traced += 1
        return problem.loss_of(*arguments)

    def outputs(*arguments):
        nonlocal traced
        traced += 1
        return problem.outputs(*arguments)

    solver = SOLVERS[name](problem._replace(loss_of=counted, outputs=outputs))
    state, _ = solver.update(solver.init(problem.start))
    first = traced
    assert first > 0
    for _ in range(4):
        state, _ = solver.update(state)
    assert traced == first


@pytest.mark.parametrize("name", [*FITS, "SciPy"])
def test_held_out_videos_choose_and_stop(name, videos):
    """The held-out truth is noise, which nothing predicts: all that makes the fit better makes it worse there."""
    rng = np.random.default_rng(1)
    noise = [(z, z + 0.01 * rng.normal(size=z.shape)) for z, _ in pairs(seed=5)]
    held_out = stabilizer.pad_videos(noise)
    fits = FITS | {"SciPy": lambda videos, n, **o: stabilizer.fit_simplex(videos, evaluations=20 * n, tied=True, **o)}
    fit = fits[name](videos, 40, held_out=held_out, patience=4)
    assert fit.held_out is not None
    assert len(fit.held_out) == len(fit.history.loss)
    assert (np.diff(fit.held_out) <= 0).all()
    problem = make_problem(fit.params, held_out)
    np.testing.assert_allclose(problem.loss(problem.start), fit.held_out[-1], rtol=1e-4)
    best = int(np.argmin(fit.held_out))
    assert len(fit.held_out) - 1 - best <= 4
    assert len(fit.held_out) < 41


def test_held_out_videos_that_agree_stop_nothing(videos):
    fit = stabilizer.fit_gradient(videos, steps=8, held_out=videos, patience=3)
    alone = stabilizer.fit_gradient(videos, steps=8)
    assert fit.history.loss == alone.history.loss
    jax.tree.map(np.testing.assert_array_equal, fit.params, alone.params)
    np.testing.assert_allclose(fit.held_out, fit.history.loss, rtol=1e-6)
    assert alone.held_out is None
