"""Talking Face with the seven of its points that 300W has too: its other points mean something else."""

import numpy as np

from fhr_jax.data.records import Record, Records, encoded
from fhr_jax.markup import FACE68, SEVEN_OF_TALKING_FACE

DATASET = "talking_face"


class TalkingFaceSubset:
    """Records of Talking Face with points of `markup.FACE7`; boxes stay those of all points."""

    def __init__(self, records: Records):
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Record:
        return _seven(self._records[index])

    def encoded(self, index: int) -> Record:
        """The record, its image not decoded if the source can do that."""
        return _seven(encoded(self._records, index))

    def __repr__(self) -> str:  # compared when a run resumes
        return f"Seven({self._records!r})"


def talking_face_subset(records: Records) -> Records:
    """The records, with seven points if they are of Talking Face with all of its own."""
    first = encoded(records, 0)
    other = first["dataset"] == DATASET and first["points"].shape[-2] == FACE68.size
    return TalkingFaceSubset(records) if other else records


def _seven(record: Record) -> Record:
    return record | {"points": record["points"][..., np.array(SEVEN_OF_TALKING_FACE), :]}
