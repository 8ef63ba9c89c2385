"""Memory and time of the streaming stabilizer over a million frames.

One compiled `step` with a donated state filters a synthetic track of 68 points, played forwards and backwards, so that
neither inputs nor outputs accumulate. The script prints resident memory and time per frame after 1e3, 1e4, 1e5 and 1e6
frames. With --smooth whole tracks of these lengths are smoothed with look-ahead instead (`stabilizer.smooth`). The
script then prints the peak of the memory, the time per frame with compiling, and the memory that each further frame
takes beside its input and output.

Paper:    nothing about memory; 50 us a frame.
Command:  python experiments/bench/memory.py --out runs/memory
Cost:     ten minutes (more beside other jobs); --frames 100000 for one. With --smooth as much.
Figures:  2 x86 cores with six times as many jobs running beside, Python 3.11.7, jax 0.10.2. Resident memory after
          1e3, 1e5 and 1e6 frames: paper's model 356.86, 356.87, 356.87 MiB; the default one 420.30, 420.35,
          420.37 MiB. Between the marks a frame took the paper's model 87 to 132 us and the default one 234 to
          956 us, which says how busy the machine was: see time_per_frame.py for times. With plots loaded, on one core,
          to 1e5 frames: 415.27, 415.27 and 507.91, 507.95 MiB; 52 and 85 us a frame. With --smooth, beside four times
          as many jobs, peaks of 1060, 1157, 1446 and 3832 MiB for 1e3 to 1e6 frames.
"""

import json
import platform
import resource
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import numpy as np
import tyro

from fhr_jax import plots, stabilizer
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.files import output_folder

PERIOD = 1000
"""Frames of the track that is repeated."""


def resident() -> float:
    """Resident memory of this process in MiB; its peak where the system does not report the current value."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def track(seed: int = 0) -> np.ndarray:
    """(PERIOD, 68, 2) float32: a face on a random walk, with noise."""
    rng = np.random.default_rng(seed)
    face = 256 + 40 * rng.normal(size=(1, 68, 2))
    return (face + rng.normal(size=(PERIOD, 1, 2)).cumsum(axis=0) + rng.normal(size=(PERIOD, 68, 2))).astype(np.float32)


def stream(params: stabilizer.Params, frames: int, marks: list[int]) -> list[dict[str, float]]:
    """Filter `frames` frames one by one; memory and time at the marks."""
    step = jax.jit(partial(stabilizer.step, params), donate_argnums=0)
    state, z, rows = stabilizer.init_state(params), track(), []
    forth_and_back = np.concatenate([z, z[::-1]])
    last, began = 0, time.perf_counter()
    for number in range(1, frames + 1):
        state, x = step(state, forth_and_back[number % len(forth_and_back)])
        if number in marks:
            finite = bool(np.isfinite(np.asarray(x)).all())
            seconds = time.perf_counter() - began
            each = 1e6 * seconds / (number - last)
            rows.append({"frames": number, "MiB": resident(), "us_a_frame": each, "finite": finite})
            print(json.dumps(rows[-1]), flush=True)
            last, began = number, time.perf_counter()
    return rows


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def smooth(params: stabilizer.Params, marks: list[int]) -> list[dict[str, float]]:
    """Smooth tracks of so many frames, shortest first; the peak of the memory after each."""
    z, rows = track(), []
    forth_and_back = np.concatenate([z, z[::-1]])
    for frames in marks:
        long = np.resize(forth_and_back, (frames, *z.shape[1:]))
        began = time.perf_counter()
        x = stabilizer.smooth(params, long).block_until_ready()
        each = 1e6 * (time.perf_counter() - began) / frames
        finite = bool(np.isfinite(x[-1]).all())
        rows.append({"frames": frames, "MiB": peak(), "us_a_frame": each, "finite": finite})
        if len(rows) > 1:
            added = 2**20 * (rows[-1]["MiB"] - rows[-2]["MiB"]) / (frames - rows[-2]["frames"])
            rows[-1]["bytes_a_frame_beside_input_and_output"] = added - long[0].nbytes - x[0].nbytes
        print(json.dumps(rows[-1]), flush=True)
        del long, x
    return rows


@dataclass(frozen=True)
class Options:
    """Stream a million frames."""

    out: Path
    """Folder for summary.json and memory.png."""
    frames: int = 1_000_000
    """Number of frames to filter."""
    smooth: bool = False
    """Smooth whole tracks with look-ahead instead."""


def main(options: Options) -> None:
    """The paper's model and the default parameters, or with --smooth the latter."""
    folder = output_folder(options.out)
    marks = [n for n in (1000, 10_000, 100_000, 1_000_000) if n <= options.frames]
    versions = f"jax {jax.__version__}, {jax.devices()[0].platform}, {platform.machine()}, {platform.python_version()}"
    print(versions)
    default = stabilizer.default_params()
    paper = stabilizer.init_params(1.0, default.basis)
    rows = {}
    if options.smooth:
        rows["default, smooth"] = smooth(default, marks)
    else:
        for name, params in {"paper's model": paper, "default": default}.items():
            print(name)
            rows[name] = stream(params, options.frames, marks)
    write_summary(folder, {"versions": versions, "marks": rows})
    curves = {name: [([r["frames"] for r in found], [r["MiB"] for r in found])] for name, found in rows.items()}
    labels = [("frames", "resident memory, MiB")]
    plots.save(folder / "memory.png", plots.sweeps(curves, labels=labels, logarithmic="x", from_zero=True))


if __name__ == "__main__":
    main(tyro.cli(Options))
