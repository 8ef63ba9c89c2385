"""Fit of the stabilizer: gradient against the simplex that the paper used.

Same videos, same start (the paper's), same compiled loss, same clock; compilation is outside the clock. The paper's
model, for one point (D = 2), the 7-point markup (D = 14) and 68 points (D = 136).

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), which fits by
          Nelder-Mead (Lagarias et al. 1998) in 12 hours on a laptop.
Command:  python experiments/gradient_vs_simplex.py --out runs/gradient_vs_simplex --seconds 20 --processor-time
Cost:     12 minutes of one x86 core: up to the seconds asked for and 1 to 17 s of compiling a method.
Figures:  with the synthetic clips of 083f3dc (keys have drawn others since).
          12 synthetic clips of 400 frames, one x86 core, Python 3.11.7, jax 0.10.2, processor time. Lowest loss
          (seconds to within 1 % of the lowest of all, - where it never was; compilation outside):
                                             D = 2         D = 14         D = 136
              start                          102.63        57.30          344.6
              L-BFGS                         26.29 (0.3)   23.52 (0.1)    162.70 (15.6)
              L-BFGS, cooled                 26.23 (0.6)   23.53 (0.3)    162.36 (2.3)
              Adam                           26.35 (1.1)   23.48 (0.4)    312.7  (-)
              Adam, cooled                   26.35 (1.2)   23.44 (0.5)    162.67 (2.5)
              Adam on windows                26.38 (5.8)   23.51 (0.7)    342.4  (-)
              simplex in all dimensions      26.25 (0.7)   23.54 (2.9)    323.5  (-)
              the same, SciPy's edges        29.52 (-)     32.41 (-)      342.5  (-)
              tied: simplex                  27.23 (-)     24.561 (-)     176.59 (-)
              tied: simplices                27.23 (-)     24.561 (-)     176.59 (-)
              tied: L-BFGS, cooled           27.23 (-)     24.562 (-)     176.59 (-)
              tied simplex, then L-BFGS      26.59 (-)     23.54 (1.4)    163.6  (7.7)
              tied simplices, then L-BFGS    26.52 (-)     23.53 (6.8)    163.0  (8.6)
          In the tied form simplex and gradient find the same optimum, to 0.01 %; they are within 1 % of that one (read
          off the histories in summary.json) after 0.3, 0.3, 1.1 s and 0.1, 0.1, 0.7 s, many simplices after 0.5, 0.6,
          4.1. In all dimensions a simplex is as good for one point, ten times slower for seven and hopeless for 68,
          where the gradient itself needs the switch between the components cooled: without, Adam stays on the plateau,
          and L-BFGS crosses it after 15 s or, with numbers rounded otherwise, not at all (267.9 in an earlier run).
          The hybrid is as good as the cooled gradient, and takes three times as long. SciPy's own edges fail
          everywhere. Not measured: a GPU, and the recommended model, which no simplex could fit.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import tyro

from fhr_jax import plots, stabilizer
from fhr_jax.benchmark import compare_fits, protocol
from fhr_jax.data.synthetic import tracks
from fhr_jax.files import output_folder, write_json
from fhr_jax.markup import SEVEN_OF_68

POINTS = {2: (30,), 14: SEVEN_OF_68, 136: tuple(range(68))}
"""Landmarks for each D: the tip of the nose, the 7, all."""

ALIKE = 0.01
"""Losses that differ by less, relatively, count as the same."""


@dataclass(frozen=True)
class Options:
    """Compare the fits of the stabilizer."""

    out: Path
    """Folder for summary.json and, for each D, loss_D.png and evaluations_D.png."""
    seconds: float = 30.0
    """For each method."""
    processor_time: bool = False
    """Seconds of the processor instead of the wall, for machines that are busy with something else."""
    dims: tuple[int, ...] = (2, 14, 136)
    """D, some of 2, 14, 136."""
    methods: tuple[str, ...] = tuple(compare_fits.METHODS)
    """Names from `stabilizer.compare.METHODS`."""
    source: str = "tracks"
    """"tracks": synthetic; "300vw": the published predictions, see `fhr_jax.benchmark.protocol`; or a folder."""
    videos: int = 12
    """Synthetic clips."""
    frames: int = 400
    """Frames of each."""
    seed: int = 1
    """Of the tracks."""


def main(options: Options) -> None:
    """Run the fits, write their histories, say who won."""
    folder = output_folder(options.out)
    videos = _videos(options)
    device = jax.devices()[0]
    summary = {"device": f"{device.platform} {device.device_kind}", "jax": jax.__version__, "fits": {}}
    for size in options.dims:
        some = videos._replace(observed=videos.observed[..., POINTS[size], :], truth=videos.truth[..., POINTS[size], :])
        print(f"D = {size}: {some.mask.shape[0]} videos, {int(some.mask.sum())} frames on {summary['device']}")
        fits: dict[str, stabilizer.Fit] = {}
        for name in options.methods:
            clock = time.process_time if options.processor_time else time.perf_counter
            fits |= compare_fits.compare_fits(some, seconds=options.seconds, methods=(name,), clock=clock)
            _tell(name, fits[name])
        summary["fits"][str(size)] = _summary(fits)
        write_json(folder / "summary.json", summary)
        seconds = {name: (fit.history.seconds, fit.history.loss) for name, fit in fits.items()}
        plots.loss_history(seconds, folder / f"loss_{size}.png")
        evaluations = {name: (fit.history.evaluations, fit.history.loss) for name, fit in fits.items()}
        plots.loss_history(evaluations, folder / f"evaluations_{size}.png", unit="evaluations")
        print(f"D = {size}: lowest loss by {summary['fits'][str(size)]['winner']}")


def _videos(options: Options) -> stabilizer.Videos:
    if options.source == "tracks":
        # Without faults, which the paper's model cannot mend and which would drown the rest.
        keys = jax.random.split(jax.random.key(options.seed), options.videos)
        made = jax.vmap(lambda key: tracks.sample(key, options.frames, faults=False))(keys)
        return stabilizer.as_videos(made.observed, made.truth)
    return protocol.batch(protocol.make(options.seed, source=options.source, frames=options.frames).train)


def _tell(name: str, fit: stabilizer.Fit) -> None:
    h = fit.history
    print(
        f"  {name}: {h.loss[0]:.2f} -> {h.loss[-1]:.2f} in {h.evaluations[-1]} evaluations, {h.seconds[-1]:.1f} s "
        f"(and {fit.compile_seconds:.1f} s to compile)",
        flush=True,
    )


def _summary(fits: dict[str, stabilizer.Fit]) -> dict:
    """Histories, who won, when each reached the best of each other, and whether the tied fits agree."""
    lowest = {name: fit.history.loss[-1] for name, fit in fits.items()}
    winner = min(lowest, key=lowest.__getitem__)
    near = lowest[winner] * (1 + ALIKE)
    tied = [
        lowest[name] for name in (compare_fits.TIED, compare_fits.STARTS, compare_fits.TIED_COOLED) if name in lowest
    ]
    return {
        "winner": winner,
        "best": lowest,
        "seconds_to_within_1_percent_of_the_lowest": {n: _reached(f.history, near) for n, f in fits.items()},
        "seconds_to_the_best_of": {
            other: {name: _reached(fit.history, lowest[other]) for name, fit in fits.items()} for other in fits
        },
        "tied_optima": tied,
        "tied_optima_agree": bool(tied) and max(tied) <= min(tied) * (1 + ALIKE),
        "histories": {n: f.history._asdict() | {"compile_seconds": f.compile_seconds} for n, f in fits.items()},
    }


def _reached(history: stabilizer.History, loss: float) -> float | None:
    """Seconds until the loss was this low; None if it never was."""
    return _first(history.seconds, np.asarray(history.loss) <= loss * (1 + 1e-6))


def _first(values: Sequence[float], when: np.ndarray) -> float | None:
    return round(values[int(when.argmax())], 3) if when.any() else None


if __name__ == "__main__":
    main(tyro.cli(Options))
