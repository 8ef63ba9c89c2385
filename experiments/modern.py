"""Train the paper's network with a modern recipe; `recipe_ablation.py` measures the effect of each change.

    python experiments/modern.py --out runs/modern --data face300w --directory datasets --split train --validate-on full
    python experiments/modern.py --out runs/modern                # on synthetic faces

Paper:    its network (`paper.py`); loss, optimizer and schedule are ours: cross-entropy of the spatial softmax, AdamW
          with a warm-up and a cosine, batches of 64, averaged parameters, bfloat16 with float32 parameters and loss.
          Crops are moved, mirrored and degraded as `fhr-jax train` does.
Cost:     a GPU; `fhr-jax train --preset paper --recipe modern --dry-run` counts it. We have not run it to the end.

An interrupted run resumes when you repeat the command; the folder is like that of `fhr-jax train`. `fhr-jax train
--preset paper --recipe modern` does the same; here every setting is in this file.
"""

from pathlib import Path

import jax
import paper
import tyro

from fhr_jax.data import examples, loader
from fhr_jax.errors import InputError
from fhr_jax.hourglass import Config
from fhr_jax.train import Recipe

CONFIG = paper.CONFIG
RECIPE = Recipe(
    loss="cross_entropy",
    optimizer="adamw",
    learning_rate=2e-3,
    schedule="cosine",
    warmup=100,
    weight_decay=1e-2,
    clip=10.0,
    ema_decay=0.999,
    batch=64,
    dtype="bfloat16",
)


def data(options: paper.Options, config: Config) -> paper.Data:
    """Photographs or synthetic faces, moved, mirrored and degraded."""
    if options.data is None:
        key = jax.random.key(options.seed)
        faces = examples.synthetic_batch(key, range(64), config.crop)
        return paper.Data(loader.Indices(64, 2**31 - 1), examples.synthetic_examples(key, config.crop), faces)
    source, validate = paper.photographs(options, config)
    return paper.Data(
        source, examples.photograph_examples(config.crop), examples.photograph_batch(validate, config.crop)
    )


def main(options: paper.Options, config: Config = CONFIG) -> Path:
    """Train, and return the file of the net."""
    return paper.train(options, config, RECIPE, data(options, config))


if __name__ == "__main__":
    try:
        print(main(tyro.cli(paper.Options)))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
