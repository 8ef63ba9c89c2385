"""One script for any accelerator: networks, heatmaps, stabilizer, fits, synthetic faces, whole path, and agreement.

Times are medians of several synchronised calls after a warm-up. Beside them stands the limit that bounds them, measured
in the same run: bytes over the bandwidth of a copy, or floating-point operations over the rate of a large matrix
product; `share` is that limit over the measured time, and 1 cannot be beaten. Programs of networks, maps and stabilizer
also have the seconds that compiling took, and updates the peak of the memory beside the estimate of `--dry-run`.
Networks are compared with PyTorch where it is installed, stabilizer and fits with two CPU cores of the machine.

Results are written to summary.json after every row. Each part has a limit; a row that exceeds it, or crashes, is ended
with its process, and the rest goes on. A run that was stopped goes on with the rows that are not there. Sizes follow
the memory. Needs neither Grain nor TFDS. The parts are in `accelerator_parts/`.

Paper:    gives no time.
Command:  python experiments/bench/accelerator.py --out runs/accelerator
          python experiments/bench/accelerator.py --out runs/accelerator --parts limits network pytorch
Cost:     at most --seconds for all parts (8 minutes), most valuable first.
Figures:  docs/accelerators.md.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from accelerator_parts.conclusions import concluded
from accelerator_parts.parts import PARTS, PartName
from accelerator_parts.supervisor import supervise
from accelerator_parts.worker import work

from fhr_jax.errors import InputError
from fhr_jax.files import output_folder


@dataclass(frozen=True)
class Options:
    """Measure this accelerator."""

    out: Path
    """Folder for summary.json."""
    parts: tuple[PartName, ...] = tuple(PARTS)
    """What to measure, in this order."""
    seconds: float = 480.0
    """Time for all parts."""
    rounds: int = 10
    """Calls of each row after the warm-up."""
    again: bool = False
    """Measure rows again that failed or were stopped."""
    tiny: bool = False
    """Small sizes, for a test on a CPU."""
    one_process: bool = False
    """Measure in this process, without ending rows that take too long."""


def main(options: Options) -> dict[str, Any]:
    """Measure all rows that are not in summary.json yet; returns its content.

    Raises:
        InputError: that file has the rows of another device or version.
    """
    out = output_folder(options.out)
    chosen: dict[str, Any] = {"rounds": options.rounds, "tiny": options.tiny, "again": options.again}
    if options.one_process:
        work(out, options.parts, until=time.time() + options.seconds, **chosen)
        return concluded(out)
    return supervise(out, options.parts, seconds=options.seconds, **chosen)


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
