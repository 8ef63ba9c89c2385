"""Read a dataset that TFDS stored back as records."""

import dataclasses
import functools
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fhr_jax.data.datasets.summary import read_summary
from fhr_jax.data.io.images import read_image
from fhr_jax.data.records import FrameRun, Record, Records
from fhr_jax.errors import InputError


def read_builder(folder: str | os.PathLike[str]) -> Any:
    """The TFDS builder of a folder that holds dataset_info.json.

    Raises:
        InputError: TFDS cannot read the folder.
    """
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_from_directory(str(folder))
    except Exception as error:  # TFDS lets the errors of the libraries below it through
        raise InputError(f"{folder}: not a dataset that TFDS can read ({_line(error)})") from error


def data_source(builder: Any, split: str | None) -> Any:
    """The TFDS data source of a split.

    Args:
        builder: from `read_builder`.
        split: which split; None for the only one.

    Raises:
        InputError: there is no such split, its files are missing, or it was stored in another format.
    """
    names = list(builder.info.splits)
    if split is None:
        if len(names) != 1:
            raise InputError(f"{builder.data_dir}: which split? It has {', '.join(names) or 'none'}")
        split = names[0]
    try:
        return builder.as_data_source(split)
    except NotImplementedError as error:
        raise InputError(
            f"{builder.data_dir}: not stored as array_record: prepare it again with that format"
        ) from error
    except (KeyError, ValueError) as error:
        raise InputError(f"{builder.data_dir}: no split {split!r}, it has {', '.join(names)}") from error
    except (OSError, RuntimeError) as error:
        raise InputError(f"{builder.data_dir}: cannot be read ({_line(error)})") from error


def open_builder(builder: Any, split: str | None) -> Records:
    """The records of a split of a dataset that `fhr-jax data build` built.

    Raises:
        InputError: the folder holds another kind of dataset, or has no such split.
    """
    features = set(builder.info.features)
    source = data_source(builder, split)
    name = f"{_name(builder)}{_source_hash(builder)}, {source.split!s}"
    if {"points", "box", "dataset", "file", "frame", "frames"} <= features:
        return StoredVideos(Path(builder.data_dir), source, name)
    if {"points", "box", "dataset", "file", "frame", "image"} <= features:
        return StoredRecords(source, name)
    raise InputError(f"{builder.data_dir}: no dataset of faces with landmarks; its features are {', '.join(features)}")


def read_example(source: Any, index: int) -> dict[str, Any]:
    """Example number `index` of a TFDS data source.

    Raises:
        InputError: its file is missing or damaged.
        IndexError: there is no example of this number.
    """
    if not 0 <= index < len(source):
        raise IndexError(f"record {index} of {len(source)}")
    try:
        return source[index]
    except (OSError, RuntimeError) as error:
        raise InputError(f"{source.dataset_info.data_dir}: record {index} cannot be read ({_line(error)})") from error


class StoredRecords:
    """Photographs or clips, each stored as one record."""

    def __init__(self, source: Any, name: str):
        self._source, self._name = source, name

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Record:
        return self._record(read_example(self._source, int(index)))

    def encoded(self, index: int) -> Record:
        """The record with the content of its image file as `image`; of a clip with pixels: TFDS always decodes it."""
        clips = len(self._source.dataset_info.features["points"].shape) == 3
        return self[index] if clips else self._record(read_example(self._undecoded, int(index)))

    @functools.cached_property
    def files(self) -> tuple[str, ...]:
        """The video file of each clip, read without decoding images; empty for photographs."""
        if len(self._source.dataset_info.features["points"].shape) == 2:
            return ()
        import tensorflow_datasets as tfds

        only = tfds.features.FeaturesDict({"file": self._source.dataset_info.features["file"]})
        raw = self._source.data_source
        examples: Any = (only.deserialize_example_np(raw[i]) for i in range(len(raw)))
        return tuple(_text(example["file"]) for example in examples)

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredRecords, (self._source, self._name)

    def __repr__(self) -> str:  # a run compares it when it resumes: "Stored" must stay as it is in old checkpoints
        return f"Stored({self._name}, {len(self)})"

    @functools.cached_property
    def _undecoded(self) -> Any:
        from tensorflow_datasets import decode

        return dataclasses.replace(self._source, decoders={"image": decode.SkipDecoding()})

    def _record(self, example: dict[str, Any]) -> Record:
        image = example["image"]
        return {
            "image": np.stack(image) if isinstance(image, list) else image,
            "points": example["points"],
            "box": example["box"],
            "dataset": _text(example["dataset"]),
            "file": _text(example["file"]),
            "frame": np.asarray(example["frame"], np.int32),
        }


class StoredVideos:
    """The single frames of whole videos. Landmarks are kept in memory; images are read from their files."""

    def __init__(self, folder: Path, source: Any, name: str):
        self._folder, self._source, self._name = folder, source, name

    def __reduce__(self) -> tuple[Any, ...]:  # without what was read so far
        return StoredVideos, (self._folder, self._source, self._name)

    @functools.cached_property
    def runs(self) -> tuple[FrameRun, ...]:
        """Runs of consecutive frames of one video."""
        videos = [(_text(own["file"]), own["frame"]) for own in self._videos if len(own["frame"])]
        if not videos:
            return ()
        numbers = np.concatenate([frames for _, frames in videos])
        starts = np.cumsum([0, *(len(frames) for _, frames in videos)])
        joined = np.diff(numbers) == 1
        inner = zip(starts[1:-1].tolist(), pairwise(videos), strict=True)
        joined[[start - 1 for start, (before, video) in inner if before[0] != video[0]]] = False
        ends = [0, *(np.flatnonzero(~joined) + 1).tolist(), len(numbers)]
        which = np.searchsorted(starts, ends[:-1], side="right") - 1
        return tuple(FrameRun(a, b, videos[k][0]) for (a, b), k in zip(pairwise(ends), which.tolist(), strict=True))

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Record:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])}

    def encoded(self, index: int) -> Record:
        """The record with the path of its image file as `image`."""
        if not 0 <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        video = int(np.searchsorted(self._starts, index, side="right")) - 1
        example, place = self._videos[video], int(index) - int(self._starts[video])
        return {
            "image": self._folder / _text(example["frames"][place]),
            "points": example["points"][place],
            "box": example["box"][place],
            "dataset": _text(example["dataset"]),
            "file": _text(example["file"]),
            "frame": np.asarray(example["frame"][place], np.int32),
        }

    def __repr__(self) -> str:  # a run compares it when it resumes: "Videos" must stay as it is in old checkpoints
        return f"Videos({self._name}, {len(self)})"

    @functools.cached_property
    def _videos(self) -> list[dict[str, Any]]:
        return [read_example(self._source, i) for i in range(len(self._source))]

    @functools.cached_property
    def _starts(self) -> np.ndarray:
        """The number of the first frame of each stored video, and behind them that of all frames."""
        return np.cumsum([0, *(len(example["frame"]) for example in self._videos)])


def _name(builder: Any) -> str:
    """Name, variant and version. TFDS does not know the variant of a folder that it did not write itself."""
    parts = Path(builder.data_dir).parts
    return "/".join(parts[parts.index(builder.name) :]) if builder.name in parts else builder.info.full_name


def _source_hash(builder: Any) -> str:
    """The hash of the files that the dataset was built from, if its summary has one."""
    try:
        return " " + read_summary(Path(builder.data_dir))["source_hash"][:12]
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
