"""Seconds to import the stabilizer beyond those of JAX, and to show the help of each command beyond those of tyro.

Each figure is a median over new processes, in turn, so that a busy machine slows all of them down alike. For the help,
importing tyro and parsing the options with it are measured in the same process and subtracted.

Paper:    nothing.
Command:  python experiments/bench/import_time.py --out runs/import_time
Cost:     half a minute on one core.
Figures:  docs/results.md, "Speed".
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import tyro

from fhr_jax import cli
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.files import output_folder

IMPORT = """
import time
start = time.perf_counter()
import jax, jax.numpy
jax_alone = time.perf_counter()
import fhr_jax.stabilizer
print(time.perf_counter() - jax_alone)
"""
HELP = """
import io, sys, time
start = time.perf_counter()
import tyro
inside = time.perf_counter() - start
parse = tyro.cli
def timed(*arguments, **options):
    global inside
    begin = time.perf_counter()
    try:
        return parse(*arguments, **options)
    finally:
        inside += time.perf_counter() - begin
tyro.cli = timed
shown, sys.stdout = sys.stdout, io.StringIO()
from fhr_jax.cli import main
main(sys.argv[1:])
print(time.perf_counter() - start - inside, file=shown)
"""
LIMITS = {"stabilizer": 0.3, "help": 0.1}


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

    out: Path
    """Folder for summary.json."""
    rounds: int = 5
    """Processes of each kind."""


def seconds(code: str, *arguments: str) -> float:
    """What a new process prints."""
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return float(result.stdout)


def measure(rounds: int) -> dict[str, float]:
    """Median seconds of `import fhr_jax.stabilizer` beyond JAX and of each help beyond tyro."""
    kinds = {"stabilizer": (IMPORT,), "help": (HELP, "--help")} | {
        f"help of {name}": (HELP, name, "--help") for name in cli.COMMANDS
    }
    found = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name, arguments in kinds.items():
            value = seconds(*arguments)
            if number:  # the first reads the files from the disk
                found[name].append(value)
    return {name: median(values) for name, values in found.items()}


def main(options: Options) -> None:
    """Measure, print and write summary.json."""
    output_folder(options.out)
    figures = measure(options.rounds)
    for name, value in figures.items():
        limit = LIMITS[name.split(" ")[0]]
        print(f"{name:18} {value:.3f} s, at most {limit} s{'' if value <= limit else ': MISSED'}")
    write_summary(options.out, {"seconds": figures, "limits": LIMITS})


if __name__ == "__main__":
    main(tyro.cli(Options))
