"""Batches from a random-access source, read by Grain; their iterator can be saved and restored exactly.

The order does not depend on the number of processes and workers: batch k of a run always holds the same examples, and
process p of n reads the p-th of n equal parts of it.
"""

import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol, runtime_checkable

import grain
import jax
import numpy as np

from fhr_jax.data.prefetch import Prefetcher, on_device, on_host
from fhr_jax.errors import InputError


@runtime_checkable
class IndexedSource(Protocol):
    """Random access to examples, each a dict of arrays. Its `repr` identifies the data; see `Prefetcher`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


class Indices:
    """Examples {"index": uint32 ()}, `start` to `stop` - 1: numbers of synthetic faces, rendered on the device."""

    def __init__(self, start: int, stop: int):
        self._range = range(start, stop)

    def __len__(self) -> int:
        return len(self._range)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return {"index": np.asarray(self._range[int(index)], np.uint32)}

    def __repr__(self) -> str:  # a run compares it when it resumes
        return f"Indices({self._range.start}, {self._range.stop})"


def batches(
    source: IndexedSource,
    *,
    batch: int,
    seed: int,
    workers: int = 0,
    process_index: int | None = None,
    process_count: int | None = None,
    sharding: jax.sharding.Sharding | None = None,
) -> Prefetcher:
    """Endless batches on the device; each pass over the source has another order.

    Passes follow each other without a gap, so all batches are full and no example is dropped.

    Args:
        source: the examples; picklable if there are workers. Strings in them stay on the host.
        batch: examples in a batch, of all processes together.
        seed: of the order.
        workers: processes that read; with 0 threads of this process read. Workers import the script that starts them,
            as always in Python, so its work must be below ``if __name__ == "__main__":``.
        process_index: which part of each batch to read; default: the index of this process in JAX.
        process_count: number of parts; default: the number of processes in JAX.
        sharding: of the global arrays; None gives arrays of this process only.

    Returns:
        An iterator of dicts with arrays (B, ...). `get_state` and `set_state` (or Orbax, through `checkpoint`) resume
        it exactly, also within a pass and with another number of workers and processes. `close` ends the workers.

    Raises:
        InputError: the source is empty, the batch cannot be divided among the processes, or a worker would start
            workers.
    """
    part, size = _part(source, batch, process_index, process_count)
    _check_workers(workers)
    dataset = grain.MapDataset.source(source).seed(seed).shuffle().repeat().batch(size, drop_remainder=True)
    data = f"{source!r}, batch {batch}, seed {seed}"
    start = partial(_stream, dataset, part, workers)
    return Prefetcher(start, data=data, place=partial(on_device, sharding=sharding))


def one_pass(
    source: IndexedSource,
    *,
    batch: int,
    workers: int = 0,
    process_index: int | None = None,
    process_count: int | None = None,
) -> Prefetcher:
    """One pass over the source in order, on the host, strings included; all processes get equally many batches.

    Args:
        source: the examples; picklable if there are workers.
        batch: examples in a batch, of all processes together.
        workers: processes that read; with 0 threads of this process read. See `batches`.
        process_index: which part of each batch to read; default: the index of this process in JAX.
        process_count: number of parts; default: the number of processes in JAX.

    Returns:
        An iterator of dicts with arrays (B, ...). The last example is repeated until the last batch is full; "valid",
        bool (B,), is False for the repetitions.

    Raises:
        InputError: as for `batches`.
    """
    part, size = _part(source, batch, process_index, process_count)
    _check_workers(workers)
    dataset = grain.MapDataset.source(_Padded(source, batch)).batch(size, drop_remainder=True)
    start = partial(_stream, dataset, part, workers)
    return Prefetcher(start, data=f"{source!r}, batch {batch}, one pass", place=on_host)


class _Padded:
    """The source, with its last example repeated up to a multiple of `batch`, and the field "valid"."""

    def __init__(self, source: IndexedSource, batch: int):
        self._source, self._length = source, math.ceil(len(source) / batch) * batch

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, Any]:
        last = len(self._source) - 1
        return {**self._source[min(int(index), last)], "valid": np.bool_(index <= last)}


def _part(source: IndexedSource, batch: int, index: int | None, count: int | None) -> tuple[slice, int]:
    """Which parts of all batches this process reads, and the number of examples in a part."""
    index = jax.process_index() if index is None else index
    count = jax.process_count() if count is None else count
    if not len(source):
        raise InputError(f"{source!r}: holds no examples")
    if batch < 1 or batch % count:
        raise InputError(
            f"batches of {batch} examples cannot be divided into {count} equal parts, one for each process"
        )
    if not 0 <= index < count:
        raise InputError(f"process {index} of {count}: expected 0 to {count - 1}")
    return slice(index, None, count), batch // count


def _check_workers(workers: int) -> None:
    if workers < 0:
        raise InputError(f"{workers} workers, expected 0 or more")
    # Python would refuse this later, inside Grain, and the first process would then wait for ever.
    if workers and getattr(multiprocessing.current_process(), "_inheriting", False):
        print(
            "fhr_jax: a worker imports the script that started it and would start workers again: "
            'put what the script does below `if __name__ == "__main__":`',
            file=sys.stderr,
        )
        os.kill(os.getppid(), signal.SIGINT)
        raise InputError("a worker cannot start workers")


def _stream(dataset: grain.MapDataset, part: slice, workers: int, first: int) -> Iterator[dict[str, Any]]:
    """The parts that this process reads, from batch number `first` on."""
    own = dataset[part.start + first * part.step :: part.step]
    # The default of Grain keeps 500 batches ready: gigabytes of images.
    options = grain.ReadOptions(num_threads=1 if workers else THREADS, prefetch_buffer_size=2 if workers else THREADS)
    stream = own.to_iter_dataset(options)
    if workers:
        _parse_flags()
        stream = stream.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers), worker_init_fn=_init_worker)
    return iter(stream)


THREADS = 2
"""Threads that read where there are no workers: decoding and cropping release the lock of Python."""


def _init_worker(index: int, count: int) -> None:
    """Ignore Ctrl-C, which is meant for the process that trains; end when that process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _parse_flags() -> None:
    # The workers of Grain read absl flags, which only `absl.app.run` parses.
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
