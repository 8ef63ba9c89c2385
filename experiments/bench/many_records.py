"""Memory and start-up time of the reader and the loader with ten million small records, and exact resume there.

A dataset of N photographs of 16 x 16 pixels with 68 landmarks, one record written N times in shards of 100,000, is put
into a temporary folder (or that of --data, which stays). Processes of their own open it, hold 64 records out, and make
batches of crops in random order: the first reads a few batches and prints which records they hold, the second goes on
from the state after half of them, with workers. Both have to see the same records. The script prints seconds and the
peak of the memory above that of a process that has only imported what it needs.

Paper:    nothing about reading.
Command:  python experiments/bench/many_records.py --out runs/many_records
Cost:     two minutes of processor time and 8 GB of disk; --records 100000 for one minute.
Figures:  docs/results.md, "Ten million records".
"""

import io
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import jax
import numpy as np
import tyro

from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import crops, loader
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import record
from fhr_jax.data.sources.holdout import split_holdout
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

SHARD = 100_000
"""Records of a shard."""
BATCH, BATCHES = 64, 8
SIZE = 16
"""Side of the images and of the crops."""
HELD = 64


@dataclass(frozen=True)
class Options:
    """Measure the reader and the loader with many records."""

    out: Path
    """Folder for summary.json."""
    records: int = 10_000_000
    """How many records."""
    data: Annotated[Path | None, optional("DIR")] = None
    """Folder for the dataset, which is used again; default: a temporary one."""
    start: Annotated[int | None, optional("N")] = None
    """Used by the script itself: read from this batch on, and print what was read."""


def write(folder: Path, records: int) -> None:
    """A dataset of so many records in `folder`/face300w/1.0.0."""
    import tensorflow_datasets as tfds

    from fhr_jax.data.datasets.build.registry import make_builder

    builder = make_builder("face300w", folder)
    target = output_folder(Path(builder.data_dir))
    points = np.random.default_rng(0).uniform(4, 12, (68, 2))
    image = cv2.imencode(".png", np.full((SIZE, SIZE, 3), 128, np.uint8))[1].tobytes()
    own = record(image, points, dataset="face300w", file="face.png") | {"image": io.BytesIO(image)}
    features = builder.info.features
    content = features.serialize_example(features.encode_example(own))
    template = tfds.core.ShardedFileTemplate(
        dataset_name=builder.name, data_dir=target, split="train", filetype_suffix="array_record"
    )
    lengths = [min(SHARD, records - start) for start in range(0, records, SHARD)]
    for number, length in enumerate(lengths):
        path = Path(template.sharded_filepath(shard_index=number, num_shards=len(lengths)))
        tfds.core.ExampleWriter(builder.info.file_format).write(path, ((i, content) for i in range(length)))
    info = tfds.core.SplitInfo(
        name="train", shard_lengths=lengths, num_bytes=records * len(content), filename_template=template
    )
    tfds.folder_dataset.write_metadata(
        data_dir=target,
        features=features,
        split_infos=[info],
        version=builder.version,
        filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        check_data=False,
    )


def peak() -> float:
    """Peak of the memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(folder: Path, start: int) -> dict[str, Any]:
    """Open the dataset, hold records out, and read batches from number `start` on; what that took."""
    import tensorflow_datasets  # noqa: F401  # not part of what is measured

    jax.block_until_ready(jax.numpy.zeros(1))
    before, began = peak(), time.monotonic()
    records = open_dataset("face300w", directory=folder, split="train")
    assert len(records) > HELD
    opened, learn = time.monotonic(), split_holdout(records, HELD, seed=0, name=folder)[0]
    split = time.monotonic()
    source = crops.Crops(learn, size=SIZE)
    with closing(loader.batches(source, batch=BATCH, seed=0, workers=1 if start else 0)) as stream:
        if start:
            stream.set_state(stream.get_state() | {"batches": start})
        seen = [np.asarray(next(stream)["record"]).tolist()]
        first = time.monotonic()
        seen += [np.asarray(next(stream)["record"]).tolist() for _ in range(start + 1, BATCHES)]
        state = stream.get_state()
    return {
        "open_seconds": opened - began,
        "hold_out_seconds": split - opened,
        "first_batch_seconds": first - split,
        "start_seconds": first - began,
        "peak_MiB above the imports": peak() - before,
        "imports_MiB": before,
        "state": len(json.dumps(state)),
        "seen": seen,
    }


def run(folder: Path, options: Options, start: int) -> dict[str, Any]:
    """`read` in a process of its own."""
    command = [sys.executable, __file__, "--out", str(options.out), "--data", str(folder), "--start", str(start)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if done.returncode:
        raise InputError(f"reading failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(folder: Path, options: Options) -> dict[str, Any]:
    """Write the dataset if it is not there, and read it twice."""
    began = time.monotonic()
    if not (folder / "face300w").exists():
        write(folder, options.records)
    written = time.monotonic() - began
    whole, resumed = run(folder, options, 0), run(folder, options, BATCHES // 2)
    exact = whole.pop("seen")[BATCHES // 2 :] == resumed.pop("seen")
    bytes_on_disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "records": options.records,
        "MiB on disk": bytes_on_disk / 2**20,
        "seconds to write": written,
        "from the start": whole,
        "resumed": resumed,
        "resumes exactly": exact,
    }


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    if options.start is not None and options.data is not None:
        print(json.dumps(read(options.data, options.start)))
        return
    out = output_folder(options.out)
    if options.data is None:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), options)
    else:
        found = measure(output_folder(options.data), options)
    print(json.dumps(found, indent=2))
    write_summary(out, {"versions": f"jax {jax.__version__}, Python {platform.python_version()}"} | found)


if __name__ == "__main__":
    main(tyro.cli(Options))
