"""Building a dataset: every part of the work becomes one shard, in as many processes as wanted, and is done once.

Parts that are done lie in a hidden folder beside the dataset to be. A build that was stopped, in whatever way, finds
them there by what they were made of: the names, sizes and times of the user's files. In the end they get the names
that TFDS reads (`tfds.builder_from_directory`), and the folder its own.
"""

import csv
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from fhr_jax.data.datasets import BUILDERS, CATALOGUE, units
from fhr_jax.data.datasets import leave_out as lists
from fhr_jax.data.datasets.units import LeftOut, Unit
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, output_folder, write_json

SUMMARY, LEFT_OUT = "summary.json", "left_out.csv"
"""Files beside the records: what was counted, and what was left out."""


class Part(NamedTuple):
    """A part of the work that is done.

    Attributes:
        key: of what it was made of, which is the name of its files.
        split: where it belongs.
        examples: records in its shard; without any there is no shard.
        size: of the shard in bytes.
        frames: photographs or frames of videos in it.
        file: the video, or "" for photographs.
        left_out: what could not be read.
    """

    key: str
    split: str
    examples: int
    size: int
    frames: int
    file: str
    left_out: tuple[LeftOut, ...]


Report = Callable[[int, int, tuple[LeftOut, ...]], None]
"""report(parts done, parts altogether, what was just found to be left out)."""


def build(
    name: str,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    processes: int = 1,
    leave_out: str | os.PathLike[str] | None = None,
    report: Report = lambda done, total, left_out: None,
) -> Path:
    """Build a dataset, or go on with a build that was stopped.

    Args:
        name: "face300w", "face300vw", "talking_face"; of videos also "face300vw/clips16", with any number.
        source: the folder that the user has unpacked.
        out: the dataset goes to OUT/NAME/1.0.0.
        processes: that read at once.
        leave_out: the user's list of what is unreliable; see `leave_out.read`.
        report: called as the work goes on.

    Returns:
        The folder of the dataset, which holds summary.json and left_out.csv.

    Raises:
        InputError: unknown name, no such folder or one of another dataset, nothing in it can be read, or the dataset
            is there already, of other files.
    """
    builder = make_builder(name, out, leave_out=lists.read(leave_out))
    plan = builder.locate(source)
    keys = [_key(unit, builder.length) for unit in plan.units]
    made_of = _hash([*keys, *plan.left_out])
    final = Path(builder.data_dir)
    if final.exists():
        if (final / SUMMARY).is_file() and read_summary(final)["made_of"] == made_of:
            return final
        raise InputError(f"{final}: holds a dataset of other files or options; remove it, or name another --out")

    output_folder(final.parent)
    staging = final.parent / f".building-{final.name}"
    (staging / "parts").mkdir(parents=True, exist_ok=True)
    report(0, len(keys), plan.left_out)
    parts: dict[str, Part] = {}
    waiting = []
    for unit, key in zip(plan.units, keys, strict=True):
        done = _read_part(staging, key)
        if done is None:
            waiting.append((name, unit, key, staging))
        else:
            parts[key] = done
            report(len(parts), len(keys), done.left_out)
    for part in _work(waiting, min(processes, len(waiting))):
        parts[part.key] = part
        report(len(parts), len(keys), part.left_out)
    ordered = [parts[key] for key in keys]
    left_out = [*plan.left_out, *(left for part in ordered for left in part.left_out)]
    if not any(part.examples for part in ordered):
        shutil.rmtree(staging)
        first = f"; the first: {left_out[0].file}: {left_out[0].reason}" if left_out else ""
        raise InputError(f"{source}: nothing in it could be read{first}")
    _finish(builder, staging, ordered, left_out, made_of)
    return final


