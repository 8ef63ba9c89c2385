"""Grain pipelines: a random-access source in, an iterator of batches out that can be saved and restored."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import grain
import numpy as np


@runtime_checkable
class Source(Protocol):
    """Random access to examples, each a dict of arrays."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, np.ndarray]: ...


class Indices:
    """Examples {"index": uint32 ()}: numbers of synthetic faces, which are rendered on the device."""

    def __init__(self, start: int, stop: int):
        self._range = range(start, stop)

    def __len__(self) -> int:
        return len(self._range)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return {"index": np.asarray(self._range[int(index)], np.uint32)}

    def __repr__(self) -> str:  # Grain compares it when it restores an iterator.
        return f"Indices({self._range.start}, {self._range.stop})"


def batches(source: Source, *, batch: int, seed: int, workers: int = 0) -> Iterator[dict[str, Any]]:
    """Endless batches, each pass over the source in another order; the ragged tail runs on into the next pass.

    Args:
        source: the examples.
        batch: examples a batch.
        seed: of the order.
        workers: processes that read; 0 reads in this one.

    Returns:
        A Grain iterator; `get_state` and `set_state` (and Orbax through `checkpoint`) resume it exactly.
    """
    dataset = grain.MapDataset.source(source).seed(seed).shuffle().repeat().batch(batch, drop_remainder=True)
    stream = dataset.to_iter_dataset(grain.ReadOptions(num_threads=0 if workers == 0 else 4))
    if workers:
        _parse_flags()
        stream = stream.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    return iter(stream)


def _parse_flags() -> None:
    # Grain's workers read absl flags, which only `absl.app.run` would have parsed.
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
