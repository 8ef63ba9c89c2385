"""Training of the hourglass: `init`, one jitted `update`, and the loop around them, `fit` or `updates`.

A batch comes from a Grain iterator (`data.loader`); `Prepare` turns it into crops and landmarks on the device,
with the random key of its step, so that a run that resumes at a step repeats exactly what would have been.
Files follow the run: `recipe` (loss, optimizer, schedule), `mesh` (the devices that share a batch), `state`,
`update`, `loop`, and `cost` (what a network and an update cost, without training).
"""

from fhr_jax.train.flops_and_memory import FlopsAndMemory, network_flops_and_memory, update_flops_and_memory
from fhr_jax.train.loop import NonFiniteLoss, StepOutput, fit, train_steps
from fhr_jax.train.recipe import MODERN, PAPER, QUICK, RECIPES, Recipe, optimizer, paper_optimizer, quick_optimizer
from fhr_jax.train.state import Batch, Metrics, TrainState, Update, init, net
from fhr_jax.train.update import LOSSES, make_update, targets

__all__ = [
    "LOSSES",
    "MODERN",
    "PAPER",
    "QUICK",
    "RECIPES",
    "Batch",
    "FlopsAndMemory",
    "Metrics",
    "NonFiniteLoss",
    "Recipe",
    "StepOutput",
    "TrainState",
    "Update",
    "fit",
    "init",
    "make_update",
    "net",
    "network_flops_and_memory",
    "optimizer",
    "paper_optimizer",
    "quick_optimizer",
    "targets",
    "train_steps",
    "update_flops_and_memory",
]
