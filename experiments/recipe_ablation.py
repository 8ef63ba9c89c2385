"""From the paper's recipe to a modern one, one change at a time, with the same number of training images.

    python experiments/recipe_ablation.py --out runs/recipes --data DIR

Each row keeps the changes of the rows above it. The error (NRMSE in percent) is measured on held-out synthetic faces,
and on photographs if you give a folder of them. Nets are saved, and an interrupted experiment resumes when you repeat
the command.

Paper:    its recipe is the first row; the others are ours.
Cost:     ten minutes of one x86 core per net of the preset `small`.
Figures:  --preset small, 9600 images, seed 0, jax 0.10.2; held-out synthetic faces, nine photographs (mean, median):

              the paper's              29.4    46.2   45.8
              + cross-entropy           5.1     9.0    8.1
              + batch of 16             6.1     9.7    7.6
              + Adam at 2e-3            4.0     7.1    5.4
              + warm-up and cosine      4.2     7.1    5.8
              + clipped gradients       4.1     6.4    5.2
              + averaged parameters     4.1     6.4    5.1
              + decay of weights        4.2     6.7    5.8
              + bfloat16                4.1     8.7    5.9   (one of the nine is lost)

          The loss matters most, then Adam with a larger step. The other changes move the error on synthetic faces by
          0.2 at most; on nine photographs with one seed we cannot tell whether their differences are noise.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import evaluate, log, plots, weights
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import examples, loader
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder
from fhr_jax.hourglass import PRESETS
from fhr_jax.train import PAPER, Recipe
from fhr_jax.train.run import TrainPlan, run

CHANGES: dict[str, dict[str, Any]] = {
    "the paper's": {},
    "+ cross-entropy": {"loss": "cross_entropy"},
    "+ batch of 16": {"batch": 16},
    "+ Adam at 2e-3": {"optimizer": "adam", "learning_rate": 2e-3},
    "+ warm-up and cosine": {"schedule": "cosine"},
    "+ clipped gradients": {"clip": 10.0},
    "+ averaged parameters": {"ema_decay": 0.998},
    "+ decay of weights": {"optimizer": "adamw", "weight_decay": 1e-2},
    "+ bfloat16": {"dtype": "bfloat16"},
}


@dataclass(frozen=True)
class Options:
    """Train nets with recipes between the paper's and a modern one."""

    out: Path
    """Folder for nets, summary.json and the plot."""
    data: Annotated[Path | None, optional("DIR")] = None
    """A folder of photographs with .pts files to measure on too; default: none."""
    preset: str = "small"
    """Size of the net."""
    images: int = 9600
    """Number of synthetic faces that each net is trained on."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the nets and the faces."""
    rows: tuple[str, ...] = tuple(CHANGES)
    """The rows to train, so that several processes can share the work."""


def recipes() -> dict[str, Recipe]:
    """The recipe of each row, with the changes of the rows above it."""
    recipe, made = PAPER, {}
    for name, change in CHANGES.items():
        recipe = recipe._replace(**change)
        made[name] = recipe
    return made


def train_net(options: Options, name: str, seed: int, held_out: examples.Examples) -> Path:
    """Train one net if it does not exist yet; return its folder."""
    config, recipe = PRESETS[options.preset], recipes()[name]
    folder = options.out / f"{list(CHANGES).index(name)}_seed{seed}"
    steps = max(1, options.images // recipe.batch)
    plan = TrainPlan(
        config=config,
        recipe=recipe,
        steps=steps,
        source=loader.Indices(held_out.images.shape[0], 2**31 - 1),
        prepare=examples.synthetic_examples(jax.random.key(seed), config.crop),
        validation=held_out,
        seed=seed,
        validate_every=max(1, steps // 8),
        save_every=max(1, steps // 8),
    )
    if not (folder / "net.npz").exists():
        with folder_lock(output_folder(folder)), tqdm(total=steps, desc=f"{name}, seed {seed}") as bar:
            run(folder, plan, progress=lambda report: bar.update(report.done - bar.n))
    return folder


def measure(folder: Path, photographs: Path | None, held_out: examples.Examples) -> dict[str, float]:
    """Errors of a net, and its images per second of training as last logged."""
    net = weights.load(folder / "net.npz")
    row = {"synthetic": evaluate.validate(net, held_out)}
    row["images_per_second"] = float(log.read_metrics(folder)[-1].get("images_per_second", 0.0))
    if photographs is not None:
        errors = evaluate.errors(evaluate.predict_records(net, open_dataset(photographs)))
        row |= {"photographs": float(errors.mean()), "photographs_median": float(np.median(errors))}
    return row


def main(options: Options) -> dict[str, Any]:
    """Train missing nets, measure all, print the table, write summary.json and the plot."""
    for name in options.rows:
        if name not in CHANGES:
            raise InputError(f"--rows: {name!r}, expected some of {', '.join(CHANGES)}")
    output_folder(options.out)
    fixed = {"preset": options.preset, "images": options.images}
    log.same_run(options.out, fixed)
    log.write_config(options.out, fixed)
    config = PRESETS[options.preset]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in options.rows}
    for seed in options.seeds:
        held_out = examples.synthetic_batch(jax.random.key(seed), range(64), config.crop)
        for name in options.rows:
            folder = train_net(options, name, seed, held_out)
            results[name].append(measure(folder, options.data, held_out))
    columns = list(next(iter(results.values()))[0])
    print(f"{'':24} " + "  ".join(f"{column:>18}" for column in columns))
    for name, rows in results.items():
        values = [
            f"{np.mean([row[c] for row in rows]):11.2f} ({np.std([row[c] for row in rows]):4.2f})" for c in columns
        ]
        print(f"{name:24} " + "  ".join(values))
    summary = {"images": options.images, "seeds": list(options.seeds), "jax": jax.__version__, "results": results}
    write_summary(options.out, summary)
    column = "photographs" if options.data else "synthetic"
    figure = plots.bars(
        {name: _mean_and_sd(results, name, column) for name in results},
        label="NRMSE, % of the inter-ocular distance",
    )
    plots.save(options.out / "recipes.png", figure)
    return summary


def _mean_and_sd(results: dict[str, list[dict[str, float]]], name: str, column: str) -> tuple[float, float]:
    values = [row[column] for row in results[name]]
    return float(np.mean(values)), float(np.std(values))


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
