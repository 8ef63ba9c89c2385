"""What experiments on fitted stabilizers share: their options, their videos, and the two models that they compare."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from fhr_jax import stabilizer
from fhr_jax.benchmark import protocol
from fhr_jax.files import output_folder
from fhr_jax.stabilizer import Params, Videos
from fhr_jax.stabilizer.fit.gradient import ANNEALING
from fhr_jax.stabilizer.fit.loop import Options
from fhr_jax.stabilizer.fit.recommended import RATE

PAPER, RECOMMENDED = "paper's model", "recommended"

FILES = {PAPER: "paper_{}.npz", RECOMMENDED: "recommended_{}.npz"}
"""Where fits are kept, by seed."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """Options of an experiment on fitted stabilizers."""

    out: Path
    """Folder for summary.json and the pictures."""
    source: str = "tracks"
    """tracks (synthetic), 300vw (needs FHR_JAX_DATA), or a folder of tracks."""
    seeds: tuple[int, ...] = protocol.SEEDS
    """Of the split and the noise."""
    frames: int = protocol.FRAMES
    """Longest video."""
    steps: int = 150
    """Of each fit: L-BFGS for the paper's model, Adam for the recommended one; a third of them to go on from a fit."""
    fits: Path | None = None
    """Folder of fits on the same source, such as --out of stabilizer_ablation.py: those found there are read and not
    made again, others are kept there. Nothing checks that they are of the same frames."""

    def videos(self, seed: int) -> tuple[Videos, Videos]:
        """Those to fit, and those to judge by."""
        split = protocol.make(seed, source=self.source, frames=self.frames)
        return protocol.batch(split.train), protocol.batch(split.test)

    def config(self) -> dict[str, Any]:
        """The options as a summary holds them."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def fit_models(study: BenchmarkOptions, seed: int, videos: Videos) -> dict[str, Params]:
    """Both models, fitted at the paper's lambdas."""
    return {
        name: kept(study.fits, name, seed, lambda name=name: fit_model(name, videos, steps=study.steps).params)
        for name in FILES
    }


def kept(folder: Path | None, name: str, seed: int, fit: Callable[[], Params]) -> Params:
    """The parameters of this name from the folder, or fitted and left there; without a folder, fitted."""
    if folder is None or name not in FILES:
        return fit()
    path = output_folder(folder) / FILES[name].format(seed)
    if not path.exists():
        stabilizer.save(path, fit())
    return stabilizer.load(path)


def fit_model(
    name: str, videos: Videos, *, start: Params | None = None, steps: int, **weights: Unpack[Options]
) -> stabilizer.Fit:
    """One of the two, from its own start, or on from `start`, which was fitted with other weights of the loss."""
    if name == PAPER:
        temperatures = ANNEALING if start is None else (1.0,)
        start = stabilizer.paper_init(videos) if start is None else start
        return stabilizer.fit_gradient(videos, start=start, temperatures=temperatures, steps=steps, **weights)
    rate = RATE if start is None else RATE / 2
    return stabilizer.fit_recommended(videos, start=start, steps=steps, rate=rate, **weights)
