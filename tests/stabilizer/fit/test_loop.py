"""The loop of every fit, with a solver that costs nothing: history, best point, stopping, callbacks, resuming."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.checkpoint import save_fit
from fhr_jax.stabilizer.fit.loop import Budget, StepResult, fit
from fhr_jax.stabilizer.fit.objective import make_problem
from tests.stabilizer.fit.pairs import pairs


@dataclass(frozen=True)
class Losses:
    """A solver that goes through these losses, one per iteration; the first entry of a vector is the iteration."""

    losses: tuple[float, ...] = tuple(1 / (1 + i) for i in range(100))
    finished: int | None = None
    evaluations: float = 2.0

    def init(self, problem):
        return np.asarray(0)

    def step(self, problem, state):
        vector = np.zeros(problem.initial.shape, np.float32)
        vector[0] = state + 1
        return state + 1, StepResult(vector, self.losses[int(state)], self.evaluations, int(state) + 1 == self.finished)


@pytest.fixture(scope="module")
def problem():
    """One whose loss at the start is 9, and whose parameters are the vector."""
    problem = make_problem(stabilizer.pad_videos(pairs((20,))))
    return replace(problem, loss=lambda vector: jnp.asarray(9.0), to_params=lambda vector: vector)


def validated(problem, losses):
    """The problem with these validation losses, by iteration; the first one is that of the start."""
    return replace(
        problem, validation_loss=lambda vector: jnp.asarray(losses[int(vector[0])]), initial=problem.initial * 0
    )


def ticking():
    """A clock that goes on by a second whenever it is read."""
    now = iter(range(10**6))
    return lambda: float(next(now))


def test_the_best_point_and_the_lowest_losses_are_kept(problem):
    found = fit(problem, Losses((5.0, 3.0, np.nan, 4.0)), budget=Budget(iterations=4))
    assert found.history.loss == [9, 5, 3, 3, 3]
    assert found.history.evaluations == [1, 3, 5, 7, 9]
    assert found.params[0] == 2
    assert found.validation_loss is None


def test_the_validation_loss_decides_which_point_is_best(problem):
    found = fit(validated(problem, [8.0, 7.0, 2.0, np.nan, 4.0]), Losses(), budget=Budget(iterations=4))
    assert found.validation_loss == [8, 7, 2, 2, 2]
    assert found.params[0] == 2


@pytest.mark.parametrize(
    ("budget", "iterations"),
    [
        (Budget(iterations=7), 7),
        (Budget(iterations=0), 0),
        (Budget(evaluations=10), 5),
        (Budget(iterations=20, evaluations=3), 1),
        (Budget(seconds=6.0, clock=ticking()), 6),
    ],
)
def test_each_limit_of_the_budget_stops(problem, budget, iterations):
    assert len(fit(problem, Losses(), budget=budget).history.loss) == 1 + iterations


def test_patience_stops_a_fit_that_does_not_improve_on_the_validation_videos(problem):
    losses = [5.0, 4.0, 3.0, *([3.0] * 90)]
    found = fit(validated(problem, losses), Losses(), budget=Budget(iterations=90, patience=4))
    assert len(found.history.loss) == 1 + 2 + 4
    assert found.params[0] == 2
    # Without validation videos, a loss that does not fall stops nothing.
    assert len(fit(problem, Losses((5.0,) * 90), budget=Budget(iterations=90, patience=4)).history.loss) == 91


def test_patience_counts_iterations_in_a_row(problem):
    losses = [9.0, 8.0, 9.0, 9.0, 7.0, 9.0, 9.0, 6.0, *([9.0] * 90)]
    found = fit(validated(problem, losses), Losses(), budget=Budget(iterations=90, patience=3))
    assert len(found.history.loss) == 1 + 7 + 3


def test_a_solver_that_has_finished_stops(problem):
    assert len(fit(problem, Losses(finished=3), budget=Budget(iterations=9)).history.loss) == 4


def test_the_state_is_kept_before_progress_is_reported(problem):
    calls = []
    fit(
        problem,
        Losses(),
        budget=Budget(iterations=2, clock=ticking()),
        progress=lambda progress: calls.append(progress),
        keep=lambda state: calls.append(len(state.loss)),
    )
    assert calls[::2] == [1, 2, 3]
    assert [(p.done, p.total, dict(p.info)) for p in calls[1::2]] == [
        (i, 2, {"seconds": float(i), "evaluations": 1 + 2 * i, "loss": (9, 1, 0.5)[i]}) for i in range(3)
    ]


def test_a_fit_resumes_from_its_state_and_from_its_file(problem, tmp_path):
    kept = []
    whole = fit(problem, Losses(), budget=Budget(iterations=6, clock=ticking()), keep=kept.append)
    save_fit(tmp_path / "fit.npz", kept[2])
    for earlier in (kept[2], tmp_path / "fit.npz"):
        resumed = fit(problem, Losses(), budget=Budget(iterations=6, clock=ticking()), resume=earlier)
        assert resumed.history == whole.history
        assert resumed.params[0] == whole.params[0]
    with pytest.raises(InputError, match=r"none\.npz"):
        fit(problem, Losses(), budget=Budget(), resume=tmp_path / "none.npz")


def test_a_state_without_initial_parameters_takes_those_of_the_problem(problem):
    """Earlier versions saved none."""
    kept = []
    fit(problem, Losses(), budget=Budget(iterations=2), keep=kept.append)
    lacking = kept[-1]._replace(init_params=None)
    resumed = fit(problem, Losses(), budget=Budget(iterations=3), resume=lacking, keep=kept.append)
    assert len(resumed.history.loss) == 4
    assert kept[-1].init_params is problem.init_params


def test_a_state_of_another_model_is_refused(problem):
    kept = []
    fit(problem, Losses(), budget=Budget(iterations=2), keep=kept.append)
    start = problem.init_params
    larger = stabilizer.paper_init(stabilizer.pad_videos(pairs((20,), points=3)))
    for other in (start._replace(face_size=jnp.ones(())), larger):
        with pytest.raises(InputError, match="holds another fit"):
            fit(problem, Losses(), budget=Budget(), resume=kept[-1]._replace(init_params=other))


def test_a_negative_budget_is_refused(problem):
    for budget in (Budget(iterations=-1), Budget(evaluations=-1), Budget(seconds=-1.0), Budget(patience=-1)):
        with pytest.raises(InputError, match="budget"):
            fit(problem, Losses(), budget=budget)


def test_a_fit_and_a_problem_print_as_one_line(problem):
    found = fit(problem, Losses(), budget=Budget(iterations=3, clock=ticking()))
    assert repr(found) == "Fit(loss 9.00 -> 0.33, 3 iterations, 7 evaluations, 3.0 s)"
    found = fit(validated(problem, [4.0, 3.0]), Losses(), budget=Budget(iterations=1, clock=ticking()))
    assert repr(found) == "Fit(loss 9.00 -> 1.00, validation loss 4.00 -> 3.00, 1 iterations, 3 evaluations, 1.0 s)"
    assert repr(problem) == "Problem(16 numbers; 1 videos of 20 frames, 2 points in 2D)"


def test_histories_that_follow_each_other_are_joined():
    one, two = stabilizer.History([0.0, 2.0], [1, 5], [9.0, 4.0]), stabilizer.History([0.0, 1.0], [1, 3], [6.0, 2.0])
    assert stabilizer.join_histories([one, two]) == ([0, 2, 2, 3], [1, 5, 6, 8], [9, 4, 4, 2])
