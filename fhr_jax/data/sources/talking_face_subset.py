"""The seven landmarks of Talking Face that 300W has too; its other points have other meanings."""

import numpy as np

from fhr_jax.data.records import Record, Records, encoded
from fhr_jax.markup import FACE68, SEVEN_OF_TALKING_FACE

DATASET = "talking_face"


class TalkingFaceSubset:
    """Records of Talking Face with the landmarks of `markup.FACE7`; boxes are still those of all landmarks."""

    def __init__(self, records: Records):
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Record:
        return _subset(self._records[index])

    def encoded(self, index: int) -> Record:
        """The record, with its image not decoded if the source supports that."""
        return _subset(encoded(self._records, index))

    def __repr__(self) -> str:  # a run compares it when it resumes: "Seven" must stay as it is in old checkpoints
        return f"Seven({self._records!r})"


def talking_face_subset(records: Records) -> Records:
    """The records themselves, or with seven landmarks if they are those of Talking Face with all 68."""
    first = encoded(records, 0)
    full = first["dataset"] == DATASET and first["points"].shape[-2] == FACE68.size
    return TalkingFaceSubset(records) if full else records


def _subset(record: Record) -> Record:
    return record | {"points": record["points"][..., np.array(SEVEN_OF_TALKING_FACE), :]}
