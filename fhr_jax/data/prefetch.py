"""Batches made ahead of time by a thread, and put on the device, while the last one is used."""

import gc
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from fhr_jax.errors import InputError

Batch = dict[str, Any]
Start = Callable[[int], Iterator[Batch]]
"""start(n) -> the batches from number n on."""


class Ahead:
    """An iterator of batches that keeps `depth` of them ready, and can be saved and restored exactly.

    Its state is how many batches it has handed out; those that lie ready do not count. So it does not depend on how
    they are made: a run may resume with another number of workers or processes.

    Args:
        start: makes the batches, from any number on; an iterator with `close` is closed.
        data: says what the batches are; a state of other data is refused.
        place: what the thread does with each batch, such as `on_device`.
        depth: how many batches lie ready.
    """

    def __init__(self, start: Start, *, data: str, place: Callable[[Batch], Batch], depth: int = 2):
        self._start, self._data, self._place, self._depth = start, data, place, depth
        self._handed_out = 0
        self._run: _Run | None = None

    def __iter__(self) -> "Ahead":
        return self

    def __next__(self) -> Batch:
        if self._run is None:
            self._run = _Run(self._start(self._handed_out), self._place, self._depth)
            self._finalizer = weakref.finalize(self, self._run.close)
        try:
            batch = self._run.next()
        except StopIteration:
            raise
        except Exception:
            self.close()  # whoever asks again gets a new start at the same place
            raise
        self._handed_out += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The place right after the batch that was handed out last."""
        return {"batches": self._handed_out, "data": self._data}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on after the batch that was handed out last when `state` was got.

        Raises:
            InputError: the state is that of other data.
        """
        if state.get("data") != self._data:
            raise InputError(f"the data have changed: the run was made with {state.get('data')}, not {self._data}")
        self.close()
        self._handed_out = int(state["batches"])

    def close(self) -> None:
        """End the thread and the processes that read; the next batch starts them again."""
        if self._run is not None:
            self._finalizer()
            self._run = None


class _Run:
    """The thread and what it has made."""

    def __init__(self, stream: Iterator[Batch], place: Callable[[Batch], Batch], depth: int):
        self._stream, self._place = stream, place
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ready: deque[Future[Batch | None]] = deque(self._thread.submit(self._make) for _ in range(depth))

    def next(self) -> Batch:
        future = self._ready.popleft()
        error = future.exception()
        if isinstance(error, InputError):
            message = str(error)
            del future, error  # their frames hold batches of the workers
            raise InputError(message)
        batch = future.result()
        self._ready.append(self._thread.submit(self._make))
        if batch is None:
            raise StopIteration
        return batch

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._ready.clear()
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()
        # At exit, what Grain keeps, cycles among it, must go while its modules are still there.
        self._stream = iter(())
        gc.collect()

    def _make(self) -> Batch | None:
        batch = next(self._stream, None)
        return None if batch is None else self._place(batch)


def on_device(batch: Batch, *, sharding: jax.sharding.Sharding | None = None) -> Batch:
    """The numbers of a batch as arrays on the device; names stay behind, where no computation can use them.

    Args:
        batch: arrays of this process.
        sharding: of the global arrays, whose parts these are; None: arrays of this process's first device.
    """
    # Copied: workers hand over memory that they share, and a device that is the host would keep it.
    numbers = {name: value for name, value in on_host(batch).items() if value.dtype.kind in "biuf"}
    if sharding is None:
        return jax.device_put(numbers)
    return {name: jax.make_array_from_process_local_data(sharding, value) for name, value in numbers.items()}


def on_host(batch: Batch) -> Batch:
    """The whole batch, names and all, in memory of this process."""
    return {name: np.array(value) for name, value in batch.items()}
