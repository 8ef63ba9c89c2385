"""Images a second of the pipeline for photographs, and the time of its stages.

Images of noise at many scales, 640 x 480 JPEG with a face box of 200 px, are written to a temporary folder with their
.pts; a JPEG of 12 megapixels with a face of 1000 px represents large photographs. The host decodes the part around the
face and makes a crop of 384 px, 1.5 times the face square (`data.crops`). Batches go to the device (`data.loader`),
which augments them to 256 px (`data.examples`) and encodes heatmaps. Single stages are measured in processor time,
medians of several rounds, because other jobs disturb that less; whole runs are measured in wall time, after the first
batches.

Paper:    nothing about reading.
Command:  python experiments/bench/loader.py --out runs/loader
Cost:     two minutes.
Figures:  2 x86 cores with three times as many jobs running beside, Python 3.11.7, jax 0.10.2, grain 0.2.18, numpy
          2.4.6, OpenCV 4.14.0, Pillow 13.0.0. Processor time an image on the host: 2.9 ms (.pts 0.15, decoding 1.25,
          crop 1.45), that is 340 images a second a core, so 500 images a second take 1.5 cores of 16. Of 12
          megapixels: 27 ms, 37 a second a core, 600 on 16; decoding the whole of it takes 104 and the crop 18, which
          is why JPEG is decoded at a fraction of its size and only about the face. Hand-over of 440 kB an image: 1500
          to 1800 a second from workers, 8300 within the process; copy to the device 0.15 ms. On the device, which
          here is the same two cores: moving and mirroring 4 ms, degrading 12, heatmaps of 128 px 1.7. By the clock,
          on the share that the other jobs left: 239, 174 and 172 images a second on the device with 0, 1 and 2
          workers, 39, 37 and 28 through the whole pipeline. Not measured: a GPU, 16 cores.
"""

import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import grain
import jax
import numpy as np
import PIL
import tyro
from PIL import Image

from fhr_jax import augment, train
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data import crops, examples, loader, prefetch
from fhr_jax.data.io import images, pts
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Records, encoded
from fhr_jax.files import output_folder
from fhr_jax.hourglass import PAPER

SIZE, BATCH = 256, 16
STORED = round(SIZE * crops.MARGIN)


@dataclass(frozen=True)
class Options:
    """Measure the pipeline."""

    out: Path
    """Folder for summary.json."""
    photographs: int = 64
    """Number of photographs that are written."""
    rounds: int = 5
    """Rounds of each stage."""
    seconds: float = 8.0
    """Duration of each whole run."""
    workers: tuple[int, ...] = (0, 1, 2)
    """Processes that read."""


