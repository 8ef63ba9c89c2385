"""Make batches ahead of time in a thread and put them on the device, while the previous one is used."""

import atexit
import functools
import gc
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import jax
import numpy as np

from fhr_jax.errors import InputError

Batch = dict[str, Any]
Start = Callable[[int], Iterator[Batch]]
"""start(n) -> the batches from number n on."""


class Prefetcher:
    """An iterator of batches that keeps some ready, and can be saved and restored exactly.

    Its state is the number of batches that it has returned, without those that are ready. So it does not depend on how
    batches are made: a run may resume with another number of workers or processes.

    Args:
        start: returns an iterator of batches from any number on; if that has `close`, it is called at the end.
        data: identifies the data; `set_state` refuses a state of other data.
        place: applied to each batch by the thread, such as `on_device`.
        depth: number of batches kept ready.
    """

    def __init__(self, start: Start, *, data: str, place: Callable[[Batch], Batch], depth: int = 2):
        self._start, self._data, self._place, self._depth = start, data, place, depth
        self._returned = 0
        self._thread: _Thread | None = None

    def __iter__(self) -> "Prefetcher":
        return self

    def __next__(self) -> Batch:
        if self._thread is None:
            self._thread = _Thread(self._start(self._returned), self._place, self._depth)
            self._finalizer = weakref.finalize(self, _close, self._thread)
        try:
            batch = self._thread.next()
        except StopIteration:
            raise
        except Exception:
            self.close()  # the next call starts again at the same batch
            raise
        self._returned += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The state after the last batch that was returned."""
        return {"batches": self._returned, "data": self._data}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue after the batch that was the last one when `state` was taken.

        Raises:
            InputError: the state belongs to other data.
        """
        if state.get("data") != self._data:
            raise InputError(f"the data have changed: the run was made with {state.get('data')}, not {self._data}")
        self.close()
        self._returned = int(state["batches"])

    def close(self) -> None:
        """End the thread and the workers; the next batch starts them again."""
        if self._thread is not None:
            self._finalizer()
            self._thread = None


class _Thread:
    """A running thread and the batches that it has made."""

    def __init__(self, stream: Iterator[Batch], place: Callable[[Batch], Batch], depth: int):
        _collect_at_exit()
        self._stream, self._place = stream, place
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ready: deque[Future[Batch | None]] = deque(self._executor.submit(self._make) for _ in range(depth))

    def next(self) -> Batch:
        future = self._ready.popleft()
        error = future.exception()
        if isinstance(error, InputError):
            message = str(error)
            del future, error  # their stack frames hold batches of the workers
            raise InputError(message)
        batch = future.result()
        self._ready.append(self._executor.submit(self._make))
        if batch is None:
            raise StopIteration
        return batch

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._ready.clear()
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()
        self._stream = iter(())

    def _make(self) -> Batch | None:
        batch = next(self._stream, None)
        return None if batch is None else self._place(batch)


_EXITING = Event()
"""Set while the process ends."""


@functools.cache
def _collect_at_exit() -> None:
    """At exit, free the objects of Grain, which have reference cycles, while its modules still exist."""

    def collect() -> None:
        _EXITING.set()
        gc.collect()

    atexit.register(collect)


def _close(thread: _Thread) -> None:
    """Close an iterator that nobody uses any more, perhaps at exit and after the collection above."""
    thread.close()
    if _EXITING.is_set():
        gc.collect()


def on_device(batch: Batch, *, sharding: jax.sharding.Sharding | None = None) -> Batch:
    """The numeric arrays of a batch on the device, without its strings.

    Args:
        batch: arrays (B, ...) of this process.
        sharding: of the global arrays of which these are a part; None puts them on the first device of this process.
    """
    # Copied, because workers return shared memory, which a CPU device would keep in use.
    numbers = {name: value for name, value in on_host(batch).items() if value.dtype.kind in "biuf"}
    if sharding is None:
        return jax.device_put(numbers)
    return {name: jax.make_array_from_process_local_data(sharding, value) for name, value in numbers.items()}


def on_host(batch: Batch) -> Batch:
    """The whole batch, strings included, copied into memory of this process."""
    return {name: np.array(value) for name, value in batch.items()}
