"""Fit the stabilizer by gradient and by Nelder-Mead as in the paper, and compare.

All methods have the same videos, the paper's initial parameters, the same compiled loss and the same clock; compiling
does not count. The model is the paper's, for one point (D = 2), the 7-point markup (D = 14) and 68 points (D = 136).

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), which fits by
          Nelder-Mead (Lagarias et al. 1998) in 12 hours on a laptop.
Command:  python experiments/gradient_vs_simplex.py --out runs/gradient_vs_simplex --seconds 20 --processor-time
Cost:     12 minutes of one x86 core: per method up to the given seconds, and 1 to 17 s of compiling.
Figures:  with the synthetic clips of 083f3dc (the same keys give other clips today), and with SciPy's simplex, whose
          moves ours makes one by one (`tests/stabilizer/fit/test_nelder_mead.py`).
          12 synthetic clips of 400 frames, one x86 core, Python 3.11.7, jax 0.10.2, processor time. Lowest loss
          (seconds to within 1 % of the lowest of all, - where it never was; compilation outside):
                                             D = 2         D = 14         D = 136
              start                          102.63        57.30          344.6
              L-BFGS                         26.29 (0.3)   23.52 (0.1)    162.70 (15.6)
              L-BFGS, annealed               26.23 (0.6)   23.53 (0.3)    162.36 (2.3)
              Adam                           26.35 (1.1)   23.48 (0.4)    312.7  (-)
              Adam, annealed                 26.35 (1.2)   23.44 (0.5)    162.67 (2.5)
              Adam, minibatches              26.38 (5.8)   23.51 (0.7)    342.4  (-)
              Nelder-Mead, all dimensions    26.25 (0.7)   23.54 (2.9)    323.5  (-)
              the same, SciPy's edges        29.52 (-)     32.41 (-)      342.5  (-)
              shared scales: Nelder-Mead     27.23 (-)     24.561 (-)     176.59 (-)
              the same, 8 starts             27.23 (-)     24.561 (-)     176.59 (-)
              shared: L-BFGS, annealed       27.23 (-)     24.562 (-)     176.59 (-)
              shared scales, then L-BFGS     26.59 (-)     23.54 (1.4)    163.6  (7.7)
              8 starts, then L-BFGS          26.52 (-)     23.53 (6.8)    163.0  (8.6)
          With shared scales simplex and gradient find the same optimum, to 0.01 %. According to the histories in
          fits_D.json they were within 1 % of it after 0.3, 0.3, 1.1 s and 0.1, 0.1, 0.7 s, 8 simplices after 0.5, 0.6,
          4.1 s. In all dimensions a simplex is as good for one point, ten times slower for seven points, and fails for
          68. There even the gradient needs annealing: without it Adam stays on the plateau, and L-BFGS crosses it after
          15 s or, with other rounding errors, not at all (267.9 in an earlier run). Nelder-Mead, then L-BFGS, is as
          good as annealed L-BFGS and takes three times as long. SciPy's own edges fail everywhere. Not measured: a GPU,
          and the recommended model, which has too many parameters for a simplex.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import tyro

from fhr_jax import log, plots, stabilizer
from fhr_jax.benchmark import compare_fits, protocol
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data.synthetic import tracks
from fhr_jax.files import output_folder, write_json
from fhr_jax.markup import SEVEN_OF_68

POINTS = {2: (30,), 14: SEVEN_OF_68, 136: tuple(range(68))}
"""Landmarks for each D: the tip of the nose, the 7, all."""

EQUAL = 0.01
"""Relative difference below which losses count as equal."""


@dataclass(frozen=True)
class Options:
    """Compare the fits of the stabilizer."""

    out: Path
    """Folder for summary.json and, for each D, fits_D.json, loss_D.png and evaluations_D.png."""
    seconds: float = 30.0
    """For each method."""
    processor_time: bool = False
    """Count processor time instead of wall time, for busy machines."""
    dims: tuple[int, ...] = (2, 14, 136)
    """D, some of 2, 14, 136."""
    methods: tuple[str, ...] = tuple(compare_fits.METHODS)
    """Names from `benchmark.compare_fits.METHODS`."""
    data: str = "tracks"
    """"tracks": synthetic; "300vw": the published predictions, see `fhr_jax.benchmark.protocol`; or a folder."""
    videos: int = 12
    """Number of synthetic clips."""
    frames: int = 400
    """Frames of each clip."""
    seed: int = 1
    """Draws the tracks."""


def main(options: Options) -> None:
    """Run the fits for each D that is not there yet, write their histories, print the best method."""
    folder = output_folder(options.out)
    fixed = {name: value for name, value in as_config(options).items() if name not in ("out", "dims")}
    log.same_run(folder, fixed)
    log.write_config(folder, fixed)
    videos = _videos(options)
    device = jax.devices()[0]
    summary = {"device": f"{device.platform} {device.device_kind}", "jax": jax.__version__, "fits": {}}
    for size in options.dims:
        path = folder / f"fits_{size}.json"
        if not path.exists():
            write_json(path, _fits(options, folder, videos, size))
        found = json.loads(path.read_text())
        summary["fits"][str(size)] = {name: value for name, value in found.items() if name != "histories"}
        print(f"D = {size}: lowest loss by {summary['fits'][str(size)]['winner']}")
    write_summary(folder, summary)


def _fits(options: Options, folder: Path, videos: stabilizer.Videos, size: int) -> dict:
    """The fits for one D and their pictures."""
    some = videos._replace(observed=videos.observed[..., POINTS[size], :], truth=videos.truth[..., POINTS[size], :])
    print(f"D = {size}: {some.mask.shape[0]} videos, {int(some.mask.sum())} frames")
    fits: dict[str, stabilizer.Fit] = {}
    for name in options.methods:
        clock = time.process_time if options.processor_time else time.perf_counter
        fits |= compare_fits.compare_fits(some, seconds=options.seconds, methods=(name,), clock=clock)
        print(f"  {name}: {fits[name]} (and {fits[name].compile_seconds:.1f} s to compile)", flush=True)
    seconds = {name: (fit.history.seconds, fit.history.loss) for name, fit in fits.items()}
    plots.save(folder / f"loss_{size}.png", plots.loss_history(seconds))
    evaluations = {name: (fit.history.evaluations, fit.history.loss) for name, fit in fits.items()}
    plots.save(folder / f"evaluations_{size}.png", plots.loss_history(evaluations, unit="evaluations"))
    return _summary(fits)


def _videos(options: Options) -> stabilizer.Videos:
    if options.data == "tracks":
        # Without detector failures: the paper's model cannot repair them, and they would dominate the loss.
        keys = jax.random.split(jax.random.key(options.seed), options.videos)
        made = jax.vmap(lambda key: tracks.sample(key, options.frames, faults=False))(keys)
        return stabilizer.as_videos(made.observed, made.truth)
    return protocol.batch(protocol.make_split(options.seed, source=options.data, frames=options.frames).train)


def _summary(fits: dict[str, stabilizer.Fit]) -> dict:
    """Histories, the best method, when each reached the best of each other, and whether fits of shared scales agree."""
    lowest = {name: fit.history.loss[-1] for name, fit in fits.items()}
    winner = min(lowest, key=lowest.__getitem__)
    near = lowest[winner] * (1 + EQUAL)
    shared_methods = (compare_fits.SHARED, compare_fits.SHARED_STARTS, compare_fits.SHARED_LBFGS)
    shared = [lowest[name] for name in shared_methods if name in lowest]
    return {
        "winner": winner,
        "best": lowest,
        "seconds_to_within_1_percent_of_the_lowest": {n: _reached(f.history, near) for n, f in fits.items()},
        "seconds_to_the_best_of": {
            other: {name: _reached(fit.history, lowest[other]) for name, fit in fits.items()} for other in fits
        },
        "shared_scale_optima": shared,
        "shared_scale_optima_agree": bool(shared) and max(shared) <= min(shared) * (1 + EQUAL),
        "histories": {n: f.history._asdict() | {"compile_seconds": f.compile_seconds} for n, f in fits.items()},
    }


def _reached(history: stabilizer.History, loss: float) -> float | None:
    """Seconds until the loss was this low; None if it never was."""
    return _first(history.seconds, np.asarray(history.loss) <= loss * (1 + 1e-6))


def _first(values: Sequence[float], when: np.ndarray) -> float | None:
    return round(values[int(when.argmax())], 3) if when.any() else None


if __name__ == "__main__":
    main(tyro.cli(Options))
