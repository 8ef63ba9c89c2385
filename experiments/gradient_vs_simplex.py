"""Fit of the stabilizer: gradient against the simplex that the paper used, on synthetic tracks.

Same videos, same start (the paper's), same compiled loss, same clock; compilation is outside the clock.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), which fits by
          Nelder-Mead (Lagarias et al. 1998) in 12 hours on a laptop.
Command:  python experiments/gradient_vs_simplex.py --out runs/gradient_vs_simplex --seconds 20
Cost:     four times --seconds and half a minute for compiling, on 2 cores.
Figures:  with --seconds 20 on 2 busy cores, from loss 141.7: L-BFGS in 412 dimensions 140.1 (223 evaluations;
          its line search finds nothing lower after 10 s), simplex in 412 dimensions 136.0 (3071), simplex tied
          to 7 numbers 82.7 (1046, most of it within 1 s), and that followed by L-BFGS 74.9 (1268), the lowest.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import tyro

from fhr_jax import plots, stabilizer
from fhr_jax.data import tracks
from fhr_jax.files import output_folder, write_json


@dataclass(frozen=True)
class Options:
    """Compare the fits of the stabilizer."""

    out: Path
    """Folder for summary.json and loss.png."""
    seconds: float = 30.0
    """For each method."""
    videos: int = 12
    """Synthetic clips."""
    frames: int = 300
    """Frames of each."""
    seed: int = 1
    """Of the tracks."""


def main(options: Options) -> None:
    """Run the fits, write both histories, say who won."""
    folder = output_folder(options.out)
    made = tracks.batch(jax.random.key(options.seed), options.videos, options.frames)
    fits = stabilizer.compare_fits(stabilizer.as_videos(made.observed, made.truth), seconds=options.seconds)
    lowest = {name: fit.history.loss[-1] for name, fit in fits.items()}
    summary = {
        name: fit.history._asdict() | {"best": lowest[name], "compile_seconds": fit.compile_seconds}
        for name, fit in fits.items()
    }
    winner = min(lowest, key=lowest.__getitem__)
    write_json(folder / "summary.json", {"winner": winner, "fits": summary})
    plots.loss_history({name: (f.history.seconds, f.history.loss) for name, f in fits.items()}, folder / "loss.png")
    for name, fit in fits.items():
        history = fit.history
        print(f"{name}: {history.loss[0]:.1f} -> {history.loss[-1]:.1f} in {history.evaluations[-1]} evaluations")
    print(f"lowest loss: {winner}")


if __name__ == "__main__":
    main(tyro.cli(Options))
