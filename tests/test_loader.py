"""The Grain pipeline: every example once a pass, the same order for a seed, exact resume."""

import numpy as np
import pytest

from fhr_jax.data import loader


def _take(iterator, number):
    return np.concatenate([next(iterator)["index"] for _ in range(number)])


def test_every_pass_holds_every_example_once_in_another_order():
    seen = _take(loader.batches(loader.Indices(100, 110), batch=5, seed=0), 4)
    first, second = seen[:10], seen[10:]
    assert sorted(first) == sorted(second) == list(range(100, 110))
    assert list(first) != list(second)


def test_a_ragged_tail_runs_on_into_the_next_pass():
    seen = _take(loader.batches(loader.Indices(0, 5), batch=2, seed=0), 5)
    assert sorted(seen[:5]) == sorted(seen[5:]) == list(range(5))


def test_the_seed_decides_the_order():
    orders = [list(_take(loader.batches(loader.Indices(0, 50), batch=10, seed=s), 5)) for s in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_resume_in_the_middle_of_a_pass(workers):
    iterator = loader.batches(loader.Indices(0, 7), batch=3, seed=3, workers=workers)
    _take(iterator, 3)
    state = iterator.get_state()
    expected = _take(iterator, 4)
    again = loader.batches(loader.Indices(0, 7), batch=3, seed=3, workers=workers)
    again.set_state(state)
    assert list(_take(again, 4)) == list(expected)
