"""The two models that experiments compare, the paper's and the recommended one, fitted on the same videos or read."""

import os
from pathlib import Path

import jax

from fhr_jax.files import output_folder
from fhr_jax.stabilizer import Params, Videos, fit_recommended, load, save
from fhr_jax.stabilizer.hybrid import fit_hybrid

PAPER, RECOMMENDED = "paper's model", "recommended"

FILES = {PAPER: "paper_{}.npz", RECOMMENDED: "recommended_{}.npz"}
"""Where `fit_models` keeps what it fitted, by seed."""


def fit_models(
    seed: int,
    videos: Videos,
    *,
    evaluations: int = 300,
    steps: int = 200,
    folder: str | os.PathLike[str] | None = None,
) -> dict[str, Params]:
    """Both models, fitted at the paper's lambdas.

    Args:
        seed: of the network's first weights, and of the file names.
        videos: to fit on, pixels of the 256 crop.
        evaluations: of the simplex, for the paper's model.
        steps: of Adam for the recommended model; L-BFGS for the paper's gets a third of them.
        folder: fits found here are read and not made again, others are kept here. One folder for one set of videos
            a seed: nothing checks that they are the same.
    """
    keep = None if folder is None else output_folder(folder)
    models = {}
    for name, file in FILES.items():
        path = Path() if keep is None else keep / file.format(seed)
        if keep is not None and path.exists():
            models[name] = load(path)
            continue
        if name == PAPER:
            models[name] = fit_hybrid(videos, evaluations=evaluations, steps=max(steps // 3, 1)).params
        else:
            models[name] = fit_recommended(jax.random.key(seed), videos, steps=steps).params
        if keep is not None:
            save(path, models[name])
    return models
