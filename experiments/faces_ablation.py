"""Ablation of the synthetic faces: error on photographs of nets trained without one ingredient each.

    python experiments/faces_ablation.py --data DIR --out runs/ablation --steps 600 --seeds 0
    python experiments/faces_ablation.py --data DIR --out runs/recipe --variants full --steps 4000 --seeds 0 1 2

A `small` net is trained on synthetic faces only, with all ingredients and without one at a time. It is evaluated with
mirror averaging on photographs with 68 manual landmarks, cropped by the box of these (`geometry.CROP_SCALE`). Figures
are NRMSE in percent of the distance between the outer eye corners. The recipe was chosen on the photographs of
`--chosen-on`; the others are reported separately. Nets are stored, and an interrupted run resumes.

Cost:     six minutes of one core a net of 400 steps.
Figures:  two x86 cores, jax 0.10.2, `--steps 400 --seeds 0`: 6,400 faces a net, nine photographs; mean of all, medians
          of the five chosen on and of the other four, and mean by region.

    without          mean  chosen on  others      jaw   brows    nose    eyes   mouth
    (nothing)        9.12       8.25    6.45    11.48   11.12    9.63    8.87    6.02
    degradation     12.24      10.68    6.25    11.71   10.53   14.04    8.59   14.93
    background       8.57       7.19    6.27    10.59   10.73    8.87    7.60    6.22
    hair             8.80       7.98    6.24     9.77   11.16    8.74    9.80    6.23
    glasses          8.59       8.93    6.65    11.67    9.85    8.44    7.57    6.02
    occluder         8.50       7.97    6.89    10.74    9.49    8.12    7.75    6.73
    expression       9.31       8.90    6.78    10.79   11.26   10.55    9.46    6.43

          Degradation is worth three points. The worth of the others cannot be seen here: after so few faces a net
          learns faster from simpler ones, and seeds differ by about as much (0.3 of the mean, after eight times as
          many steps).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import augment, evaluate, log, train, weights
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data import examples, faces, loader
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.hourglass import PRESETS

FULL, DEGRADATION = "full", "degradation"
VARIANTS = (FULL, DEGRADATION, *faces.ABLATIONS)
REGIONS = {"jaw": (0, 17), "brows": (17, 27), "nose": (27, 36), "eyes": (36, 48), "mouth": (48, 68)}


@dataclass(frozen=True)
class Options:
    """Train nets on synthetic faces without one ingredient each, and run them on photographs."""

    out: Path
    """Folder for nets, summary.json and the table."""
    data: Path
    """Folder of photographs with .pts files."""
    variants: tuple[str, ...] = VARIANTS
    """Ingredients to remove; `full` removes none."""
    chosen_on: tuple[str, ...] = ("18489332_4", "2086996835_5", "237815567_3", "2406586388_3", "2863107962_3")
    """Names of the photographs that recipes were chosen on."""
    preset: str = "small"
    """Size of the net."""
    steps: int = 600
    """Updates of 16 faces."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of net and faces."""


def make_prepare(key: jax.Array, size: int) -> examples.Prepare:
    """Batches {"index": (B,), "variant": ()} to examples: one compiled program for all variants."""
    changes = [lambda face: face, lambda face: face, *faces.ABLATIONS.values()]

    def prepare(step_key: jax.Array, batch: Any) -> examples.Examples:
        variant = batch["variant"]
        off = variant == VARIANTS.index(DEGRADATION)
        options = jax.tree.map(lambda on, none: jnp.where(off, none, on), examples.SYNTHETIC, augment.OFF)

        def change(face: faces.SyntheticFace) -> faces.SyntheticFace:
            return jax.lax.switch(variant, changes, face)

        return examples.synthetic_examples(key, size, change=change, options=options)(step_key, batch)

    return prepare


def learn(options: Options, seed: int, variants: list[str]) -> None:
    """Train the nets of one seed that are not there yet."""
    config = PRESETS[options.preset]
    network_key, data_key, step_key = jax.random.split(jax.random.key(seed), 3)
    optimizer = train.quick_optimizer(options.steps)
    update = train.make_update(step_key, config, optimizer, make_prepare(data_key, config.crop))
    for variant in variants:
        path = net_path(options, variant, seed)
        if path.exists():
            continue
        number = jnp.asarray(VARIANTS.index(variant))
        batches = loader.batches(loader.Indices(64, 2**31 - 1), batch=16, seed=seed)
        numbered = ({**batch, "variant": number} for batch in batches)
        with tqdm(total=options.steps, desc=f"{variant}, seed {seed}") as bar:
            state = train.train_loop(
                update,
                train.init_state(network_key, config, optimizer),
                numbered,
                steps=options.steps,
                progress=lambda _, bar=bar: bar.update(),
            )
        weights.save(path, train.trained_net(state, config, loss="cross_entropy"))


def net_path(options: Options, variant: str, seed: int) -> Path:
    """Where a net is kept."""
    return options.out / f"{variant}_{seed}.npz"


def measure(options: Options, path: Path) -> dict[str, Any]:
    """NRMSE of a net on every photograph, and by region."""
    net, images, regions = weights.load(path), {}, {name: [] for name in REGIONS}
    results = evaluate.predict_records(net, open_dataset(options.data))
    for identity, found, truth in zip(results.identities, results.predictions, results.truth, strict=True):
        error = 100 * np.linalg.norm(found - truth, axis=1) / np.linalg.norm(truth[36] - truth[45])
        images[Path(identity.file).stem] = float(error.mean())
        for name, (start, end) in REGIONS.items():
            regions[name].append(error[start:end].mean())
    chosen = [error for name, error in images.items() if name in options.chosen_on]
    others = [error for name, error in images.items() if name not in options.chosen_on]
    return {
        "images": images,
        "mean": float(np.mean(list(images.values()))),
        "median_chosen_on": float(np.median(chosen)) if chosen else None,
        "median_others": float(np.median(others)) if others else None,
        "regions": {name: float(np.mean(values)) for name, values in regions.items()},
    }


def main(options: Options) -> dict[str, Any]:
    """Train what is missing, measure everything, print the table and write summary.json."""
    for variant in options.variants:
        if variant not in VARIANTS:
            raise InputError(f"--variants: {variant!r}, expected some of {', '.join(VARIANTS)}")
    open_dataset(options.data)
    output_folder(options.out)
    fixed = {"preset": options.preset, "steps": options.steps}
    log.same_run(options.out, fixed)
    log.write_config(options.out, fixed)
    results: dict[str, list[dict[str, Any]]] = {variant: [] for variant in options.variants}
    for seed in options.seeds:
        learn(options, seed, list(options.variants))
        for variant in options.variants:
            results[variant].append(measure(options, net_path(options, variant, seed)))
    print(f"{'without':14} {'mean':>6} {'chosen on':>10} {'others':>7}   " + "  ".join(f"{r:>6}" for r in REGIONS))
    for variant, rows in results.items():
        figures = [
            [row["mean"], row["median_chosen_on"], row["median_others"], *row["regions"].values()] for row in rows
        ]
        means = np.array(figures, float).mean(axis=0)
        name = "(nothing)" if variant == FULL else variant
        print(
            f"{name:14} {means[0]:6.2f} {means[1]:10.2f} {means[2]:7.2f}   " + "  ".join(f"{v:6.2f}" for v in means[3:])
        )
    summary = {"steps": options.steps, "seeds": list(options.seeds), "jax": jax.__version__, "results": results}
    write_summary(options.out, summary)
    return summary


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
