"""Training of the hourglass network.

`init_state` makes a state, `make_update` one compiled update, `train_loop` (or `train_steps`, which yields every
update) runs it over batches of `data.loader`. `run.run` does all that in a folder, with checkpoints.

Files: `recipe` (loss, optimizer, schedule), `initial_net` (start from a trained net), `state`, `update`, `loop`, `run`
(a run in a folder), and `flops_and_memory` (counts what a network and an update take, without training).

A batch is prepared on the device with the random key of its step, so a run that resumes at a step repeats exactly what
an uninterrupted run would do.
"""

from fhr_jax.lazy import submodules
from fhr_jax.train.flops_and_memory import (
    FlopsAndMemory,
    compiled_flops_and_memory,
    network_flops,
    update_flops_and_memory,
)
from fhr_jax.train.initial_net import init_from, load_initial
from fhr_jax.train.loop import NonFiniteLoss, StepOutput, train_loop, train_steps
from fhr_jax.train.recipe import (
    FINETUNE,
    MODERN,
    PAPER,
    QUICK,
    RECIPES,
    Recipe,
    finetune_steps,
    make_optimizer,
    make_schedule,
    paper_optimizer,
    quick_optimizer,
)
from fhr_jax.train.state import Batch, Metrics, TrainState, Update, init_state, trained_net
from fhr_jax.train.update import LOSSES, make_update, targets

__all__ = [
    "FINETUNE",
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
    "compiled_flops_and_memory",
    "finetune_steps",
    "init_from",
    "init_state",
    "load_initial",
    "make_optimizer",
    "make_schedule",
    "make_update",
    "network_flops",
    "paper_optimizer",
    "quick_optimizer",
    "targets",
    "train_loop",
    "train_steps",
    "trained_net",
    "update_flops_and_memory",
]

__getattr__, __dir__ = submodules(__name__)
