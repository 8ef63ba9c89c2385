"""Fit the stabilizer by gradient and by Nelder-Mead as in the paper, and compare.

All methods have the same videos, the paper's initial parameters, the same compiled loss and the same clock; compiling
does not count. The model is the paper's, for one point (D = 2), the 7-point markup (D = 14) and 68 points (D = 136).

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), which fits by
          Nelder-Mead (Lagarias et al. 1998) in 12 hours on a laptop.
Command:  python experiments/gradient_vs_simplex.py --out runs/gradient_vs_simplex --seconds 20 --processor-time
Cost:     eleven minutes of processor time: per method up to the given seconds, and 1 to 13 s of compiling.
Figures:  docs/results.md, "Gradient against Nelder-Mead". Our simplex makes SciPy's moves one by one
          (`tests/stabilizer/fit/test_nelder_mead.py`); with SciPy's own edges, which are small, it fails where there
          are many parameters. Without annealing Adam stays on a plateau for 68 points, and whether L-BFGS crosses it
          depends on rounding errors. Not measured: a GPU, and the recommended model, which has too many parameters
          for a simplex.
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
