"""Datasets of TFDS's catalogue as records: faces with 68 landmarks that need no registration.

TFDS downloads and prepares them itself, once, which for `the300w_lp` needs TensorFlow (any machine will do; copy the
folder): ``tfds.builder("the300w_lp", data_dir=OUT, file_format="array_record").download_and_prepare()``.

Their landmarks are shares of the image's 450 pixels and come from MATLAB, which counts from 1: x is pixel 450 x - 1.
Those of `the300w_lp` are `landmarks_2d`, which lie on the visible outline as those of 300W do; those of `aflw2k3d` are
of a 3D model seen from the camera, so contour points may be hidden. The catalogue does not keep the names of the
files: a record's file is the split and its number there.
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
    """The feature of the catalogue that holds the landmarks."""

    points: str


ADAPTERS = {
    "the300w_lp": Adapter("landmarks_2d"),
    "aflw2k3d": Adapter("landmarks_68_3d_xy_normalized"),
}


class Catalogued:
    """The examples of a dataset of the catalogue as records."""

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
    """A dataset of the catalogue that TFDS has prepared below `root`.

    Raises:
        InputError: it has not, or not as array_record, or there is no such split.
    """
    import tensorflow_datasets as tfds

    with silence_tfds():
        builder = tfds.builder(name, data_dir=str(root), file_format="array_record")
    if not builder.is_prepared():
        raise InputError(f"{builder.data_dir}: not there; TFDS makes it: {PREPARE.format(name=name, root=str(root))}")
    return adapt(builder, split)


def adapt(builder: Any, split: str | None) -> Records:
    """The records of a builder of the catalogue.

    Raises:
        InputError: the catalogue has changed its features, or there is no such split.
    """
    expected = {"image", ADAPTERS[builder.name].points}
    if not expected <= set(builder.info.features):
        raise InputError(f"{builder.data_dir}: expected the features {', '.join(sorted(expected))}")
    return Catalogued(read.data_source(builder, split), builder.name, split or next(iter(builder.info.splits)))
