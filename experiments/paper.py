"""Train the network as the paper's authors did, with every setting in this file.

    python experiments/paper.py --out runs/paper --data face300w --directory datasets --split train --validate-on full
    python experiments/paper.py --out runs/paper                  # on synthetic faces, without 300W

Paper:    section "Implementation details" and the authors' published settings: four hourglasses of 128 features on
          256 x 256 crops, sigma 3 on 128 x 128 maps, sum of squared errors after every stack, RMSprop, batches of 6.
Cost:     a GPU; `--dry-run` of `fhr-jax train --preset paper --recipe paper` counts it.
Expected: on 300W's private set, trained on its 3148 faces: NRMSE 3.80 %, AUC 55.9 %, failures 1.33 %. We have not run
          it to the end: it needs the user's own copy of 300W, which cannot be redistributed, and a GPU.

An interrupted run resumes when you repeat the command; the folder is like that of `fhr-jax train`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import tyro
from tqdm import tqdm

from fhr_jax import augment, log
from fhr_jax.cli.options import optional
from fhr_jax.data import crops, examples, loader
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Records
from fhr_jax.data.sources import holdout
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder
from fhr_jax.hourglass import Config
from fhr_jax.progress import Progress
from fhr_jax.sharding import device_mesh
from fhr_jax.train import Recipe
from fhr_jax.train.run import TrainPlan, run

CONFIG = Config(crop=256, heatmap=128, stacks=4, features=128, units=2, sigma=3.0, depth=4, landmarks=68)
RECIPE = Recipe(loss="squared", optimizer="rmsprop", learning_rate=2.5e-4, schedule="constant", clip=None, batch=6)
MOVES: dict[str, Any] = {"zoom": 0.12, "turn": 10.0, "turn_chance": 0.4, "shift": 0.0}
"""Scale 2^(0.12 n), 10 n degrees for 40 % of the faces; n normal, clipped to [-2, 2]."""
FLIP_CHANCE = 0.25
"""Share of the photographs that are mirrored; of synthetic faces, half (the default)."""
EPOCH = 3148
"""Number of images in the training set of 300W."""


@dataclass(frozen=True)
class Options:
    """Train the paper's network with the paper's recipe."""

    out: Path
    """Folder of the run; made if it does not exist."""
    data: Annotated[str | None, optional("DATA")] = None
    """A folder of photographs with .pts files, or the name of a dataset; default: synthetic faces."""
    directory: Annotated[Path | None, optional("DIR")] = None
    """With the name of a dataset: the folder of built datasets; default: ./datasets, then the data folder of TFDS."""
    split: Annotated[str | None, optional("SPLIT")] = None
    """The split to train on; needed where the dataset has several."""
    validate_on: Annotated[str | None, optional("SPLIT")] = None
    """The split to validate on; default: 64 faces held out."""
    epochs: int = 100
    """Passes over the data; with synthetic faces, over as many as 300W has."""
    workers: int = 4
    """Number of processes that read photographs."""
    seed: int = 0
    """Seed of the network, the data and their order."""


class Data(NamedTuple):
    """The part of a training plan that depends on the data."""

    source: loader.IndexedSource
    prepare: examples.Prepare
    validation: examples.Examples


def data(options: Options, config: Config) -> Data:
    """Photographs or synthetic faces, with the paper's geometric augmentation and without degradation."""
    if options.data is None:
        key = jax.random.key(options.seed)
        prepare = examples.synthetic_examples(key, config.crop, options=augment.OFF, **MOVES)
        return Data(loader.Indices(64, 2**31 - 1), prepare, examples.synthetic_batch(key, range(64), config.crop))
    source, validate = photographs(options, config)
    prepare = examples.photograph_examples(config.crop, options=augment.OFF, flip_chance=FLIP_CHANCE, **MOVES)
    return Data(source, prepare, examples.photograph_batch(validate, config.crop))


def photographs(options: Options, config: Config) -> tuple[crops.Crops, Records]:
    """The photographs to train on, cropped with a margin, and those to validate on."""
    if options.data is None:
        raise InputError("--data is missing: expected a folder of photographs or the name of a dataset")
    records = open_dataset(options.data, directory=options.directory, split=options.split)
    if options.validate_on is None:
        learn, validate = holdout.split_holdout(records, 64, seed=options.seed, name=options.data)
    else:
        learn = records
        others = open_dataset(options.data, directory=options.directory, split=options.validate_on)
        validate = holdout.random_subset(others, 64, seed=options.seed)
    return crops.Crops(learn, size=round(config.crop * crops.MARGIN), landmarks=config.landmarks), validate


def main(options: Options, config: Config = CONFIG) -> Path:
    """Train, and return the file of the net."""
    return train(options, config, RECIPE, data(options, config))


def train(options: Options, config: Config, recipe: Recipe, faces: Data) -> Path:
    """Train a network with a recipe, or resume; return the file of the net."""
    fixed = {name: value for name, value in asdict(options).items() if name not in ("out", "directory", "workers")}
    log.same_run(output_folder(options.out), fixed)
    log.write_config(options.out, fixed)
    number = EPOCH if options.data is None else len(faces.source)
    mesh = device_mesh(None if recipe.batch % jax.device_count() == 0 else 1, batch=recipe.batch)
    plan = TrainPlan(
        config=config,
        recipe=recipe,
        steps=max(1, options.epochs * number // recipe.batch),
        source=faces.source,
        prepare=faces.prepare,
        validation=faces.validation,
        seed=options.seed,
        workers=options.workers if options.data is not None else 0,
        mesh=mesh if mesh.devices.size > 1 else None,
    )
    with folder_lock(options.out), tqdm(total=plan.steps, unit="step") as bar:

        def show(progress: Progress) -> None:
            bar.update(progress.done - bar.n)
            bar.set_postfix({name: progress.info[name] for name in ("images_per_second", "nrmse")})

        run(options.out, plan, progress=show)
    return options.out / "net.npz"


if __name__ == "__main__":
    try:
        print(main(tyro.cli(Options)))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
