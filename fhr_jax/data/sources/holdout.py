"""Split records into those to train on and those held out to validate with."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from fhr_jax.data.records import Frames, Record, Records, encoded
from fhr_jax.errors import InputError

MOST = 64
"""Number of records that are held out by default."""


class Subset:
    """The records at some indices of another source, in that order."""

    def __init__(self, records: Records, numbers: Sequence[int] | np.ndarray):
        self._records, self._numbers = records, np.asarray(numbers, np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Record:
        return self._records[int(self._numbers[int(index)])]

    def encoded(self, index: int) -> Record:
        """The record, with its image not decoded if the source supports that."""
        return encoded(self._records, int(self._numbers[int(index)]))

    def __repr__(self) -> str:  # a run compares it when it resumes
        return f"Subset({self._records!r}, {len(self)} from {self._numbers[:3].tolist()})"


def records_by_video(records: Records) -> tuple[Int64[np.ndarray, "_"], ...]:
    """For each video the indices (N,) of its records; empty for photographs, or where the source does not tell."""
    files: Sequence[str] = getattr(records, "files", ())
    runs = ((number, number + 1, file) for number, file in enumerate(files))
    parts: dict[str, list[np.ndarray]] = {}
    for start, stop, file in records.runs if isinstance(records, Frames) else runs:
        parts.setdefault(file, []).append(np.arange(start, stop, dtype=np.int64))
    return tuple(np.concatenate(own) for own in parts.values())


def split_holdout(
    records: Records, number: int, *, seed: int, name: object, groups: Sequence[Sequence[int] | np.ndarray] = ()
) -> tuple[Subset, Subset]:
    """Shuffle records and hold some out.

    Args:
        records: all records.
        number: how many to hold out.
        seed: of the order.
        name: of the data, for error messages.
        groups: indices of records that belong together, such as those of one video, whose frames are nearly the same
            image. Whole groups are held out, and `number` records, evenly spaced in them, are used. Where fewer than
            half of the records would be left to train on, one group is split.

    Returns:
        The records to train on, and `number` records to validate with.

    Raises:
        InputError: there are no more than `number` records.
    """
    learn, held = split_indices(len(records), number, seed=seed, name=name, groups=groups)
    return Subset(records, learn), Subset(records, held)


def split_indices(
    records: int, number: int, *, seed: int, name: object, groups: Sequence[Sequence[int] | np.ndarray] = ()
) -> tuple[Int64[np.ndarray, "_"], Int64[np.ndarray, "_"]]:
    """`split_holdout` for the indices of so many records: those to train on (N,), and those to validate with (M,).

    Args:
        records: how many there are.
        number: how many to hold out; with 0 all are to train on.
        seed: of the order.
        name: of the data, for error messages.
        groups: as for `split_holdout`.

    Raises:
        InputError: there are no more than `number` records.
    """
    if records <= number:
        raise InputError(f"{name}: {records} annotated images, but {number} are to be held out")
    order = np.random.default_rng(seed).permutation(len(groups) or records)
    numbers = np.concatenate([np.asarray(groups[which], np.int64) for which in order]) if groups else order
    if not number:
        return numbers, numbers[:0]
    ends = np.cumsum([len(groups[which]) for which in order]) if groups else np.arange(1, records + 1)
    first = int(np.searchsorted(ends, number)) + 1  # the first groups that hold enough records
    if records - ends[first - 1] < records / 2:
        return numbers[number:], numbers[:number]
    held = numbers[: ends[first - 1]]
    return numbers[ends[first - 1] :], held[np.arange(number) * len(held) // number]


def fair_share(records: int) -> int:
    """How many of so many records to hold out when few are to be had: a fifth, at least 1 and at most 64."""
    return min(max(records // 5, 1), MOST)


def random_subset(records: Records, number: int, *, seed: int) -> Subset:
    """At most `number` records, drawn at random without replacement."""
    return Subset(records, np.random.default_rng(seed).permutation(len(records))[:number])
