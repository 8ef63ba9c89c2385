"""Known motions of a face, where the truth is exact: the stabilizer beside One Euro, motion by motion.

A mean face of 72 pixels (RMS size) rests, opens its mouth, blinks, nods, shakes, rolls, zooms, glances, smiles, moves
on one side, and sets off at up to two of its sizes a frame; each is observed with independent noise of 1 pixel. One
Euro has two settings, the better of which counts in each motion; neither is tuned on these tracks. All filters are
causal.

Paper:    none.
Command:  python experiments/known_motions.py --out runs/known_motions
Cost:     a minute on one x86 core.
Figures:  docs/results.md, "Known motions".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fhr_jax import stabilizer
from fhr_jax.benchmark.known_motions.measure import MotionRow, compare, stabilizer_filter, summarize, table
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.benchmark.tables import write_table
from fhr_jax.cli.options import optional
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder


@dataclass(frozen=True)
class Options:
    """Measure a stabilizer in known motions."""

    out: Path
    """Folder for summary.json, and POINTS.csv and POINTS.md for each number of points."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters that `fhr-jax fit` wrote; default: those in the package. They fit one number of points only."""
    fps: float = 30.0
    """Frames a second."""
    points: tuple[int, ...] = (68, 98, 468)
    """Numbers of points: 68, 98, 468. With --params, those of the file are measured."""
    size: float = 72.0
    """RMS size of the face in pixels."""
    seeds: int = 8
    """Seeds of the noise."""


def main(options: Options) -> dict[str, list[MotionRow]]:
    """Measure, print and write a table for each number of points; the rows by number of points."""
    folder = output_folder(options.out)
    own = None if options.params is None else stabilizer.load(options.params)
    points = options.points if own is None else tuple(m for m in options.points if 2 * m == own.basis.shape[0])
    if not points:
        raise InputError(f"--points {options.points}: none has the size of {options.params}")
    rows = {}
    for number in points:
        params = stabilizer.default_params(number) if own is None else own
        filter = stabilizer_filter(params, rate=options.fps)
        found = compare(filter, points=number, size=options.size, rate=options.fps, seeds=options.seeds)
        rows[str(number)] = found
        text = table(found)
        print(f"{number} points, {options.fps:g} frames a second\n\n{text}\n", flush=True)
        write_table(folder, str(number), text=text, rows=[MotionRow._fields, *found])
    write_summary(
        folder,
        {
            "options": as_config(options),
            "summary": {number: summarize(found) for number, found in rows.items()},
            "rows": {number: [row._asdict() for row in found] for number, found in rows.items()},
        },
    )
    return rows


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
