"""Some of the records for training, others to validate with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fhr_jax.data.crops import Records, encoded
from fhr_jax.errors import InputError


class Subset:
    """The records of some numbers, in that order."""

    def __init__(self, records: Records, numbers: Sequence[int]):
        self._records, self._numbers = records, np.asarray(numbers, np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._records[int(self._numbers[int(index)])]

    def encoded(self, index: int) -> dict[str, Any]:
        """`crops.encoded` of the record."""
        return encoded(self._records, int(self._numbers[int(index)]))

    def __repr__(self) -> str:  # compared when a run resumes
        return f"Subset({self._records!r}, {len(self)} from {self._numbers[:3].tolist()})"


def hold_out(records: Records, number: int, *, seed: int, name: object) -> tuple[Subset, Subset]:
    """The records shuffled: those to train on, and `number` others; `name` says in messages whose they are.

    Raises:
        InputError: there are too few.
    """
    if len(records) <= number:
        raise InputError(f"{name}: {len(records)} annotated images, but {number} are to be held out of training")
    order = np.random.default_rng(seed).permutation(len(records))
    return Subset(records, order[number:].tolist()), Subset(records, order[:number].tolist())
