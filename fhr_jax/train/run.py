"""A training run in a folder: resumed where it stopped, measured, saved, stopped without loss.

The folder gets config.json, metrics.jsonl, `checkpoints` (the latest two), `best` (the best so far, and best.npz),
and at the end net.npz. What a run has learned depends on its `Plan` alone, not on how often it was stopped.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from fhr_jax import calibrate, checkpoint, evaluate, log, npz, weights
from fhr_jax.data import loader
from fhr_jax.data.examples import Examples, Prepare
from fhr_jax.errors import InputError
from fhr_jax.hourglass import Config
from fhr_jax.sharding import placed, spread_sharding
from fhr_jax.train.loop import NonFiniteLoss, StepOutput, train_steps
from fhr_jax.train.recipe import Recipe, optimizer
from fhr_jax.train.state import TrainState, Update, init, net
from fhr_jax.train.update import make_update
from fhr_jax.weights import Net

LOG_EVERY = 50
"""Updates between lines of metrics.jsonl."""
AGREE_EVERY = 10
"""Updates between the questions of several processes whether one of them is to stop."""


class TrainPlan(NamedTuple):
    """What a run does.

    Attributes:
        config: of the network.
        recipe: of the training.
        steps: updates in all.
        source: the examples; see `loader.batches`.
        prepare: makes crops and landmarks of them, on the device.
        held_out: examples to validate with.
        seed: of the network, the order of the examples, and their augmentation.
        rounded: train on conventional heatmaps.
        validate_every: updates between validations.
        save_every: updates between checkpoints.
        workers: processes that read examples.
        mesh: devices that share each batch.
        others: makes examples to calibrate the trained net on; None: those held out.
    """

    config: Config
    recipe: Recipe
    steps: int
    source: loader.IndexedSource
    prepare: Prepare
    held_out: Examples
    seed: int = 0
    rounded: bool = False
    validate_every: int = 250
    save_every: int = 250
    workers: int = 0
    mesh: Mesh | None = None
    others: Callable[[], Iterable[Examples]] | None = None


class Progress(NamedTuple):
    """How far a run is: its step, those that an earlier process made, images a second, and NRMSE in percent.

    Images a second are those since this process's first update, which is compiled, without validation.
    """

    step: int
    first: int
    images_per_second: float | None
    nrmse: float | None


class TrainingStopped(Exception):
    """A run was asked to stop; it is saved and goes on from `step`."""

    def __init__(self, step: int):
        super().__init__(f"stopped and saved at step {step}")
        self.step = step


def start(plan: TrainPlan) -> tuple[Update, TrainState]:
    """The update of a plan and the state that it begins with."""
    network_key, step_key = jax.random.split(jax.random.key(plan.seed))
    method = optimizer(plan.recipe, plan.steps)
    update = make_update(
        plan.config,
        method,
        plan.prepare,
        step_key,
        loss=plan.recipe.loss,
        rounded=plan.rounded,
        average=plan.recipe.average,
        dtype=jnp.dtype(plan.recipe.dtype),
        mesh=plan.mesh,
    )
    return update, init(network_key, plan.config, method, average=plan.recipe.average > 0, mesh=plan.mesh)


def run(
    folder: Path,
    plan: TrainPlan,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    writer: log.Writer | None = None,
) -> Net:
    """Train, or go on training, in a folder that exists.

    Args:
        folder: of the run; with several processes, one that all of them see.
        plan: the same for every process and every resumption.
        report: called after every update.
        stop: asked after every update; where it says yes, the run is saved and ends.
        writer: gets each line of metrics too, for TensorBoard.

    Returns:
        The net, calibrated, which is in net.npz too.

    Raises:
        Stopped: `stop` said so.
        InputError: the folder holds another run, or its loss or gradient became infinite or NaN.
        OSError: the disk is full; the last checkpoint is whole.
    """
    batches = loader.batches(
        plan.source,
        batch=plan.recipe.batch,
        seed=plan.seed,
        workers=plan.workers,
        sharding=None if plan.mesh is None else spread_sharding(plan.mesh),
    )
    update, state = start(plan)
    with (
        checkpoint.disk_trouble_told(folder),
        closing(batches),
        checkpoint.manager(folder / "checkpoints") as latest,
        checkpoint.manager(folder / "best", keep=1) as best,
    ):
        if latest.latest_step() is not None:
            state = checkpoint.restore(latest, state, batches, like=placed(state, plan.mesh))
        keeper = _Keeper(folder, plan, latest, best, batches, int(state.step), report, stop, writer)
        try:
            for made in train_steps(update, state, batches, steps=plan.steps):
                keeper(made)
                state = made.state
        except NonFiniteLoss as error:
            raise InputError(_keep_bad_batch(folder, plan, error, latest)) from error
        latest.wait_until_finished()
        best.wait_until_finished()
    others = [plan.held_out] if plan.others is None else plan.others()
    trained = calibrate.with_calibration(net(state, plan.config, loss=plan.recipe.loss), others)
    if jax.process_index() == 0:
        weights.save(folder / "net.npz", trained)
    return trained


class _Keeper:
    """What is done after every update; the device goes on meanwhile, unless the state is to be looked at."""

    def __init__(
        self,
        folder: Path,
        plan: TrainPlan,
        latest: ocp.CheckpointManager,
        best: ocp.CheckpointManager,
        batches: checkpoint.Resumable,
        first: int,
        report: Callable[[Progress], None],
        stop: Callable[[], bool],
        writer: log.Writer | None,
    ):
        self._folder, self._plan, self._latest, self._best, self._batches = folder, plan, latest, best, batches
        self._report, self._stop, self._writer = report, stop, writer
        self._first, self._began, self._nrmse = first, time.monotonic(), None
        self._compiled, self._paused = self._began, 0.0
        self._main = jax.process_index() == 0
        if self._main:
            # Lines of updates that a kill threw away come again.
            log.cut_metrics(folder, first)
        # Other processes may read before those lines are cut.
        lines = [line for line in log.read_metrics(folder) if line["step"] <= first]
        earlier = [line["nrmse"] for line in lines if "nrmse" in line]
        self._lowest = float(min(earlier, default=np.inf))

    def __call__(self, made: StepOutput) -> None:
        plan, step, state, metrics = self._plan, made.step, made.state, made.metrics
        first, last = step == self._first + 1, step == plan.steps
        stopping = not last and self._all_stop(step)
        logged, validated, saved = (
            step % every == 0 or last for every in (LOG_EVERY, plan.validate_every, plan.save_every)
        )
        saved |= stopping
        checked = first or logged or validated or saved
        if checked:
            made.check()
        done = step if checked else step - 1  # the one before was checked when this one had begun
        if first:
            self._compiled = time.monotonic()
        line: dict[str, float | int] = {}
        if logged:
            line = {"loss": float(metrics.loss), "gradient_norm": float(metrics.gradient_norm)}
            line["seconds"] = round(time.monotonic() - self._began, 3)
            if (speed := self._speed(done)) is not None:
                line["images_per_second"] = round(speed, 2)
        if validated:
            line["nrmse"] = self._validate(state)
        if line and self._main:
            log.append_metrics(self._folder, {"step": step} | line)
            if self._writer is not None:
                self._writer(step, line)
        if saved:
            checkpoint.save(self._latest, step, state, self._batches)
        self._report(Progress(step, self._first, self._speed(done), self._nrmse))
        if stopping:
            self._latest.wait_until_finished()
            raise TrainingStopped(step)

    def _speed(self, done: int) -> float | None:
        updates = done - self._first - 1
        seconds = time.monotonic() - self._compiled - self._paused
        return updates * self._plan.recipe.batch / max(seconds, 1e-9) if updates > 0 else None

    def _validate(self, state: TrainState) -> float:
        began = time.monotonic()
        try:
            return self._validated(state)
        finally:
            self._paused += time.monotonic() - began

    def _validated(self, state: TrainState) -> float:
        trained = net(state, self._plan.config, loss=self._plan.recipe.loss)
        error = evaluate.validate(trained, self._plan.held_out, conventional=self._plan.rounded)
        if jax.process_count() > 1:  # one opinion, or they would part ways
            told = multihost_utils.broadcast_one_to_all(np.array([error, self._lowest], np.float32))
            error, self._lowest = (float(value) for value in told)
        if error < self._lowest:
            self._lowest = error
            step = int(state.step)
            if step not in self._best.all_steps():  # else a kill came before the checkpoint of this step
                checkpoint.save(self._best, step, state, self._batches)
                self._best.wait_until_finished()
            if self._main:
                weights.save(self._folder / "best.npz", trained)
        self._nrmse = error
        return error

    def _all_stop(self, step: int) -> bool:
        if jax.process_count() == 1:
            return self._stop()
        if step % AGREE_EVERY:
            return False
        return bool(multihost_utils.process_allgather(np.array(self._stop())).any())


def _keep_bad_batch(folder: Path, plan: TrainPlan, error: NonFiniteLoss, latest: ocp.CheckpointManager) -> str:
    """Write what the update saw; returns what to tell."""
    kept = latest.latest_step()
    batch = multihost_utils.process_allgather(error.batch, tiled=True) if jax.process_count() > 1 else error.batch
    path = folder / f"failed_{error.step:08d}.npz"
    if jax.process_index() == 0:
        _, step_key = jax.random.split(jax.random.key(plan.seed))
        seen = plan.prepare(jax.random.fold_in(step_key, int(error.state.step)), batch)
        arrays = {f"batch_{k}": np.asarray(v) for k, v in batch.items()} if isinstance(batch, dict) else {}
        npz.write(path, arrays | {"images": np.asarray(seen[0]), "points": np.asarray(seen[1])})
    return (
        f"{folder}: {error.what} at step {error.step}; the last checkpoint is that of step {kept or 0}, the batch is "
        f"in {path.name}; look at it, or lower --learning-rate, which may change when a run goes on"
    )
