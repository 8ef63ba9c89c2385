"""Memory and open files of `fhr-jax smooth` and `fhr-jax track` over long inputs, each command in a process of its own.

`smooth` smooths tracks of 100,000, 300,000 and a million frames, each in a process that has smoothed a short one
before. The script prints the peak of the memory, beside the size of the array that the file holds, wall time and
processor time. What further frames take follows from the peaks of the shortest and the longest track. `track` follows
a synthetic face through ten hours of video, a clip of 100 frames played forwards and backwards. The script reads the
process's own memory (without pages of files) and its open files twice a second, compares the first tenth of the frames
with the last one, and fits a line to the memory from `SETTLED` frames on, when nothing warms up any more.

Paper:    nothing about long runs.
Command:  python experiments/bench/long_runs.py --out runs/long_runs
Cost:     a quarter of an hour on one core for smooth. For track, ten hours at 4 frames a second are 144,000 frames,
          two hours; --hours 0.1 takes a minute.
Figures:  docs/files.md, "Long files". track, ten hours at one frame a second (2026-11-28): 879.4 MiB in the first
          tenth, 879.9 in the last, 72 bytes a frame; 12 open files.
"""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import npz
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data import faces
from fhr_jax.data.io import video
from fhr_jax.data.synthetic.render_clip import render_clip
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

LOOP = 100
"""Frames of the clip."""
SETTLED = 10_000
"""Frames of `track` after which all is compiled and all caches are full."""
CHUNK = 8192
"""Frames of a track that are made at once."""
SIZE = 192
"""Side of the video in pixels."""
SECONDS = 0.5
"""Between two looks at a process."""

_PASSES = """
import json, resource, sys, time
from fhr_jax import cli
folder, options = sys.argv[1], sys.argv[2:]
for name in ["short", "track"]:
    began, spent = time.monotonic(), time.process_time()
    assert cli.main(["smooth", f"{folder}/{name}.npz", f"{folder}/steady.npz", *options]) == 0
    with open("/proc/self/status") as status:
        kept = next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = {"peak_MiB": peak / 1024, "after_MiB": kept / 1024}
    row |= {"seconds": time.monotonic() - began, "processor_seconds": time.process_time() - spent}
    print("MEMORY", json.dumps(row), flush=True)
"""


@dataclass(frozen=True)
class Options:
    """Run the commands on long inputs."""

    out: Path
    """Folder for summary.json; the inputs are made there and deleted at the end."""
    command: Literal["smooth", "track", "both"] = "both"
    """Which commands to run."""
    frames: tuple[int, ...] = (100_000, 300_000, 1_000_000)
    """Frames of the tracks of `smooth`."""
    hours: float = 10.0
    """Length of the video of `track`."""
    rate: int = 4
    """Frames a second of the video."""


