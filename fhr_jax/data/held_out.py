"""Some of the records for training, others to validate with."""

from collections.abc import Sequence

import numpy as np

from fhr_jax.data.records import Record, Records, Run, encoded
from fhr_jax.errors import InputError


class Subset:
    """The records of some numbers, in that order."""

    def __init__(self, records: Records, numbers: Sequence[int]):
        self._records, self._numbers = records, np.asarray(numbers, np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Record:
        return self._records[int(self._numbers[int(index)])]

    def encoded(self, index: int) -> Record:
        """The record, its image not decoded if the source can do that."""
        return encoded(self._records, int(self._numbers[int(index)]))

    def __repr__(self) -> str:  # compared when a run resumes
        return f"Subset({self._records!r}, {len(self)} from {self._numbers[:3].tolist()})"


def hold_out(
    records: Records, number: int, *, seed: int, name: object, runs: Sequence[Run] = ()
) -> tuple[Subset, Subset]:
    """The records shuffled: those to train on, and `number` others.

    Args:
        records: all of them.
        number: how many are held out.
        seed: of the order.
        name: says in messages whose they are.
        runs: of frames of videos: they stay together, since neighbours are almost the same picture. So one run at most
            has frames in both parts.

    Raises:
        InputError: there are too few.
    """
    if len(records) <= number:
        raise InputError(f"{name}: {len(records)} annotated images, but {number} are to be held out of training")
    together = [range(*run) for run in runs] or [range(i, i + 1) for i in range(len(records))]
    order = [i for which in np.random.default_rng(seed).permutation(len(together)) for i in together[which]]
    return Subset(records, order[number:]), Subset(records, order[:number])


def some(records: Records, number: int, *, seed: int) -> Subset:
    """At most `number` of the records, any of them."""
    return Subset(records, np.random.default_rng(seed).permutation(len(records))[:number].tolist())
