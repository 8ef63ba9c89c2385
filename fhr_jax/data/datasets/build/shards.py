"""Reading the units of work of a build, in parallel: each unit becomes one shard file with a JSON file beside it.

The name of a shard is a hash of what it was made from, so an interrupted build finds the shards that are done.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from fhr_jax.data.datasets.build import registry, work_units
from fhr_jax.data.datasets.build.builder import examples
from fhr_jax.data.datasets.build.work_units import WorkUnit
from fhr_jax.data.skipped import Skipped
from fhr_jax.data.worker_processes import worker_processes
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, write_json

FORMAT = 2
"""Version of the stored records. Shards of an older version are made again."""

SHARDS = "parts"
"""Name of the folder of finished shards, inside the hidden folder of a build."""


class ShardTask(NamedTuple):
    """What a process needs to make one shard.

    Attributes:
        name: of the dataset, such as "face300vw/clips16".
        unit: the unit of work.
        key: its `unit_key`.
        staging: the hidden folder of the build.
        frames: the folder below which frames of whole videos are stored.
    """

    name: str
    unit: WorkUnit
    key: str
    staging: Path
    frames: Path


class Shard(NamedTuple):
    """A finished shard; its JSON file holds these fields.

    Attributes:
        key: its `unit_key`, which is the name of its files.
        split: the split that it belongs to.
        examples: number of records; with 0 there is no shard file.
        size: of the shard file in bytes.
        frames: number of photographs, or frames of videos, in it.
        file: name of the video; "" for photographs.
        folders: names of the folders that hold its frames beside the records.
        skipped: what could not be read.
    """

    key: str
    split: str
    examples: int
    size: int
    frames: int
    file: str
    folders: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def read_shards(staging: Path, keys: Sequence[str]) -> dict[str, Shard]:
    """The shards of an interrupted build by their keys; files with other keys, which are outdated, are deleted."""
    folder = staging / SHARDS
    folder.mkdir(exist_ok=True)
    done = {}
    for path in folder.iterdir():
        if path.name.split(".")[0] not in keys:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif path.suffix == ".json":
            fields = json.loads(path.read_text(encoding="utf-8"))
            # "left_out" is the name of this field in builds that were interrupted before it was called "skipped".
            skipped = fields.pop("left_out", None) or fields.pop("skipped", ())
            fields |= {"skipped": tuple(Skipped(*item) for item in skipped), "folders": tuple(fields["folders"])}
            done[fields["key"]] = Shard(**fields)
    return done


def make_shards(tasks: Sequence[ShardTask], *, workers: int) -> Iterator[Shard]:
    """Make shards and yield each as soon as it is done.

    Args:
        tasks: the shards to make.
        workers: processes that read; with 0 or 1 this process reads.

    Raises:
        InputError: a worker was killed, or the folder cannot be written to.
    """
    if workers < 2:
        yield from map(make_shard, tasks)
        return
    with worker_processes(workers) as pool:
        futures: list[Future[Shard]] = [pool.submit(make_shard, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"{tasks[0].staging}: a worker was killed, perhaps for its memory; "
                "repeat the same command to resume, with fewer --workers if need be"
            ) from error


def make_shard(task: ShardTask) -> Shard:
    """Read a unit of work and write its shard and the JSON file beside it; runs in any process.

    Raises:
        InputError: the folder cannot be written to.
    """
    unit, folder = task.unit, task.staging / SHARDS
    builder = registry.make_builder(task.name, task.staging)
    features = builder.info.features
    skipped: list[Skipped] = []
    frames: list[int] = []
    images: list[str] = []

    def serialized() -> Iterator[tuple[int, bytes]]:
        for each in examples(unit, length=builder.length, frames=task.frames):
            if isinstance(each, Skipped):
                skipped.append(each)
            else:
                frames.append(np.size(each["frame"]))
                images.extend(each.get("frames", ()))
                yield len(frames), features.serialize_example(features.encode_example(each))

    try:
        with atomic_file(shard_path(task.staging, task.key)) as path:
            tfds.core.ExampleWriter(builder.info.file_format).write(path, serialized())
            size = path.stat().st_size
        file = unit.file if isinstance(unit, work_units.Video) else ""
        folders = tuple(sorted({name.split("/")[1] for name in images}))
        shard = Shard(task.key, unit.split, len(frames), size, sum(frames), file, folders, tuple(skipped))
        write_json(folder / f"{task.key}.json", shard._asdict())  # last: it marks the shard as done
    except OSError as error:
        raise InputError(f"{task.staging}: cannot write there: {error.strerror or error}") from error
    except RuntimeError as error:  # the only exception that array_record raises
        raise InputError(f"{task.staging}: cannot write there ({str(error).partition(chr(10))[0]})") from error
    return shard


def shard_path(staging: Path, name: str) -> Path:
    """Path of a shard file in the hidden folder of a build; its name is its `unit_key`."""
    return staging / SHARDS / f"{name}.array_record"


def unit_key(unit: WorkUnit, length: int) -> str:
    """A hash of what a shard is made from: the names of its files, and the size and time of each.

    Args:
        unit: the unit of work.
        length: frames of a clip; 0 for photographs and whole videos.
    """
    content: list[Any] = [FORMAT, length, repr(unit)]
    for path in work_units.files(unit):
        try:
            status = path.stat()
            content.append((status.st_size, status.st_mtime_ns))
        except OSError:
            content.append(None)
    return _hash(content)


def source_hash(keys: Sequence[str], skipped: Sequence[Skipped]) -> str:
    """A hash of what a dataset is built from: the keys of its units, and the files that the plan skips."""
    return _hash([*keys, *skipped])


_FORMER_NAMES = {"ImagePair(file=": "Pair(file=", ", excluded=(": ", passed=(", "Skipped(file=": "LeftOut(file="}
"""Names that have changed since the first datasets were built. Hashes keep the former ones, so that those datasets
and interrupted builds are still recognized."""


def _hash(content: list[Any]) -> str:
    text = repr(content)
    for name, former in _FORMER_NAMES.items():
        text = text.replace(name, former)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
