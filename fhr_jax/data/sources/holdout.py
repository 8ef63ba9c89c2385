"""Some of the records for training, others to validate with."""

from collections.abc import Sequence

import numpy as np

from fhr_jax.data.records import Frames, Record, Records, encoded
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


def videos(records: Records) -> tuple[Sequence[int], ...]:
    """The numbers of the records of each video, where the source tells; none of photographs."""
    files: Sequence[str] = getattr(records, "files", ())
    if isinstance(records, Frames):
        files = [run.file for run in records.runs for _ in range(run.start, run.stop)]
    of: dict[str, list[int]] = {}
    for number, file in enumerate(files):
        of.setdefault(file, []).append(number)
    return tuple(of.values())


def split_holdout(
    records: Records, number: int, *, seed: int, name: object, together: Sequence[Sequence[int]] = ()
) -> tuple[Subset, Subset]:
    """The records shuffled: those to train on, and `number` others.

    Args:
        records: all of them.
        number: how many are held out.
        seed: of the order.
        name: says in messages whose they are.
        together: numbers of records that belong together, as those of one video do: neighbours are almost the same
            picture. Whole videos are held out, and `number` frames at even steps of them are used; where less than half
            of the records would be left to learn from, one video is cut in two.

    Raises:
        InputError: there are too few.
    """
    if len(records) <= number:
        raise InputError(f"{name}: {len(records)} annotated images, but {number} are to be held out of training")
    groups = together or [range(i, i + 1) for i in range(len(records))]
    order = [groups[which] for which in np.random.default_rng(seed).permutation(len(groups))]
    ends = np.cumsum([len(group) for group in order])
    first = int(np.searchsorted(ends, number)) + 1  # so many groups have as many frames as are wanted
    numbers = [i for group in order for i in group]
    if len(records) - ends[first - 1] < len(records) / 2:
        return Subset(records, numbers[number:]), Subset(records, numbers[:number])
    held = numbers[: ends[first - 1]]
    chosen = [held[i * len(held) // number] for i in range(number)]
    return Subset(records, numbers[ends[first - 1] :]), Subset(records, chosen)


def some(records: Records, number: int, *, seed: int) -> Subset:
    """At most `number` of the records, any of them."""
    return Subset(records, np.random.default_rng(seed).permutation(len(records))[:number].tolist())
