"""Grain pipelines: a random-access source in, an iterator of batches out that can be saved and restored.

The order is one for all processes and workers: batch k of the run holds the same examples whoever reads them, and
process p of n takes the p-th of n equal parts of it.
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

from fhr_jax.data.prefetch import Ahead, on_device, on_host
from fhr_jax.errors import InputError


@runtime_checkable
class IndexedSource(Protocol):
    """Random access to examples, each a dict of arrays. `repr` says what it holds; see `Ahead`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


class Indices:
    """Examples {"index": uint32 ()}: numbers of synthetic faces, which are rendered on the device."""

    def __init__(self, start: int, stop: int):
        self._range = range(start, stop)

    def __len__(self) -> int:
        return len(self._range)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return {"index": np.asarray(self._range[int(index)], np.uint32)}

    def __repr__(self) -> str:  # compared when a run resumes
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
) -> Ahead:
    """Endless batches on the device, each pass over the source in another order.

    The ragged tail of a pass runs on into the next one, so every batch is full and none is left out.

    Args:
        source: the examples; picklable if there are workers. Texts in them stay on the host.
        batch: examples a batch, those of all processes together.
        seed: of the order.
        workers: processes that read; 0 reads in a thread of this one. They import the script that starts them, as
            everywhere in Python: what it does must stand below ``if __name__ == "__main__":``.
        process_index: which part of each batch to read, by default JAX's number of this process.
        process_count: of how many, by default JAX's.
        sharding: of the global arrays; None: arrays of this process alone.

    Returns:
        An iterator; `get_state` and `set_state` (and Orbax through `checkpoint`) resume it exactly, in the middle of
        a pass, with any number of workers and processes. `close` ends the workers.

    Raises:
        InputError: the source is empty, the batch has no equal parts for the processes, or a worker would start
            workers.
    """
    part, share = _share(source, batch, process_index, process_count)
    _check_workers(workers)
    dataset = grain.MapDataset.source(source).seed(seed).shuffle().repeat().batch(share, drop_remainder=True)
    data = f"{source!r}, batch {batch}, seed {seed}"
    start = partial(_stream, dataset, part, workers)
    return Ahead(start, data=data, place=partial(on_device, sharding=sharding))


def once(
    source: IndexedSource,
    *,
    batch: int,
    workers: int = 0,
    process_index: int | None = None,
    process_count: int | None = None,
) -> Ahead:
    """One pass in order, on the host, texts and all; every process gets the same number of batches.

    The last examples are repeated until the last batch is full; "valid", bool (B,), is False for the repetitions.
    Arguments and errors are those of `batches`.
    """
    part, share = _share(source, batch, process_index, process_count)
    _check_workers(workers)
    dataset = grain.MapDataset.source(_Padded(source, batch)).batch(share, drop_remainder=True)
    start = partial(_stream, dataset, part, workers)
    return Ahead(start, data=f"{source!r}, batch {batch}, one pass", place=on_host)


class _Padded:
    """The source with its last example repeated up to a multiple of `batch`, and "valid"."""

    def __init__(self, source: IndexedSource, batch: int):
        self._source, self._length = source, math.ceil(len(source) / batch) * batch

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, Any]:
        last = len(self._source) - 1
        return {**self._source[min(int(index), last)], "valid": np.bool_(index <= last)}


def _share(source: IndexedSource, batch: int, index: int | None, count: int | None) -> tuple[slice, int]:
    """Which of the shares of all batches are this process's, and how large a share is."""
    index = jax.process_index() if index is None else index
    count = jax.process_count() if count is None else count
    if not len(source):
        raise InputError(f"{source!r}: holds no examples")
    if batch < 1 or batch % count:
        raise InputError(f"batches of {batch} examples: no {count} equal parts, one a process")
    if not 0 <= index < count:
        raise InputError(f"process {index} of {count}: expected 0 to {count - 1}")
    return slice(index, None, count), batch // count


def _check_workers(workers: int) -> None:
    if workers < 0:
        raise InputError(f"{workers} workers, expected 0 or more")
    # What Python itself would refuse later, in the middle of Grain, whose first process then waits for ever.
    if workers and getattr(multiprocessing.current_process(), "_inheriting", False):
        print(
            "fhr_jax: a worker imports the script that started it and would start workers again: "
            'put what the script does below `if __name__ == "__main__":`',
            file=sys.stderr,
        )
        os.kill(os.getppid(), signal.SIGINT)
        raise InputError("workers of a worker")


def _stream(dataset: grain.MapDataset, part: slice, workers: int, first: int) -> Iterator[dict[str, Any]]:
    """This process's shares from batch number `first` on."""
    mine = dataset[part.start + first * part.step :: part.step]
    # Grain's own default keeps 500 batches ready: gigabytes of pictures.
    options = grain.ReadOptions(num_threads=1 if workers else THREADS, prefetch_buffer_size=2 if workers else THREADS)
    stream = mine.to_iter_dataset(options)
    if workers:
        _parse_flags()
        stream = stream.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers), worker_init_fn=_begin_worker)
    return iter(stream)


THREADS = 2
"""Batches that are read at a time without workers: decoding and cropping do not hold Python's lock."""


def _begin_worker(index: int, count: int) -> None:
    """Ctrl-C is for the process that trains; and when that one is killed, its workers go too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _parse_flags() -> None:
    # Grain's workers read absl flags, which only `absl.app.run` would have parsed.
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
