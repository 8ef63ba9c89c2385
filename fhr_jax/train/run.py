"""A training run in a folder: it can be stopped at any time and resumes exactly.

The folder gets metrics.jsonl, `checkpoints` (the latest two), `best` (the checkpoint of the lowest validation error,
and its net, best.npz), and at the end net.npz. A net that the run starts from is validated too, as step 0. What a run
learns depends on its `TrainPlan` alone, not on how often it was stopped.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

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
from fhr_jax.markup import Markup
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.sharding import everywhere_shapes, spread_sharding
from fhr_jax.train.initial_net import init_from
from fhr_jax.train.loop import NonFiniteLoss, StepOutput, train_steps
from fhr_jax.train.recipe import Recipe, make_optimizer
from fhr_jax.train.state import TrainState, Update, init_state, trained_net
from fhr_jax.train.update import make_update
from fhr_jax.weights import Net

LOG_EVERY = 50
"""Updates between lines of metrics.jsonl."""
SYNC_EVERY = 10
"""With several processes: updates between the moments at which they ask each other whether one has to stop."""


class TrainPlan(NamedTuple):
    """What a run does.

    Attributes:
        config: shape of the network.
        recipe: loss, optimizer, schedule, batch and precision.
        steps: number of updates in all.
        source: the training examples; see `loader.batches`.
        prepare: makes crops and landmarks of a batch, on the device.
        validation: examples to validate with.
        seed: of the network, the order of the examples, and their augmentation.
        rounded: train on conventional heatmaps, whose centres are rounded to whole pixels.
        validate_every: updates between validations.
        save_every: updates between checkpoints.
        workers: processes that read examples; 0 reads in a thread.
        mesh: devices that share each batch; None: one device.
        calibration: makes the examples that the trained net is calibrated on; None: those of `validation`.
        init: the net to start from, with the loss of the recipe. If it has another number of landmarks than `config`,
            its trunk is kept; see `init_from`. None: random parameters.
        markup: of the landmarks, kept in the net. None: those of `weights.markup_of`.
    """

    config: Config
    recipe: Recipe
    steps: int
    source: loader.IndexedSource
    prepare: Prepare
    validation: Examples
    seed: int = 0
    rounded: bool = False
    validate_every: int = 250
    save_every: int = 250
    workers: int = 0
    mesh: Mesh | None = None
    calibration: Callable[[], Iterable[Examples]] | None = None
    init: Net | None = None
    markup: Markup | None = None


class TrainingStopped(Exception):
    """A run was asked to stop. It is saved, and resumes from `step`."""

    def __init__(self, step: int):
        super().__init__(f"stopped and saved at step {step}")
        self.step = step


def initialize(plan: TrainPlan) -> tuple[Update, TrainState]:
    """The compiled update of a plan, and its state at step 0.

    Raises:
        InputError: the initial net has another architecture or loss than the plan.
    """
    network_key, step_key = jax.random.split(jax.random.key(plan.seed))
    recipe = plan.recipe
    optimizer = make_optimizer(recipe, plan.steps)
    update = make_update(
        step_key,
        plan.config,
        optimizer,
        plan.prepare,
        loss=recipe.loss,
        rounded=plan.rounded,
        ema_decay=recipe.ema_decay,
        dtype=jnp.dtype(recipe.dtype),
        mesh=plan.mesh,
    )
    return update, init_state(
        network_key,
        plan.config,
        optimizer,
        ema=recipe.ema_decay > 0,
        mesh=plan.mesh,
        variables=_initial_variables(network_key, plan),
    )


def _initial_variables(key: jax.Array, plan: TrainPlan) -> dict[str, Any] | None:
    if plan.init is None:
        return None
    net = init_from(key, plan.init, landmarks=plan.config.landmarks)
    if net.config != plan.config:
        raise InputError(f"the initial net is {net.config}, expected {plan.config}")
    if net.loss != plan.recipe.loss:
        raise InputError(f"the initial net was trained with the loss {net.loss}, but the recipe has {plan.recipe.loss}")
    return net.variables


def run(
    folder: Path,
    plan: TrainPlan,
    *,
    progress: ProgressCallback = silent,
    stop: Callable[[], bool] = lambda: False,
    writer: log.Writer | None = None,
) -> Net:
    """Start a run in an existing folder, or resume the one that is there.

    Args:
        folder: of the run; with several processes, a folder that all of them see.
        plan: the same for every process and whenever the run is resumed.
        progress: called after every update; `info` has `resumed_at` (the step at which this process began), and
            once they are known `images_per_second` (since the first update of this process, which compiles, and
            without validations) and `nrmse` (of the last validation, in percent), else None.
        stop: asked after every update; if it returns True, the run is saved and ends with `TrainingStopped`.
        writer: also gets the values of every line of metrics.jsonl, for TensorBoard.

    Returns:
        The trained net, calibrated; it is also saved as net.npz. With too few faces to calibrate it, it keeps the
        calibration of the initial net, if that has the same landmarks.

    Raises:
        TrainingStopped: `stop` returned True.
        InputError: the folder holds another run, or the loss or its gradient became NaN or infinite.
        OSError: the disk is full; the last checkpoint is intact.
    """
    batches = loader.batches(
        plan.source,
        batch=plan.recipe.batch,
        seed=plan.seed,
        workers=plan.workers,
        sharding=None if plan.mesh is None else spread_sharding(plan.mesh),
    )
    update, state = initialize(plan)
    with (
        checkpoint.disk_errors(folder),
        closing(batches),
        checkpoint.manager(folder / "checkpoints") as latest,
        checkpoint.manager(folder / "best", keep=1) as best,
    ):
        if latest.latest_step() is not None:
            state = checkpoint.restore(latest, state, batches, like=everywhere_shapes(state, plan.mesh))
        after_update = _AfterUpdate(folder, plan, latest, best, batches, state, progress, stop, writer)
        steps = int(state.step) if after_update.ended_early else plan.steps
        try:
            for output in train_steps(update, state, batches, steps=steps):
                after_update(output)
                state = output.state
                if after_update.ended_early:
                    break
        except NonFiniteLoss as error:
            raise InputError(_save_bad_batch(folder, plan, error, latest)) from error
        latest.wait_until_finished()
        best.wait_until_finished()
    examples = [plan.validation] if plan.calibration is None else plan.calibration()
    net = calibrate.with_calibration(_kept_net(folder, plan, state), examples)
    if net.calibration is None and plan.init is not None and weights.markup_of(plan.init) == weights.markup_of(net):
        net = net._replace(calibration=plan.init.calibration)
    if jax.process_index() == 0:
        weights.save(folder / "net.npz", net)
    return net


def _kept_net(folder: Path, plan: TrainPlan, state: TrainState) -> Net:
    """The net of the lowest validation error if the recipe says so, else that of the last state."""
    if not plan.recipe.keep_best:
        return trained_net(state, plan.config, loss=plan.recipe.loss, markup=plan.markup)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("best.npz is written")
    return weights.load(folder / "best.npz")


class _AfterUpdate:
    """Everything that follows an update: log, validate, save, report, stop.

    The device still computes the update meanwhile; only logging, validating and saving wait for it.
    """

    def __init__(
        self,
        folder: Path,
        plan: TrainPlan,
        latest: ocp.CheckpointManager,
        best: ocp.CheckpointManager,
        batches: checkpoint.Resumable,
        state: TrainState,
        progress: ProgressCallback,
        stop: Callable[[], bool],
        writer: log.Writer | None,
    ):
        self._folder, self._plan, self._latest, self._best, self._batches = folder, plan, latest, best, batches
        self._progress, self._stop, self._writer = progress, stop, writer
        resumed_at = int(state.step)
        self._resumed_at, self._start, self._nrmse = resumed_at, time.monotonic(), None
        self._compiled, self._validating = self._start, 0.0
        self._main = jax.process_index() == 0
        logged = resumed_at or -1  # a run that begins validates its initial net again
        if self._main:
            # A run that was killed may have logged updates after its last checkpoint; they are made again.
            log.cut_metrics(folder, logged)
        # Other processes may read the file before it is cut.
        lines = [line for line in log.read_metrics(folder) if line["step"] <= logged]
        earlier = [line["nrmse"] for line in lines if "nrmse" in line]
        self._lowest = float(min(earlier, default=np.inf))
        self._stale = len(earlier) - 1 - int(np.argmin(earlier)) if earlier else 0
        if plan.init is not None and not resumed_at:
            self._log(0, {"nrmse": self._validate(state)})

    @property
    def ended_early(self) -> bool:
        """Whether the error has not fallen for as many validations as the recipe's `patience`."""
        patience = self._plan.recipe.patience
        return patience is not None and self._stale >= patience

    def __call__(self, output: StepOutput) -> None:
        plan, step, state, metrics = self._plan, output.step, output.state, output.metrics
        first, last = step == self._resumed_at + 1, step == plan.steps
        stopping = not last and self._any_process_stops(output)
        logged, validated, saved = (
            step % every == 0 or last for every in (LOG_EVERY, plan.validate_every, plan.save_every)
        )
        saved |= stopping
        checked = first or logged or validated or saved
        if checked:
            output.check()
        done = step if checked else step - 1  # the update before was checked when this one began
        if first:
            self._compiled, self._validating = time.monotonic(), 0.0
        line: dict[str, float | int] = {}
        if logged:
            line = {"loss": float(metrics.loss), "gradient_norm": float(metrics.gradient_norm)}
            line["seconds"] = round(time.monotonic() - self._start, 3)
            if (speed := self._images_per_second(done)) is not None:
                line["images_per_second"] = round(speed, 2)
        if validated:
            line["nrmse"] = self._validate(state)
        self._log(step, line)
        if saved or self.ended_early:
            checkpoint.save(self._latest, step, state, self._batches)
        speed = self._images_per_second(done)
        info = {"resumed_at": self._resumed_at, "images_per_second": speed, "nrmse": self._nrmse}
        self._progress(Progress(step, plan.steps, info))
        if stopping:
            self._latest.wait_until_finished()
            raise TrainingStopped(step)

    def _log(self, step: int, line: dict[str, float | int]) -> None:
        if line and self._main:
            log.append_metrics(self._folder, {"step": step} | line)
            if self._writer is not None:
                self._writer(step, line)

    def _images_per_second(self, done: int) -> float | None:
        updates = done - self._resumed_at - 1
        seconds = time.monotonic() - self._compiled - self._validating
        return updates * self._plan.recipe.batch / max(seconds, 1e-9) if updates > 0 else None

    def _validate(self, state: TrainState) -> float:
        start = time.monotonic()
        try:
            return self._validation_error(state)
        finally:
            self._validating += time.monotonic() - start

    def _validation_error(self, state: TrainState) -> float:
        net = trained_net(state, self._plan.config, loss=self._plan.recipe.loss, markup=self._plan.markup)
        error = evaluate.validate(net, self._plan.validation, conventional=self._plan.rounded)
        if jax.process_count() > 1:  # all take the first process's value, so that all save the same checkpoints
            agreed = multihost_utils.broadcast_one_to_all(np.array([error, self._lowest], np.float32))
            error, self._lowest = (float(value) for value in agreed)
        self._stale += 1
        if error < self._lowest:
            self._lowest, self._stale = error, 0
            step = int(state.step)
            if step not in self._best.all_steps():  # it is there if the run was killed right after saving it
                checkpoint.save(self._best, step, state, self._batches)
                self._best.wait_until_finished()
            if self._main:
                weights.save(self._folder / "best.npz", net)
        self._nrmse = error
        return error

    def _any_process_stops(self, output: StepOutput) -> bool:
        if jax.process_count() == 1:
            return self._stop()
        if output.step % SYNC_EVERY:
            return False
        # A CPU may run the update and the question at once, each process in its own order: both talk to the others.
        jax.block_until_ready(output.state)
        return bool(multihost_utils.process_allgather(np.array(self._stop())).any())


def _save_bad_batch(folder: Path, plan: TrainPlan, error: NonFiniteLoss, latest: ocp.CheckpointManager) -> str:
    """Write the batch, and the crops and landmarks made of it, to a file; return the message of the error."""
    saved = latest.latest_step()
    batch = multihost_utils.process_allgather(error.batch, tiled=True) if jax.process_count() > 1 else error.batch
    path = folder / f"failed_{error.step:08d}.npz"
    if jax.process_index() == 0:
        _, step_key = jax.random.split(jax.random.key(plan.seed))
        images, points = plan.prepare(jax.random.fold_in(step_key, int(error.state.step)), batch)
        arrays = {f"batch_{k}": np.asarray(v) for k, v in batch.items()} if isinstance(batch, dict) else {}
        npz.write(path, arrays | {"images": np.asarray(images), "points": np.asarray(points)})
    return (
        f"{folder}: {error.what} at step {error.step}; the last checkpoint is that of step {saved or 0}, the batch is "
        f"in {path.name}. Look at the batch, or resume with a lower --learning-rate"
    )
