"""Datasets of the TFDS catalogue as records: faces with 68 landmarks that need no registration.

TFDS downloads and prepares them itself, once:
``tfds.builder("the300w_lp", data_dir=OUT, file_format="array_record").download_and_prepare()``. For `the300w_lp` that
needs TensorFlow; you may prepare it on another machine and copy the folder.

The stored landmarks are fractions of the image side of 450 pixels. They come from MATLAB, which counts from 1, so a
stored x is pixel 450 x - 1. The landmarks of `the300w_lp` are `landmarks_2d`, on the visible outline like those of
300W. Those of `aflw2k3d` are projected from a 3D model, so points of the contour may be hidden. The catalogue does not
store file names: the `file` of a record is its split and its number in it.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fhr_jax.data.datasets import read
from fhr_jax.data.datasets.names import PREPARE
from fhr_jax.data.datasets.silence_tfds import silence_tfds
from fhr_jax.data.records import Record, Records, record
from fhr_jax.errors import InputError


class Adapter(NamedTuple):
    """Name of the feature that holds the landmarks."""

    points: str


ADAPTERS = {
    "the300w_lp": Adapter("landmarks_2d"),
    "aflw2k3d": Adapter("landmarks_68_3d_xy_normalized"),
}


class Catalogued:
    """The records of a split of a dataset of the catalogue."""

    def __init__(self, source: Any, name: str, split: str):
        self._source, self._name, self._split = source, name, split

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Record:
        example = read.read_example(self._source, int(index))
        image = example["image"]
        size = np.array([image.shape[1], image.shape[0]])
        points = np.asarray(example[ADAPTERS[self._name].points], np.float64) * size - 1
        return record(image, points, dataset=self._name, file=f"{self._split}/{int(index):06d}")

    def __repr__(self) -> str:  # compared when a run resumes
        return f"Catalogued({self._name}, {self._split}, {len(self)})"


def open_prepared(name: str, root: Path, split: str | None) -> Records:
    """Open a dataset of the catalogue.

    Args:
        name: of the dataset.
        root: the folder in which TFDS prepared it.
        split: which split; None for the only one.

    Raises:
        InputError: TFDS has not prepared it there, it is not stored as array_record, or it has no such split.
    """
    import tensorflow_datasets as tfds

    with silence_tfds():
        builder = tfds.builder(name, data_dir=str(root), file_format="array_record")
    if not builder.is_prepared():
        raise InputError(
            f"{builder.data_dir}: not found; prepare it with TFDS: {PREPARE.format(name=name, root=str(root))}"
        )
    return adapt(builder, split)


def adapt(builder: Any, split: str | None) -> Records:
    """The records of a TFDS builder of the catalogue.

    Raises:
        InputError: the features are not the expected ones, or there is no such split.
    """
    expected = {"image", ADAPTERS[builder.name].points}
    if not expected <= set(builder.info.features):
        raise InputError(f"{builder.data_dir}: expected the features {', '.join(sorted(expected))}")
    return Catalogued(read.data_source(builder, split), builder.name, split or next(iter(builder.info.splits)))