def write(folder: Path, number: int, size: tuple[int, int], face: float) -> Records:
    """JPEGs of `size` = (height, width) and landmarks in a box of `face` pixels."""
    folder.mkdir()
    for i in range(number):
        rng, (height, width) = np.random.default_rng(i), size
        picture = np.zeros((height, width, 3), np.float32)
        for scale in (4, 16, 64):
            coarse = rng.normal(size=(height // scale + 1, width // scale + 1, 3)).astype(np.float32)
            picture += 8 * scale**0.5 * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        Image.fromarray(np.clip(128 + picture, 0, 255).astype(np.uint8)).save(folder / f"{i}.jpg", quality=90)
        centre = np.array([width, height]) * rng.uniform(0.4, 0.6, 2)
        points = rng.uniform(-0.5, 0.5, (68, 2))
        pts.write(folder / f"{i}.pts", centre + face * points / np.ptp(points, axis=0).max())
    return open_dataset(folder)


def stage(call: Callable[[int], Any], number: int, rounds: int) -> float:
    """Median milliseconds of processor time of a call, over all numbers below `number` in each round."""
    jax.block_until_ready(call(0))
    times = []
    for _ in range(rounds):
        began = time.process_time()
        for i in range(number):
            jax.block_until_ready(call(i))
        times.append((time.process_time() - began) / number)
    return 1e3 * float(np.median(times))


def host(records: Records, rounds: int) -> dict[str, float]:
    """Milliseconds an image of what the host does, one thread."""
    whole, source = [records[i] for i in range(min(len(records), 8))], crops.Crops(records, size=STORED)
    in_memory = crops.Crops(_Kept(whole), size=STORED)
    number = len(records)
    paths = [encoded(records, i)["image"] for i in range(number)]
    return {
        "read .pts": stage(lambda i: pts.read(paths[i].with_suffix(".pts")), number, rounds),
        "decode all of it": stage(lambda i: images.read_image(paths[i]), number, rounds),
        "crop from all of it": stage(in_memory.__getitem__, len(whole), rounds),
        "read, decode the part, crop": stage(source.__getitem__, number, rounds),
    }


class _Kept:
    """Records in memory."""

    def __init__(self, records: list[dict[str, Any]]):
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._records[index]


class Made:
    """Examples that cost nothing: what is left is the hand-over."""

    def __len__(self) -> int:
        return 1024

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": np.full((STORED, STORED, 3), index % 256, np.uint8), "points": np.zeros((68, 2), np.float32)}

    def __repr__(self) -> str:
        return "Made()"


def device(batch: dict[str, Any], rounds: int) -> dict[str, float]:
    """Milliseconds an image of what the device does, a compiled program for each."""
    move = jax.jit(examples.photograph_examples(SIZE, options=augment.OFF))
    degrade, encode = jax.jit(jax.vmap(augment.photometric)), jax.jit(partial(train.targets, config=PAPER))
    keys = jax.random.split(jax.random.key(0), BATCH)
    made = move(keys[0], batch)
    whole = jax.jit(examples.photograph_examples(SIZE))
    calls = {
        "copy to the device": lambda _: prefetch.on_device(batch),
        "degrade": lambda _: degrade(keys, made.images),
        "move, mirror and degrade": lambda i: whole(keys[i], batch),
        "draw heatmaps, 128 px": lambda _: encode(made.points),
    }
    return {name: stage(call, 4, rounds) / BATCH for name, call in calls.items()}


def rate(stream: Iterator[Any], seconds: float) -> float:
    """Images a second, after four batches that start everything up."""
    for _ in range(4):
        jax.block_until_ready(next(stream))
    number, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        jax.block_until_ready(next(stream))
        number += BATCH
    return number / (time.perf_counter() - began)


def through(batches: Iterator[Any]) -> Iterator[Any]:
    """The whole pipeline, augmentation and heatmaps included."""
    prepare, encode = jax.jit(examples.photograph_examples(SIZE)), jax.jit(partial(train.targets, config=PAPER))
    for number, batch in enumerate(batches):
        made = prepare(jax.random.fold_in(jax.random.key(0), number), batch)
        yield made.images, encode(made.points)


def runs(source: loader.IndexedSource, options: Options) -> dict[str, dict[str, float]]:
    """Images a second by the number of workers."""
    found: dict[str, dict[str, float]] = {}
    for workers in options.workers:
        row: dict[str, float] = {}
        for name, examined in (("hand-over alone", Made()), ("batches", source), ("whole", source)):
            with closing(loader.batches(examined, batch=BATCH, seed=0, workers=workers)) as stream:
                row[name] = rate(through(stream) if name == "whole" else stream, options.seconds)
        found[f"{workers} workers"] = row
        print(f"  {workers} workers: " + ", ".join(f"{name} {value:.0f}" for name, value in row.items()), flush=True)
    return found


def main(options: Options) -> None:
    """Print and write a table."""
    folder = output_folder(options.out)
    versions = f"jax {jax.__version__} on {jax.devices()[0].device_kind}, grain {grain.__version__}, numpy "
    versions += f"{np.__version__}, OpenCV {cv2.__version__}, Pillow {PIL.__version__}, Python "
    versions += f"{platform.python_version()}, {platform.machine()}"
    print(versions)
    with tempfile.TemporaryDirectory() as place:
        usual = write(Path(place) / "usual", options.photographs, (480, 640), 200.0)
        large = write(Path(place) / "large", 1, (3000, 4000), 1000.0)
        table = {"host": host(usual, options.rounds), "host, 12 megapixels": host(large, options.rounds)}
        source = crops.Crops(usual, size=STORED)
        batch = next(iter(loader.one_pass(source, batch=BATCH)))
        table["device"] = device({name: batch[name] for name in ("image", "points")}, options.rounds)
        for where, row in table.items():
            print(f"{where}, ms of processor time an image")
            for name, value in row.items():
                print(f"  {name:30} {value:8.2f}")
        print("images a second: hand-over of examples that cost nothing, batches on the device, the whole pipeline")
        rates = runs(source, options)
    summary = {"versions": versions, "processor_ms_an_image": table, "images_a_second": rates}
    write_summary(folder, summary)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(tyro.cli(Options))
