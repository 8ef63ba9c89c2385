"""Run every script of the paper's tables and figures, small or at full size; repeat the command to go on.

Command:  python experiments/reproduce.py --out runs/reproduce --quick
          python experiments/reproduce.py --out runs/reproduce
          python experiments/reproduce.py --out runs/reproduce --data 300vw
Cost:     with --quick eleven minutes of processor time on one x86 core, most of it compiling; at full size hours. Each
          folder gets the seconds that its script took.

A script whose folder has a seconds.json has ended and is left out; the scripts themselves keep what they have when they
are stopped, such as fits, nets, tracks and tables. At the end, and when interrupted, it says what is
left; a script that fails does not keep the others from running. experiments/README.md says which script makes what.
"""

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import tyro

from fhr_jax.benchmark.summaries import SUMMARY
from fhr_jax.cli.options import optional
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder, write_json

ROOT = Path(__file__).parents[1]
SECONDS = "seconds.json"


class Script(NamedTuple):
    """A script and its sizes.

    Attributes:
        name: file in experiments/ without suffix.
        makes: what of the paper.
        quick: options for a run of minutes, which says nothing about the method. FITS and NETS stand for the folders
            of `stabilizer_ablation` and `fractional_vs_conventional` in the same --out.
        full: options at full size.
        tracks: it has --data for recorded tracks.
    """

    name: str
    makes: str
    quick: str
    full: str = ""
    tracks: bool = False


_TINY = "--seeds 0 --frames 60 --steps 2 --fits FITS"
SCRIPTS = (
    Script("figure2_contours", "Fig. 2", "--points 21"),
    Script("fractional_vs_conventional", "Tables 1 and 2, Fig. 5", "--preset tiny --steps 4 --seeds 0 --faces 8"),
    Script("figure4_averages", "Fig. 4", "--nets NETS", "--nets NETS"),
    Script(
        "stabilizer_ablation",
        "fits for the next four",
        f"{_TINY} --only raw 'first order' \"paper's model\" recommended",
        tracks=True,
    ),
    Script("table3_loss_terms", "Table 3", _TINY, "--fits FITS", tracks=True),
    Script("figure3_delay", "Fig. 3", f"{_TINY} --window 30", "--fits FITS", tracks=True),
    Script(
        "figure6_tradeoff", "Fig. 6", f"{_TINY} --lambdas 1 10 --baselines 'moving average'", "--fits FITS", tracks=True
    ),
    Script("figure7_second_order", "Fig. 7", f"{_TINY} --draws 2", "--fits FITS", tracks=True),
    Script("tables456_videos", "Tables 4 to 6", "--people 2 --clip 10"),
    Script(
        "gradient_vs_simplex",
        "the fit",
        "--seconds 1 --dims 2 --videos 2 --frames 40 --processor-time",
        "--seconds 20 --processor-time",
    ),
)


@dataclass(frozen=True)
class Options:
    """Reproduce the paper's tables and figures, script by script."""

    out: Path
    """Folder for the folders of the scripts."""
    quick: bool = False
    """Run each in minutes, at sizes that say nothing about the method."""
    data: Annotated[Literal["300vw"] | None, optional("300vw")] = None
    """Tracks of the scripts that have --data, in the folder that FHR_JAX_DATA names; default: synthetic ones."""
    only: tuple[str, ...] = ()
    """Scripts to run, such as figure2_contours; default: all."""
    seconds: float = 24 * 3600.0
    """Start no further script after so many seconds."""


def main(options: Options) -> list[str]:
    """Run what has not ended; returns the names of the scripts that are left."""
    unknown = set(options.only) - {script.name for script in SCRIPTS}
    if unknown:
        raise InputError(f"--only: {min(unknown)!r}, expected some of {', '.join(script.name for script in SCRIPTS)}")
    if options.quick and options.data:
        raise InputError("--data: goes with the full size, expected no --quick with it")
    folder = output_folder(options.out) / ("quick" if options.quick else options.data or "full")
    chosen = [script for script in SCRIPTS if not options.only or script.name in options.only]
    start = time.monotonic()
    try:
        for script in chosen:
            if not ended(folder, script) and time.monotonic() - start < options.seconds:
                run(folder, script, quick=options.quick, data=options.data)
    finally:
        left = [script for script in chosen if not ended(folder, script)]
        names = ", ".join(f"{script.name} ({script.makes})" for script in left)
        print(
            f"{folder}: {len(chosen) - len(left)} of {len(chosen)} ended" + f"; left: {names}" * bool(left), flush=True
        )
    return [script.name for script in left]


def ended(folder: Path, script: Script) -> bool:
    """Whether a run of this script came to its end; some write a summary after each part."""
    return (folder / script.name / SECONDS).is_file()


def run(folder: Path, script: Script, *, quick: bool, data: str | None) -> None:
    """Run a script in a process of its own, with its output in log.txt, and note the seconds that it took."""
    own = output_folder(folder / script.name)
    words = command(folder, script, quick=quick, data=data)
    print(f"{script.name}: {script.makes} ...", flush=True)
    start = time.monotonic()
    with (own / "log.txt").open("w") as log:
        code = subprocess.run(words, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT).returncode
    seconds = time.monotonic() - start
    if code or not (own / SUMMARY).is_file():
        print(f"{script.name}: failed with exit code {code} after {seconds:.0f} s, see {own / 'log.txt'}", flush=True)
        return
    write_json(own / SECONDS, {"seconds": seconds})
    print(f"{script.name}: ended after {seconds:.0f} s", flush=True)


def command(folder: Path, script: Script, *, quick: bool, data: str | None = None) -> list[str]:
    """The words of the command of a script."""
    places = {"FITS": folder / "stabilizer_ablation", "NETS": folder / "fractional_vs_conventional"}
    words = [
        str(places[word].resolve()) if word in places else word
        for word in shlex.split(script.quick if quick else script.full)
    ]
    if data and script.tracks:
        words += ["--data", data, "--frames", "300"]
    program = ROOT / "experiments" / f"{script.name}.py"
    return [sys.executable, str(program), "--out", str((folder / script.name).resolve()), *words]


if __name__ == "__main__":
    try:
        raise SystemExit(1 if main(tyro.cli(Options)) else 0)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit("interrupted; repeat the command to go on") from None
