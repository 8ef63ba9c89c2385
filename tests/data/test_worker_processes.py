"""Processes that work for this one."""

import multiprocessing
import os
import time

import pytest

from fhr_jax.data.worker_processes import worker_processes


def test_workers_are_initialized_and_work():
    with worker_processes(2, initializer=os.chdir, arguments=("/",)) as pool:
        assert [future.result() for future in [pool.submit(os.getcwd) for _ in range(3)]] == ["/"] * 3


def test_an_exception_stops_them_at_once():
    before, start = set(multiprocessing.active_children()), time.monotonic()
    with pytest.raises(KeyError), worker_processes(1) as pool:
        pool.submit(os.getpid).result()
        pool.submit(time.sleep, 600)
        raise KeyError
    # A child is not joined here: the pool's own thread does, and who comes second is told that it still lives.
    while (left := set(multiprocessing.active_children()) - before) and time.monotonic() - start < 300:
        time.sleep(0.05)
    assert not left
