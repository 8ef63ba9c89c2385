"""Weak scaling of training and of fits over several processes of one machine, and how much of it is communication.

Every process has the same work, so with ideal scaling more of them take as long as one. Each is pinned to one core;
where there are more processes than cores they share them, and ideal is as many times the time of one. Three times are
compared, medians of the slowest process:

* one process;
* all processes at once, each alone: what is lost is for memory bandwidth and caches;
* all processes together through `jax.distributed`: what is lost beyond that is communication, and waiting for others.

All processes talk over the loopback interface, so the figures say what sharing costs, not what a network does. The
script also counts the all-reduces of the compiled programs, writes checkpoints, and computes what a slice of 256 chips
would need.

Paper:    nothing about several machines.
Command:  python experiments/bench/scaling.py --out runs/scaling
Cost:     six minutes on two cores, most of it compiling; the same command goes on with what is left.
Figures:  docs/scaling.md.
"""

import json
import multiprocessing
import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scaling_work
import tyro
from scaling_sizes import sizes
from scaling_slice import Slice, needs
from scaling_work import Place, Work

from fhr_jax.benchmark.summaries import SUMMARY, write_summary
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

Part = Literal["training", "fit"]


@dataclass(frozen=True)
class Options:
    """Measure weak scaling over the processes of one machine."""

    out: Path
    """Folder for summary.json."""
    processes: tuple[int, ...] = (1, 2, 4)
    """Numbers of processes; one is always measured."""
    parts: tuple[Part, ...] = ("training", "fit")
    """What to measure."""
    preset: Literal["paper", "medium", "small", "tiny"] = "small"
    """Size of the network."""
    images: int = 8
    """Crops an update and process."""
    videos: int = 6
    """Videos of a fit a process."""
    frames: int = 100
    """Frames of each video."""
    rounds: int = 5
    """Timed calls."""
    seconds: float = 300.0
    """Limit for each start of processes, compiling included."""
    sizes: tuple[Literal["paper", "medium", "small", "tiny"], ...] = ("small", "medium", "paper")
    """Presets whose parameters, gradients and checkpoints are measured."""


def main(options: Options) -> dict[str, Any]:
    """Measure, print and write summary.json after every number of processes."""
    folder, cores = output_folder(options.out), available_cores()
    work = Work(options.preset, options.images, options.videos, options.frames, options.rounds)
    summary = opened(folder, work, len(cores))
    for preset in options.sizes:
        if preset in summary["sizes"]:
            continue
        with tempfile.TemporaryDirectory(dir=folder) as checkpoints:
            summary["sizes"][preset] = sizes(preset, checkpoints=Path(checkpoints))
        print(f"{preset}: {summary['sizes'][preset]}", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        start = partial(run_together, cores=cores, work=work, parts=options.parts, limit=options.seconds, cache=cache)
        for number in sorted({1, *options.processes}):
            if all(str(number) in summary[part] for part in options.parts):
                continue
            alone = start(number, together=False)
            together = alone if number == 1 else start(number, together=True)
            for part in options.parts:
                one = _times(alone, part) if number == 1 else summary[part]["1"]["one_ms"] / 1e3
                row = compared(one, _times(alone, part), _times(together, part), number, len(cores))
                counted = together[0][part]
                row |= {name: value for name, value in counted.items() if name.startswith("all_reduce")}
                summary[part][str(number)] = row
                print(f"{part}, {number} processes: {_text(row)}", flush=True)
            if number == 1 and "training" in options.parts and options.preset in summary["sizes"]:
                summary["slice"] = _slice(summary["sizes"], alone[0]["training"]["flops"], options)
            write_summary(folder, summary)
    return summary


def opened(folder: Path, work: Work, cores: int) -> dict[str, Any]:
    """What summary.json holds, or the start of it.

    Raises:
        InputError: it is of other work, or of another number of cores.
    """
    path, about = folder / SUMMARY, {"work": work._asdict(), "cores": cores}
    if not path.exists():
        return {**about, "sizes": {}, "training": {}, "fit": {}}
    summary = json.loads(path.read_text())
    if {name: summary.get(name) for name in about} != about:
        raise InputError(f"{path}: of {summary.get('work')} on {summary.get('cores')} cores; use another --out")
    return summary


def available_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def run_together(
    number: int,
    *,
    together: bool,
    cores: Sequence[int],
    work: Work,
    parts: tuple[Part, ...],
    limit: float,
    cache: str,
) -> list[dict[str, Any]]:
    """What each of so many processes found; they work together, or each alone at the same time.

    Raises:
        InputError: one of them ended without a result, or took longer than the limit.
    """
    context = multiprocessing.get_context("spawn")
    barrier, address = context.Barrier(number), _free_address() if together else None
    running, ends = [], []
    try:
        for i in range(number):
            here, there = context.Pipe(duplex=False)
            place = Place(i, number, cores[i % len(cores)], address, cache)
            process = context.Process(target=scaling_work.run, args=(place, work, parts, barrier, there), daemon=True)
            process.start()
            there.close()
            running.append(process)
            ends.append(here)
        found = [_received(end, limit, f"process {i} of {number}") for i, end in enumerate(ends)]
        for process in running:
            process.join(limit)
        return found
    finally:
        for process in running:
            process.kill()
            process.join()


def _received(end: Connection, limit: float, name: str) -> dict[str, Any]:
    try:
        if end.poll(limit):
            return end.recv()
    except EOFError:
        pass
    raise InputError(f"{name} gave no result within {limit:g} seconds; see above")


def compared(one: float, alone: float, together: float, number: int, cores: int) -> dict[str, Any]:
    """Milliseconds, efficiency and its losses.

    Args:
        one: seconds of a single process.
        alone: seconds of one of `number` processes that work alone at the same time.
        together: seconds of one of `number` processes that work together.
        number: of processes.
        cores: that they share.
    """
    ideal = one * -(-number // cores)
    return {
        "one_ms": 1e3 * one,
        "alone_ms": 1e3 * alone,
        "together_ms": 1e3 * together,
        "processes_a_core": -(-number // cores),
        "efficiency": ideal / together,
        "efficiency_alone": ideal / alone,
        "communication": 1 - alone / together,
    }


def _slice(found: dict[str, dict[str, Any]], flops: float, options: Options) -> dict[str, Any]:
    """What every preset would need on a slice, with the operations of an update as they were counted here."""
    assumed = Slice(update=flops / options.images / found[options.preset]["forward_flops"])
    return {"assumed": assumed._asdict(), **{preset: needs(each, assumed) for preset, each in found.items()}}


def _times(found: list[dict[str, Any]], part: str) -> float:
    """Median seconds of the slowest process."""
    return max(float(np.median(each[part]["seconds"])) for each in found)


def _text(row: dict[str, Any]) -> str:
    return (
        f"{row['together_ms']:.1f} ms together, {row['alone_ms']:.1f} alone, {row['one_ms']:.1f} of one process; "
        f"efficiency {row['efficiency']:.2f}, without communication {row['efficiency_alone']:.2f}; "
        f"{row['all_reduces']} all-reduces of {row['all_reduce_bytes'] / 1e6:.2f} MB, "
        f"{row['all_reduces_in_loops']} of them in loops"
    )


def _free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
