"""Prefetched batches: the state ignores batches that are ready; errors and the end come in order."""

import threading

import jax
import numpy as np
import pytest

from fhr_jax.data import prefetch
from fhr_jax.errors import InputError


class Numbers:
    """The batches {"n": [k]} from `first` on, and what was asked of them."""

    def __init__(self, first, stop=None, broken=None):
        self.next, self.stop, self.broken, self.closed = first, stop, broken, False
        self.made = threading.Semaphore(0)

    def __iter__(self):
        return self

    def __next__(self):
        if self.next == self.stop:
            raise StopIteration
        self.next += 1
        self.made.release()
        if self.next - 1 == self.broken:
            raise InputError("7.jpg: broken")
        return {"n": np.array([self.next - 1]), "file": np.array(["a.jpg"])}

    def close(self):
        self.closed = True


def ahead(depth=2, data="numbers", place=prefetch.on_host, **options):
    made = []

    def start(first):
        made.append(Numbers(first, **options))
        return made[-1]

    return prefetch.Prefetcher(start, data=data, place=place, depth=depth), made


def test_batches_are_made_ahead_of_time():
    iterator, made = ahead(depth=3)
    assert next(iterator)["n"] == [0]
    for _ in range(4):  # the one handed out, and three that lie ready
        assert made[0].made.acquire(timeout=10)
    assert not made[0].made.acquire(timeout=0.05)
    iterator.close()


def test_the_state_is_that_of_the_batch_handed_out_last():
    iterator, made = ahead()
    assert iterator.get_state() == {"batches": 0, "data": "numbers"}
    for _ in range(5):
        next(iterator)
    state = iterator.get_state()
    assert state == {"batches": 5, "data": "numbers"}
    expected = [int(next(iterator)["n"][0]) for _ in range(3)]
    iterator.set_state(state)
    assert made[0].closed
    assert [int(next(iterator)["n"][0]) for _ in range(3)] == expected == [5, 6, 7]
    other, _ = ahead()
    other.set_state(state)
    assert next(other)["n"] == [5]
    for each in (iterator, other):
        each.close()


def test_a_state_of_other_data_is_refused():
    iterator, _ = ahead()
    with pytest.raises(InputError, match="the data have changed: the run was made with letters, not numbers"):
        iterator.set_state({"batches": 2, "data": "letters"})


def test_the_end_and_a_broken_example_come_in_their_turn():
    iterator, _ = ahead(stop=3, depth=5)
    assert [int(batch["n"][0]) for batch in iterator] == [0, 1, 2]
    assert next(iterator, None) is None
    assert iterator.get_state()["batches"] == 3
    broken, made = ahead(broken=2)
    assert [int(next(broken)["n"][0]) for _ in range(2)] == [0, 1]
    for attempt in range(4):
        with pytest.raises(InputError, match=r"7\.jpg: broken"):
            next(broken)
        assert broken.get_state()["batches"] == 2
        assert made[attempt].closed


def test_what_is_forgotten_is_closed():
    iterator, made = ahead()
    next(iterator)
    del iterator
    assert made[0].closed


def test_numbers_go_to_the_device_and_names_stay():
    batch = {"n": np.arange(4, dtype=np.uint8), "x": np.ones((4, 2), np.float32), "file": np.array(["a", "bc"])}
    placed = prefetch.on_device(batch)
    assert {name: value.dtype for name, value in placed.items()} == {"n": np.uint8, "x": np.float32}
    assert all(isinstance(value, jax.Array) for value in placed.values())
    batch["n"][:] = 9  # a worker's memory is used again
    np.testing.assert_array_equal(placed["n"], np.arange(4))
    mesh = jax.make_mesh((1,), ("faces",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("faces"))
    globally = prefetch.on_device(batch, sharding=sharding)
    assert globally["x"].sharding == sharding
    np.testing.assert_array_equal(globally["x"], batch["x"])