class Watch:
    """Looks at a process of `track` until it ends: bytes of its log, MiB of its own memory, number of open files."""

    def __init__(self, process: subprocess.Popen[str], out: Path):
        self.rows: list[tuple[float, float, int]] = []
        self._process, self._out = process, out
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the process."""
        self._thread.join()

    def _run(self) -> None:
        place = Path(f"/proc/{self._process.pid}")
        while self._process.poll() is None:
            try:
                lines = (place / "status").read_text().splitlines()
                kept = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
                done = sum(path.stat().st_size for path in self._out.glob(".writing-*/log"))
                if done:
                    self.rows.append((done, kept / 1024, len(os.listdir(place / "fd"))))
            except (OSError, StopIteration):  # it has just ended
                pass
            time.sleep(SECONDS)


def parts_of(frames: int) -> Iterator[np.ndarray]:
    """A face that moves, with noise, (N, 68, 2) float32 in parts."""
    rng = np.random.default_rng(0)
    face, place = 256 + 40 * rng.normal(size=(68, 2)), np.zeros((1, 1, 2))
    for start in range(0, frames, CHUNK):
        length = min(CHUNK, frames - start)
        way = place + (0.2 * rng.normal(size=(length, 1, 2))).cumsum(axis=0)
        place = way[-1:]
        yield (face + 100 * np.sin(way / 100) + rng.normal(size=(length, 68, 2))).astype(np.float32)


def write_track(path: Path, frames: int) -> None:
    """A track of so many frames at 30 frames a second."""
    stream = npz.ArrayStream((frames, 68, 2), np.dtype(np.float32), parts_of(frames))
    npz.write(path, {"landmarks": stream, "fps": np.array(30.0)})


def smooth_one(folder: Path, frames: int) -> dict[str, Any]:
    """Smooth a short track and one of so many frames in one process."""
    for name, number in (("short", 1000), ("track", frames)):
        write_track(folder / f"{name}.npz", number)
    command = [sys.executable, "-c", _PASSES, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"smooth: {done.stderr.strip().splitlines()[-1]}")
    short, row = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("MEMORY ")]
    for name in ("short", "track", "steady"):
        (folder / f"{name}.npz").unlink()
    array = frames * 68 * 2 * 4 / 2**20
    return {"frames": frames, "array_MiB": array, "short_peak_MiB": short["peak_MiB"]} | row


def smooth(folder: Path, lengths: tuple[int, ...]) -> dict[str, Any]:
    """Smooth a track of each length; what a further frame takes."""
    rows = []
    for frames in lengths:
        rows.append(smooth_one(folder, frames))
        print(json.dumps(rows[-1]), flush=True)
    first, last = rows[0], rows[-1]
    more = max(last["frames"] - first["frames"], 1)
    each = (last["peak_MiB"] - first["peak_MiB"]) * 2**20 / more
    return {
        "tracks": rows,
        "bytes_a_frame": each,
        "bytes_a_frame beside input and output": each - 2 * 68 * 2 * 4,
        "frames_a_processor_second": more / max(last["processor_seconds"] - first["processor_seconds"], 1e-9),
    }


def write_video(path: Path, *, frames: int, rate: int) -> None:
    """A synthetic face that moves forwards and backwards through its clip."""
    rendered = render_clip(jax.random.key(1), faces.clip(jax.random.key(0), LOOP), size=SIZE)
    images = np.round(255 * np.asarray(rendered.images)).astype(np.uint8)
    loop = np.concatenate([images, images[::-1]])
    with video.writer(path, size=(SIZE, SIZE), rate=Fraction(rate)) as write:
        for number in tqdm(range(frames), desc="video", unit="frame"):
            write(loop[number % len(loop)], number / rate)


def track(folder: Path, *, hours: float, rate: int) -> dict[str, Any]:
    """Follow the face through the video; memory and open files of the first and the last tenth of the frames."""
    frames = round(3600 * hours * rate)
    write_video(folder / "video.mp4", frames=frames, rate=rate)
    out = folder / "track"
    command = [sys.executable, "-m", "fhr_jax.cli", "track", str(folder / "video.mp4"), "--out", str(out)]
    process = subprocess.Popen([*command, "--no-mirror", "--stacks", "1"], stdout=subprocess.PIPE, text=True)
    began, watch, log = time.monotonic(), Watch(process, out), []
    for line in process.stdout or ():
        log.append(line.rstrip())
    watch.join()
    if process.returncode:
        raise InputError(f"track: ended with {process.returncode}")
    found = npz.read(out / "landmarks.npz")
    assert len(found["time"]) == frames
    (folder / "video.mp4").unlink()
    done = np.array([row[0] for row in watch.rows]) / watch.rows[-1][0]
    rows = np.array(watch.rows)
    settled = rows[done * frames >= min(SETTLED, frames / 2)]
    slope = np.polyfit(settled[:, 0] * frames / watch.rows[-1][0], settled[:, 1], 1)[0] if len(settled) > 2 else 0.0
    parts = {"first tenth": (0.02, 0.12), "last tenth": (0.9, 1.0)}  # everything is compiled by then
    memory, files = (
        {name: float(np.median(rows[(low <= done) & (done <= high), k])) for name, (low, high) in parts.items()}
        for k in (1, 2)
    )
    return {
        "frames": frames,
        "hours": hours,
        "rate": rate,
        "with a face": int(np.isfinite(found["landmarks"]).all(axis=(1, 2)).sum()),
        "seconds": time.monotonic() - began,
        "MiB": memory | {"peak": float(rows[:, 1].max())},
        "growth": memory["last tenth"] / memory["first tenth"] - 1,
        "bytes_a_frame when settled": float(slope) * 2**20,
        "open files": files | {"most": int(rows[:, 2].max())},
        "said": log,
    }


def main(options: Options) -> None:
    """Run, print and write the figures."""
    folder = output_folder(options.out)
    summary: dict[str, Any] = {
        "versions": f"jax {jax.__version__}, {platform.machine()}, Python {platform.python_version()}"
    }
    if options.command != "track":
        summary["smooth"] = smooth(folder, options.frames)
    if options.command != "smooth":
        summary["track"] = track(folder, hours=options.hours, rate=options.rate)
        print(json.dumps(summary["track"]), flush=True)
    write_summary(folder, summary)


if __name__ == "__main__":
    main(tyro.cli(Options))
