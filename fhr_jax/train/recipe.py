"""A training recipe: loss, optimizer, learning-rate schedule, batch size and precision.

The shape of the network (`hourglass.Config`) and the data are chosen elsewhere.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax


class Recipe(NamedTuple):
    """The options of `make_optimizer`, `make_update` and `run`.

    Attributes:
        loss: "cross_entropy" (the network's maps are logits) or "squared" (they are heatmaps).
        optimizer: the Optax optimizer; "adamw" is "adam" with `weight_decay` (both with moments 0.9 and 0.999).
        learning_rate: the highest learning rate.
        schedule: "constant", or "cosine": a linear warm-up from 1/20, then a cosine down to 1/100 of `learning_rate`.
        warmup: number of updates of the warm-up; a tenth of all updates if that is less.
        weight_decay: decay of the weights for "adamw"; biases and normalizations do not decay.
        clip: maximal norm of the gradient; None does not clip.
        ema_decay: decay of the exponential moving average of the parameters, which becomes the trained net; 0 takes
            the last parameters instead.
        batch: images per update.
        dtype: of the network's computation; parameters, normalization and loss are always float32.
        keep_best: the trained net is the one of the lowest validation error, the initial net included, not the last.
        patience: the run ends after so many validations in a row without a lower error; None: never early.
    """

    loss: Literal["cross_entropy", "squared"] = "cross_entropy"
    optimizer: Literal["adam", "adamw", "rmsprop"] = "adam"
    learning_rate: float = 2e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: int = 100
    weight_decay: float = 0.0
    clip: float | None = 10.0
    ema_decay: float = 0.0
    batch: int = 16
    dtype: Literal["float32", "bfloat16"] = "float32"
    keep_best: bool = False
    patience: int | None = None


QUICK = Recipe()
"""Learns in minutes."""
MODERN = Recipe(optimizer="adamw", weight_decay=1e-2, ema_decay=0.999, batch=64, dtype="bfloat16")
"""For long runs on a GPU or TPU."""
PAPER = Recipe(loss="squared", optimizer="rmsprop", learning_rate=2.5e-4, schedule="constant", clip=None, batch=6)
"""The recipe of the paper's authors, kept as the reference. It learns slowly at first, because most of its loss comes
from the empty background of the heatmaps."""

FINETUNE = Recipe(learning_rate=1e-3, ema_decay=0.98, keep_best=True, patience=5)
"""For a run that starts from a trained net; `finetune_steps` gives the number of updates."""

RECIPES = {"quick": QUICK, "modern": MODERN, "paper": PAPER, "finetune": FINETUNE}
"""The recipes by the name that `fhr-jax train --recipe` takes."""


def finetune_steps(photographs: int) -> int:
    """Number of updates to fine-tune with so many photographs: 100 and half an update for each, at most 2000."""
    return min(100 + photographs // 2, 2000)


def make_optimizer(recipe: Recipe, steps: int) -> optax.GradientTransformation:
    """Build the Optax optimizer of a recipe for a run of `steps` updates, with clipping and schedule."""
    rate = make_schedule(recipe, steps)
    match recipe.optimizer:
        case "rmsprop":
            optimizer = optax.rmsprop(rate, decay=0.99, eps=1e-8)
        case "adamw":
            optimizer = optax.adamw(rate, weight_decay=recipe.weight_decay, mask=_is_kernel)
        case _:
            optimizer = optax.adam(rate)
    return optimizer if recipe.clip is None else optax.chain(optax.clip_by_global_norm(recipe.clip), optimizer)


def make_schedule(recipe: Recipe, steps: int) -> optax.Schedule | float:
    """Build the learning rate of a run of `steps` updates: a number, or a function of the update's number from 0."""
    peak = recipe.learning_rate
    if recipe.schedule == "constant":
        return peak
    warmup = max(1, min(recipe.warmup, steps // 10))
    return optax.warmup_cosine_decay_schedule(peak / 20, peak, warmup, max(steps, warmup + 1), peak / 100)


def paper_optimizer() -> optax.GradientTransformation:
    """RMSprop with the authors' settings: learning rate 2.5e-4, decay 0.99, epsilon 1e-8."""
    return make_optimizer(PAPER, 1)


def quick_optimizer(steps: int, *, learning_rate: float = QUICK.learning_rate) -> optax.GradientTransformation:
    """Adam with a short warm-up and a cosine down to 1/100 over `steps` updates, gradients clipped at norm 10."""
    return make_optimizer(QUICK._replace(learning_rate=learning_rate), steps)


def _is_kernel(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) > 1, params)
