"""Shared by experiments on fitted stabilizers: options, videos, and the two models that they compare."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from fhr_jax import log, stabilizer
from fhr_jax.benchmark import protocol
from fhr_jax.files import output_folder
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights
from fhr_jax.stabilizer import Params, Videos
from fhr_jax.stabilizer.fit.gradient import ANNEALING
from fhr_jax.stabilizer.fit.recommended import LEARNING_RATE, STEPS

PAPER, RECOMMENDED = "paper's model", "recommended"

FILES = {PAPER: "paper_{}.npz", RECOMMENDED: "recommended_{}.npz"}
"""Files of the fitted parameters, by seed."""

ALL = "all"
"""In an option: look-ahead to the end of the track."""

LOOK_AHEAD: dict[str, int | None] = {"look-ahead 1": 1, "look-ahead 2": 2, "look-ahead 5": 5, "look-ahead all": None}
"""Rows of the smoother with the default parameters, and their frames of look-ahead."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """Options of an experiment on fitted stabilizers."""

    out: Path
    """Folder for summary.json and the pictures."""
    data: str = "tracks"
    """tracks (synthetic), 300vw (needs FHR_JAX_DATA), or a folder of tracks."""
    seeds: tuple[int, ...] = protocol.SEEDS
    """Each draws a split and the noise."""
    frames: int = protocol.FRAMES
    """Frames of a video at most."""
    steps: int = STEPS
    """Steps of each fit, L-BFGS for the paper's model and Adam for the recommended one; a third to continue a fit."""
    fits: Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder of fits on the same data, such as --out of stabilizer_ablation.py. Fits in it are read instead of
    repeated, new ones are saved there; default: OUT/fits. Nothing checks that they were made with the same --frames."""

    def begin(self) -> Path:
        """The folder of the results, in which an earlier run of the same options may have left fits.

        Raises:
            InputError: it holds a run with other options.
        """
        folder = output_folder(self.out)
        fixed = {name: value for name, value in self.config().items() if name not in ("out", "fits", "seeds")}
        log.same_run(folder, fixed)
        log.write_config(folder, fixed)
        return folder

    def fits_folder(self) -> Path:
        """Where the fits of both models are."""
        return self.fits or self.out / "fits"

    def videos(self, seed: int) -> tuple[Videos, Videos]:
        """Training and test videos."""
        split = protocol.make_split(seed, source=self.data, frames=self.frames)
        return protocol.batch(split.train), protocol.batch(split.test)

    def config(self) -> dict[str, Any]:
        """The options, for summary.json."""
        return as_config(self)


def as_config(options: Any) -> dict[str, Any]:
    """The options of an experiment for its summary.json, with paths as text.

    Args:
        options: a dataclass.
    """
    return {name: _as_json(value) for name, value in asdict(options).items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_as_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def fit_models(options: BenchmarkOptions, seed: int, videos: Videos) -> dict[str, Params]:
    """Both models, fitted with the paper's weights of the loss, or read."""
    return {
        name: kept(
            options.fits_folder() / file.format(seed),
            lambda name=name: fit_model(name, videos, steps=options.steps).params,
        )
        for name, file in FILES.items()
    }


def fit_further(
    options: BenchmarkOptions, seed: int, name: str, videos: Videos, *, init_params: Params, weights: LossWeights
) -> Params:
    """Fit one of the two models further with other weights of the loss, by a third of the steps, or read this fit.

    Args:
        options: of the experiment; the fit is kept in its --out.
        seed: of the fit.
        name: `PAPER` or `RECOMMENDED`.
        videos: what to fit.
        init_params: from which to continue.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
    """
    parts = (f"{value:g}" for value in weights)
    path = options.out / "fits" / f"{Path(FILES[name].format(seed)).stem}_weights_{'_'.join(parts)}.npz"
    steps = max(options.steps // 3, 1)
    return kept(path, lambda: fit_model(name, videos, init_params=init_params, steps=steps, weights=weights).params)


def kept(path: Path, fit: Callable[[], Params]) -> Params:
    """Read parameters, or make and save them."""
    if not path.exists():
        output_folder(path.parent)
        stabilizer.save(path, fit())
    return stabilizer.load(path)


def fit_model(
    name: str,
    videos: Videos,
    *,
    init_params: Params | None = None,
    steps: int,
    weights: LossWeights = PAPER_WEIGHTS,
) -> stabilizer.Fit:
    """Fit one of the two models.

    Args:
        name: `PAPER` or `RECOMMENDED`.
        videos: what to fit.
        init_params: parameters fitted with other weights, from which to continue; None is the model's own.
        steps: of L-BFGS or Adam.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
    """
    if name == PAPER:
        annealing = ANNEALING if init_params is None else (1.0,)
        return stabilizer.fit_gradient(
            videos, init_params=init_params, annealing=annealing, steps=steps, weights=weights
        )
    learning_rate = LEARNING_RATE if init_params is None else LEARNING_RATE / 2
    return stabilizer.fit_recommended(
        videos, init_params=init_params, steps=steps, learning_rate=learning_rate, weights=weights
    )
