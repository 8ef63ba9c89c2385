"""The Grain pipeline: every example once a pass, the same order for a seed and for all who read, exact resume."""

import subprocess
import sys

import numpy as np
import pytest

from fhr_jax.data import loader
from fhr_jax.errors import InputError


class Named:
    """Examples with a number and a name; `broken` cannot be read."""

    def __init__(self, number, broken=None):
        self.number, self.broken = number, broken

    def __len__(self):
        return self.number

    def __getitem__(self, index):
        if index == self.broken:
            raise InputError(f"{index}.jpg: not a readable image")
        return {"index": np.int32(index), "pixels": np.full((80, 80), index, np.uint8), "file": "x" * int(index)}

    def __repr__(self):
        return f"Named({self.number})"


def take(iterator, number):
    return np.concatenate([np.asarray(next(iterator)["index"]) for _ in range(number)])


def test_each_pass_has_all_examples_once_in_a_new_order():
    seen = take(loader.batches(loader.Indices(100, 110), batch=5, seed=0), 4)
    first, second = seen[:10], seen[10:]
    assert sorted(first) == sorted(second) == list(range(100, 110))
    assert list(first) != list(second)


def test_a_ragged_tail_runs_on_into_the_next_pass():
    seen = take(loader.batches(loader.Indices(0, 5), batch=2, seed=0), 5)
    assert sorted(seen[:5]) == sorted(seen[5:]) == list(range(5))


def test_the_seed_decides_the_order():
    orders = [list(take(loader.batches(loader.Indices(0, 50), batch=10, seed=s), 5)) for s in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_a_few_examples_fill_a_large_batch():
    seen = take(loader.batches(Named(3), batch=8, seed=0), 3)
    assert [sorted(seen[i : i + 3]) for i in range(0, 24, 3)] == [[0, 1, 2]] * 8


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_in_the_middle_of_a_pass(workers):
    alone = loader.batches(Named(7), batch=3, seed=3)
    expected = [next(alone) for _ in range(6)]
    iterator = loader.batches(Named(7), batch=3, seed=3, workers=workers)
    seen = [next(iterator) for _ in range(4)]
    state = iterator.get_state()
    next(iterator)
    iterator.set_state(state)
    seen += [next(iterator) for _ in range(2)]
    for batch, same in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(batch["index"], same["index"])
        np.testing.assert_array_equal(batch["pixels"][:, 5, 5], same["index"])
        assert set(batch) == {"index", "pixels"}  # names cannot go to a device
    iterator.close()


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_each_batch(count):
    def part(index, batches=0):
        made = loader.batches(Named(13), batch=6, seed=1, process_index=index, process_count=count)
        made.set_state(made.get_state() | {"batches": batches})
        return made

    together = np.stack([take(part(p), 5).reshape(5, -1) for p in range(count)], axis=1).reshape(-1)
    # What one process alone would read, so disjoint within a pass, and a run may go on with another number of them.
    assert list(together) == list(take(loader.batches(Named(13), batch=6, seed=1), 5))
    assert sorted(together[:13]) == list(range(13))
    later = np.concatenate([take(part(p, 4), 1) for p in range(count)])
    assert list(later) == list(together[24:])


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("number", [8, 9, 3])
def test_one_pass_with_its_tail_filled_up(count, number):
    parts = [list(loader.one_pass(Named(number), batch=4, process_index=p, process_count=count)) for p in range(count)]
    assert {len(part) for part in parts} == {-(-number // 4)}
    seen = np.stack([[batch["index"] for batch in part] for part in parts], axis=1).reshape(-1)
    valid = np.stack([[batch["valid"] for batch in part] for part in parts], axis=1).reshape(-1)
    assert list(seen[valid]) == list(range(number))
    assert (seen[~valid] == number - 1).all()
    names = [name for part in parts for batch in part for name in batch["file"]]
    assert sorted(names) == sorted("x" * i for i in seen)


def test_one_pass_resumes():
    iterator = loader.one_pass(Named(9), batch=4)
    next(iterator)
    again = loader.one_pass(Named(9), batch=4)
    again.set_state(iterator.get_state())
    assert [list(batch["index"]) for batch in again] == [[4, 5, 6, 7], [8, 8, 8, 8]]


@pytest.mark.parametrize("workers", [0, 1])
def test_what_cannot_be_read_is_named(workers):
    iterator = loader.one_pass(Named(6, broken=3), batch=2, workers=workers)
    assert list(next(iterator)["index"]) == [0, 1]
    with pytest.raises(InputError, match=r"^3\.jpg: not a readable image"):
        next(iterator)
    iterator.close()


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(InputError, match=r"Named\(0\): holds no examples"):
        loader.batches(Named(0), batch=2, seed=0)
    with pytest.raises(InputError, match="batches of 5 examples cannot be divided into 2 equal parts"):
        loader.batches(Named(4), batch=5, seed=0, process_index=0, process_count=2)
    with pytest.raises(InputError, match="process 2 of 2"):
        loader.one_pass(Named(4), batch=4, process_index=2, process_count=2)
    other = loader.batches(Named(5), batch=2, seed=0).get_state()
    with pytest.raises(InputError, match=r"made with Named\(5\), batch 2, seed 0, not Named\(5\), batch 2, seed 1"):
        loader.batches(Named(5), batch=2, seed=1).set_state(other)


def test_workers_are_counted_from_zero():
    with pytest.raises(InputError, match="-1 workers, expected 0 or more"):
        loader.batches(loader.Indices(0, 4), batch=2, seed=0, workers=-1)


SCRIPT = """
from fhr_jax.data import loader
next(loader.batches(loader.Indices(0, 4), batch=2, seed=0, workers=1))
"""


def test_a_script_without_a_main_guard_ends_with_a_message(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    result = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=100)
    assert result.returncode != 0
    assert 'below `if __name__ == "__main__":`' in result.stderr
