"""How a network is trained, apart from its shape and its data: loss, optimizer, schedule, batch, precision."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax


class Recipe(NamedTuple):
    """What `optimizer` and `make_update` are made from.

    Attributes:
        loss: "cross_entropy" (maps are logits) or "squared" (maps are heatmaps).
        method: Optax's optimizer; adamw is adam with `decay` (both with its usual moments 0.9 and 0.999).
        rate: the highest learning rate.
        schedule: "constant", or "cosine": a warm-up from a twentieth, then a cosine to a hundredth.
        warmup: updates of the warm-up, at most a tenth of all.
        decay: of the weights, but not of biases and normalizations, as a share of the learning rate; adamw alone.
        clip: norm of the gradient above which it is shortened; None never does.
        average: decay of the moving average of parameters that becomes the net; 0 takes the last ones.
        batch: images an update.
        dtype: of the network's computation; parameters, normalization and loss are float32 in any case.
    """

    loss: Literal["cross_entropy", "squared"] = "cross_entropy"
    method: Literal["adam", "adamw", "rmsprop"] = "adam"
    rate: float = 2e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: int = 100
    decay: float = 0.0
    clip: float | None = 10.0
    average: float = 0.0
    batch: int = 16
    dtype: Literal["float32", "bfloat16"] = "float32"


QUICK = Recipe()
"""Learns in minutes."""
MODERN = Recipe(method="adamw", decay=1e-2, average=0.999, batch=64, dtype="bfloat16")
"""For long runs on a GPU or TPU."""
PAPER = Recipe(loss="squared", method="rmsprop", rate=2.5e-4, schedule="constant", clip=None, batch=6)
"""As the paper's authors trained: the reference. Slow to begin: at first most of the error is the empty background."""

RECIPES = {"quick": QUICK, "modern": MODERN, "paper": PAPER}


def optimizer(recipe: Recipe, steps: int) -> optax.GradientTransformation:
    """The Optax optimizer of a recipe for a run of `steps` updates."""
    rate = schedule(recipe, steps)
    match recipe.method:
        case "rmsprop":
            method = optax.rmsprop(rate, decay=0.99, eps=1e-8)
        case "adamw":
            method = optax.adamw(rate, weight_decay=recipe.decay, mask=_is_kernel)
        case _:
            method = optax.adam(rate)
    return method if recipe.clip is None else optax.chain(optax.clip_by_global_norm(recipe.clip), method)


def schedule(recipe: Recipe, steps: int) -> optax.Schedule | float:
    """Learning rate by update."""
    if recipe.schedule == "constant":
        return recipe.rate
    warmup = max(1, min(recipe.warmup, steps // 10))
    peak = recipe.rate
    return optax.warmup_cosine_decay_schedule(peak / 20, peak, warmup, max(steps, warmup + 1), peak / 100)


def paper_optimizer() -> optax.GradientTransformation:
    """RMSprop as the authors ran it: learning rate 2.5e-4, decay 0.99, epsilon 1e-8."""
    return optimizer(PAPER, 1)


def quick_optimizer(steps: int, *, peak: float = QUICK.rate) -> optax.GradientTransformation:
    """Adam with a short warm-up and a cosine to a hundredth over `steps`, gradients clipped at norm 10."""
    return optimizer(QUICK._replace(rate=peak), steps)


def _is_kernel(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) > 1, params)
