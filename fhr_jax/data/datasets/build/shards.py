"""The parts of a build: each becomes one shard, in this process or in others, and is found again once it is done."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from fhr_jax.data.datasets.build import registry, work_units
from fhr_jax.data.datasets.build.builder import examples
from fhr_jax.data.datasets.build.work_units import Unit
from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, write_json

FORMAT = 2
"""Of the records; a new number makes parts of an older format be done again."""

PARTS = "parts"
"""The folder of the shards that are done, in the folder of a build."""


class Task(NamedTuple):
    """A part to do: of which dataset, what, under which key, in which folder, and where frames of videos go."""

    name: str
    unit: Unit
    key: str
    staging: Path
    frames: Path


class Shard(NamedTuple):
    """A part of the work that is done.

    Attributes:
        key: of what it was made of, which is the name of its files.
        split: where it belongs.
        examples: records in its shard; without any there is no shard.
        size: of the shard in bytes.
        frames: photographs or frames of videos in it.
        file: the video, or "" for photographs.
        folders: of frames beside the shards.
        left_out: what could not be read.
    """

    key: str
    split: str
    examples: int
    size: int
    frames: int
    file: str
    folders: tuple[str, ...]
    left_out: tuple[Skipped, ...]


def read_shards(staging: Path, keys: list[str]) -> dict[str, Shard]:
    """The parts that are done, by their keys; what is there of other files, from an earlier time, is removed."""
    folder = staging / PARTS
    folder.mkdir(exist_ok=True)
    done = {}
    for path in folder.iterdir():
        if path.name.split(".")[0] not in keys:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif path.suffix == ".json":
            part = json.loads(path.read_text(encoding="utf-8"))
            part["left_out"] = tuple(Skipped(*left) for left in part["left_out"])
            part["folders"] = tuple(part["folders"])
            done[part["key"]] = Shard(**part)
    return done


def make_shards(tasks: list[Task], *, processes: int) -> Iterator[Shard]:
    """Do the parts, in this process or in others, as they get done.

    Raises:
        InputError: a process was ended from outside, or the folder cannot be written to.
    """
    if processes < 2:
        yield from map(make_shard, tasks)
        return
    with _pool(processes) as pool:
        futures: list[Future[Shard]] = [pool.submit(make_shard, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"{tasks[0].staging}: a process was ended from outside, perhaps for its memory; "
                "the same command goes on where it was, with fewer --processes if need be"
            ) from error


@contextmanager
def _pool(processes: int) -> Generator[ProcessPoolExecutor]:
    """Processes that end with this one, in whatever way it ends. JAX's threads forbid to fork."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    pool.shutdown()


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def make_shard(task: Task) -> Shard:
    """Read a part and write its shard and what there is to say of it; runs in any process."""
    unit, folder = task.unit, task.staging / PARTS
    builder = registry.make_builder(task.name, task.staging)
    features = builder.info.features
    left_out: list[Skipped] = []
    frames: list[int] = []
    images: list[str] = []

    def serialized() -> Iterator[tuple[int, bytes]]:
        for each in examples(unit, length=builder.length, frames=task.frames):
            if isinstance(each, Skipped):
                left_out.append(each)
            else:
                frames.append(np.size(each["frame"]))
                images.extend(each.get("frames", ()))
                yield len(frames), features.serialize_example(features.encode_example(each))

    try:
        with atomic_file(shard_name(task.staging, task.key)) as path:
            tfds.core.ExampleWriter(builder.info.file_format).write(path, serialized())
            size = path.stat().st_size
        file = unit.file if isinstance(unit, work_units.Video) else ""
        folders = tuple(sorted({name.split("/")[1] for name in images}))
        part = Shard(task.key, unit.split, len(frames), size, sum(frames), file, folders, tuple(left_out))
        write_json(folder / f"{task.key}.json", part._asdict())  # last: with it the part counts as done
    except OSError as error:
        raise InputError(f"{task.staging}: cannot write there: {error.strerror or error}") from error
    except RuntimeError as error:  # of array_record, which has no other
        raise InputError(f"{task.staging}: cannot write there ({str(error).partition(chr(10))[0]})") from error
    return part


def shard_name(staging: Path, key: str) -> Path:
    """Where the shard of a part lies."""
    return staging / PARTS / f"{key}.array_record"


def key_of(unit: Unit, length: int) -> str:
    """What a part is made of: its records' names, and the size and time of every file."""
    content: list[Any] = [FORMAT, length, repr(unit)]
    for path in work_units.files(unit):
        try:
            status = path.stat()
            content.append((status.st_size, status.st_mtime_ns))
        except OSError:
            content.append(None)
    return hash_of(content)


def hash_of(content: list[Any]) -> str:
    """A short name for some content."""
    return hashlib.sha256(repr(content).encode("utf-8", "surrogateescape")).hexdigest()[:24]