def make_builder(name: str, out: str | os.PathLike[str], *, leave_out: lists.LeaveOut = lists.NOTHING) -> Any:
    """The TFDS builder of a name "face300w" or "face300vw/clips16".

    Raises:
        InputError: there is none.
    """
    from fhr_jax.data.datasets import base

    first, _, variant = name.partition("/")
    if first not in BUILDERS:
        hint = "; TFDS prepares that itself" if first in CATALOGUE else ""
        raise InputError(f"{name!r}: no dataset that can be built, expected one of {', '.join(BUILDERS)}{hint}")
    module, cls = BUILDERS[first]
    builder = getattr(import_module(module), cls)
    options = {}
    if issubclass(builder, base.VideoBuilder):
        options["config"] = base.config(variant or "videos")
        if options["config"] is None:
            raise InputError(f"{name!r}: expected {first}, {first}/videos or {first}/clips16 (any number of frames)")
    elif variant:
        raise InputError(f"{name!r}: {first} has no variants")
    said = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # or it would warn of every number of frames that its list does not name
    try:
        return builder(data_dir=Path(out), leave_out=leave_out, **options)
    finally:
        logging.set_verbosity(said)


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary.json of a dataset that was built."""
    return json.loads((folder / SUMMARY).read_text(encoding="utf-8"))


def read_left_out(folder: Path) -> list[LeftOut]:
    """The left_out.csv of a dataset that was built."""
    with (folder / LEFT_OUT).open(newline="", encoding="utf-8") as stream:
        return [LeftOut(row["file"], row["reason"]) for row in csv.DictReader(stream)]


def _work(waiting: list[tuple[str, Unit, str, Path]], processes: int) -> Iterator[Part]:
    """Do the parts, in this process or in others, as they get done."""
    if processes < 2:
        for task in waiting:
            yield make_part(*task)
        return
    with _pool(processes) as pool:
        tasks: list[Future[Part]] = [pool.submit(make_part, *task) for task in waiting]
        for task in as_completed(tasks):
            yield task.result()


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


def make_part(name: str, unit: Unit, key: str, staging: Path) -> Part:
    """Read a part of the work and write its shard and what there is to say of it; runs in any process."""
    import tensorflow_datasets as tfds

    from fhr_jax.data.datasets import base

    builder = make_builder(name, staging)
    features = builder.info.features
    left_out: list[LeftOut] = []
    frames: list[int] = []

    def serialized() -> Iterator[tuple[int, bytes]]:
        for each in base.examples(unit, length=builder.length, frames=staging / base.FRAMES):
            if isinstance(each, LeftOut):
                left_out.append(each)
            else:
                frames.append(np.size(each["frame"]))
                yield len(frames), features.serialize_example(features.encode_example(each))

    with atomic_file(_shard(staging, key)) as path:
        tfds.core.ExampleWriter(builder.info.file_format).write(path, serialized())
        size = path.stat().st_size
    file = unit.file if isinstance(unit, units.Video) else ""
    part = Part(key, unit.split, len(frames), size, sum(frames), file, tuple(left_out))
    write_json(staging / "parts" / f"{key}.json", part._asdict())  # last: with it the part counts as done
    return part


def _read_part(staging: Path, key: str) -> Part | None:
    try:
        part = json.loads((staging / "parts" / f"{key}.json").read_text(encoding="utf-8"))
    except OSError:
        return None
    return Part(**part | {"left_out": tuple(LeftOut(*left) for left in part["left_out"])})


def _shard(staging: Path, key: str) -> Path:
    return staging / "parts" / f"{key}.array_record"


def _finish(builder: Any, staging: Path, parts: list[Part], left_out: list[LeftOut], made_of: str) -> None:
    """Give every shard its name, write what TFDS wants beside them, and rename the folder."""
    import tensorflow_datasets as tfds

    from fhr_jax.data.datasets.base import FRAMES

    whole = staging / builder.data_path.name
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    splits = {split: [p for p in parts if p.split == split and p.examples] for split in builder.PUBLISHED}
    for split, others in builder.UNIONS.items():
        splits[split] = [part for other in others for part in splits[other]]
    infos = []
    for split, members in splits.items():
        if not members:
            continue
        template = tfds.core.ShardedFileTemplate(
            dataset_name=builder.name, data_dir=whole, split=split, filetype_suffix="array_record"
        )
        for number, part in enumerate(members):
            target = template.sharded_filepath(shard_index=number, num_shards=len(members))
            _link(_shard(staging, part.key), Path(target))
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[part.examples for part in members],
                num_bytes=sum(part.size for part in members),
                filename_template=template,
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=whole,
        features=builder.info.features,
        split_infos=infos,
        version=builder.version,
        filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        description=builder.info.description,
        homepage=builder.HOMEPAGE,
        check_data=False,
    )
    write_json(whole / SUMMARY, _summary(builder, splits, left_out, made_of))
    with atomic_file(whole / LEFT_OUT) as path, path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([LeftOut._fields, *left_out])
    if (staging / FRAMES).is_dir():
        for unfinished in (staging / FRAMES).glob(".writing-*"):
            shutil.rmtree(unfinished)
        os.replace(staging / FRAMES, whole / FRAMES)
    os.replace(whole, staging.parent / whole.name)
    shutil.rmtree(staging)


def _summary(builder: Any, splits: dict[str, list[Part]], left_out: list[LeftOut], made_of: str) -> dict[str, Any]:
    counts = {}
    for split, members in splits.items():
        frames = sum(part.frames for part in members)
        counts[split] = {
            "records": sum(part.examples for part in members),
            "counted": len({part.file for part in members}) if builder.COUNTED == "videos" else frames,
            "published": builder.PUBLISHED[split],
            "frames": frames,
        }
    return {
        "dataset": builder.info.full_name,
        "counted": builder.COUNTED,
        "splits": counts,
        "left_out": len(left_out),
        "made_of": made_of,
    }


def differences(summary: dict[str, Any]) -> list[str]:
    """A line for every split whose count is not the published one."""
    lines = []
    for split, count in summary["splits"].items():
        if count["counted"] != count["published"]:
            difference = count["counted"] - count["published"]
            more = f"{abs(difference)} {'more' if difference > 0 else 'fewer'} than the"
            lines.append(f"{split}: {count['counted']} {summary['counted']}, {more} {count['published']} published")
    return lines


def _link(source: Path, target: Path) -> None:
    """The same file under another name, without taking space where the disk can do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _key(unit: Unit, length: int) -> str:
    """What a part is made of: its records' names, and the size and time of every file."""
    content: list[Any] = [length, repr(unit)]
    for path in units.files(unit):
        try:
            status = path.stat()
            content.append((status.st_size, status.st_mtime_ns))
        except OSError:
            content.append(None)
    return _hash(content)


def _hash(content: list[Any]) -> str:
    return hashlib.sha256(repr(content).encode("utf-8", "surrogateescape")).hexdigest()[:24]
