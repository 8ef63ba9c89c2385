"""Processes that work for this one and end with it, however it ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any


@contextmanager
def worker_processes(
    number: int, *, initializer: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Generator[ProcessPoolExecutor]:
    """Start `number` processes; if the block is left by an exception, they are stopped at once.

    They are spawned, because JAX's threads do not survive a fork. So a script that starts them has its work below
    ``if __name__ == "__main__":``.

    Args:
        number: of processes.
        initializer: called once in each of them.
        arguments: of the initializer; they are pickled.
    """
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(number, context, initializer=_initialize, initargs=(initializer, arguments))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    pool.shutdown()


def _initialize(initializer: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if initializer is not None:
        initializer(*arguments)
