"""Start the processes that measure, end them at their limits, and put the results together.

A compiler cannot be interrupted, so a row that takes too long is ended with its process, as is one that crashes; it is
kept as such, and another process goes on. This process leaves the accelerator to the others. Parts that are compared
with two CPU cores are measured there at the same time, if the machine has cores to spare.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from accelerator_parts.conclusions import concluded, read
from accelerator_parts.parts import PARTS, PartName
from accelerator_parts.two_cores import FOLDER, work_on_two_cores
from accelerator_parts.worker import RUNNING, work
from fhr_jax import xla_flags
from fhr_jax.benchmark.summaries import SUMMARY
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder, write_json

POLL = 0.2
"""Seconds between two looks at a process."""
SPARE = 4
"""Cores from which on two of them measure beside an accelerator."""

Work = Callable[..., Any]


def supervise(
    out: Path, parts: Sequence[PartName], *, seconds: float, work: Work = work, **options: Any
) -> dict[str, Any]:
    """Measure all parts in other processes, within so many seconds; returns the content of summary.json.

    Args:
        out: folder of summary.json.
        parts: in their order.
        seconds: for all of them.
        work: what a process does, `worker.work`.
        **options: of `work`.

    Raises:
        InputError: a process ended before its first row; it has said why.
    """
    folder, deadline = output_folder(out), time.time() + seconds
    (folder / RUNNING).unlink(missing_ok=True)
    left, second = list(parts), _Second(folder, parts, deadline, options)
    try:
        while left and time.time() < deadline:
            now = _in_one_process(left)
            share = sum(PARTS[name].seconds for name in now) / sum(PARTS[name].seconds for name in left)
            until = time.time() + share * (deadline - time.time())
            stopped = _run(folder, now, until, work=work, options=options, watch=second.look)
            left = left[len(now) :] if stopped is None else left[stopped:]
        second.wait()
    finally:
        second.end()
        (folder / RUNNING).unlink(missing_ok=True)
    if left:
        print(f"no time left for {', '.join(left)}; repeat the command to go on", flush=True)
    return concluded(folder)


def _in_one_process(parts: list[PartName]) -> list[PartName]:
    """The first parts that may share a process: JAX and PyTorch would take each other's memory."""
    kind = PARTS[parts[0]].pytorch
    return list(takewhile(lambda name: PARTS[name].pytorch == kind, parts))


def _run(
    folder: Path,
    parts: list[PartName],
    until: float,
    *,
    work: Work,
    options: dict[str, Any],
    watch: Callable[[dict[str, Any]], None],
) -> int | None:
    """One process: None when it has measured all its parts, else the number of parts that are over.

    A part is over when its time is; after a crash it goes on without the row that crashed.
    """
    began = time.time()
    with _environment("cpu" if PARTS[parts[0]].pytorch else None):
        process = _start(work, (folder, parts), options | {"until": until})
    try:
        while process.is_alive():
            process.join(POLL)
            running = read(folder / RUNNING)
            if running:
                watch(running)
            if time.time() > running.get("until", until) and process.is_alive():
                process.kill()
                process.join()
                running = read(folder / RUNNING)
                if not running:
                    return len(parts)
                _keep(folder, running, "stopped at the limit of its part")
                return parts.index(running["part"]) + 1
    finally:
        process.kill()
        process.join()
    running = read(folder / RUNNING)
    if process.exitcode == 0:
        return None
    if not running:
        raise InputError(f"the process that measures {', '.join(parts)} ended after {time.time() - began:.0f} seconds")
    _keep(folder, running, f"its process ended with code {process.exitcode}")
    return parts.index(running["part"])


def _keep(folder: Path, running: dict[str, Any], reason: str) -> None:
    """Keep a row that has not ended, so that nothing tries it again."""
    summary = read(folder / SUMMARY)
    rows = summary.setdefault("rows", {})
    rows[running["row"]] = {"error": reason}
    print(f"{running['row']}: {reason}", flush=True)
    write_json(folder / SUMMARY, summary)
    (folder / RUNNING).unlink(missing_ok=True)


class _Second:
    """The process on two CPU cores; it starts once another one has found an accelerator."""

    def __init__(self, folder: Path, parts: Sequence[PartName], deadline: float, options: dict[str, Any]):
        self._folder, self._deadline, self._options = folder / FOLDER, deadline, options
        self._parts = [name for name in parts if PARTS[name].two_cores]
        self._process: BaseProcess | None = None

    def look(self, running: dict[str, Any]) -> None:
        """Start it, if there is anything to compare."""
        cores = xla_flags.processors()
        if self._process is None and self._parts and running.get("platform", "cpu") != "cpu" and cores >= SPARE:
            options = self._options | {"until": self._deadline}
            with _environment("cpu"):
                self._process = _start(work_on_two_cores, (self._folder, self._parts), options)

    def wait(self) -> None:
        """Wait for its end, or for the deadline."""
        if self._process is not None:
            self._process.join(max(self._deadline - time.time(), 0))

    def end(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.join()


def _start(target: Work, arguments: tuple[Any, ...], options: dict[str, Any]) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, kwargs=options, daemon=True)
    process.start()
    return process


@contextmanager
def _environment(platforms: str | None) -> Generator[None]:
    """Processes that start within see these platforms of JAX."""
    before = os.environ.get("JAX_PLATFORMS")
    if platforms:
        os.environ["JAX_PLATFORMS"] = platforms
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("JAX_PLATFORMS", None)
        else:
            os.environ["JAX_PLATFORMS"] = before
