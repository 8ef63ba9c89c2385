"""`fhr-jax train`: train a network on synthetic faces or on real ones; resume where it stopped."""

import dataclasses
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import tyro

from fhr_jax import log
from fhr_jax.cli import cluster, signals
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder

if TYPE_CHECKING:
    from fhr_jax.data.examples import Examples, Prepare
    from fhr_jax.hourglass import Config
    from fhr_jax.train.run import TrainPlan

_FREE = ("out", "workers", "save_every", "devices", "tensorboard", "dry_run", *cluster.OPTIONS)
"""Options that a resumed run may change: they do not touch what is learned."""
_LOWERED = ("learning_rate",)
"""It may change too: else a run whose loss became infinite could not go on from its last checkpoint."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a network that finds 68 face landmarks.

    Without --data it learns from synthetic faces, rendered as it goes; with it from photographs, or frames of videos.
    Of Talking Face, whose markup is another one, it learns the seven points shared with 300W. The folder OUT gets
    config.json, metrics.jsonl (one JSON object a line), checkpoints, the best net so far (best.npz) and, at the end,
    net.npz, calibrated on faces that it has not learned from (32 at least: --held-out); `track` and `evaluate` take
    either as --net. The same command again resumes a run that was stopped, in whatever way, exactly. All devices of a
    machine share each batch; so do several machines, if each runs the same command with --distributed.

    Example:  fhr-jax train --out runs/small --steps 2000
    """

    out: Path
    """Folder of the run; made if need be."""
    preset: Literal["paper", "medium", "small", "tiny"] = "small"
    """Size of the network: `small` learns in minutes on a CPU, `paper` wants a GPU."""
    data: str | None = None
    """A folder of photographs or videos with .pts, a dataset that was built, or the name of one; default: synthetic
    faces."""
    directory: Path | None = None
    """With the name of a dataset: the --out of `fhr-jax data build`; default: ./datasets, then where TFDS keeps its
    data."""
    split: str | None = None
    """With a dataset of several splits: which to learn from."""
    validate_on: str | None = None
    """The split to validate with; default: faces held out of those to learn from."""
    boxes: Annotated[str, tyro.conf.arg(metavar="truth|jitter|FILE")] = "truth"
    """Boxes to crop by: those of the landmarks, the same moved at random, or a detector's file (README)."""
    steps: int = 2000
    """Number of updates; the learning rate falls over them, so that a finished run cannot be made longer."""
    recipe: Literal["quick", "modern", "paper"] = "quick"
    """quick: cross-entropy and Adam. modern: for long runs on GPU or TPU, AdamW, averages, bfloat16. paper: squared
    error and RMSprop, as the authors; slow to start."""
    batch: int | None = None
    """Images an update, those of all devices together; default 16, 64 with the modern recipe, 6 with the paper's."""
    learning_rate: float | None = None
    """The highest; default 2e-3, or 2.5e-4 with the paper's recipe. It may change when a run goes on."""
    average: float | None = None
    """Decay of a moving average of the parameters, such as 0.999, which then becomes the net; default 0: none."""
    dtype: Literal["float32", "bfloat16"] | None = None
    """Of the network's computation; bfloat16 is faster on GPU and TPU. Parameters and loss are float32."""
    conventional: bool = False
    """Train on heatmaps whose centres are rounded to whole pixels, for comparison."""
    held_out: int = 64
    """Faces to validate with, any of those there are; of videos, whole ones are held out."""
    validate_every: int = 250
    """Updates between validations."""
    save_every: int = 250
    """Updates between checkpoints."""
    workers: int = 0
    """Processes that read images; 0 reads in a thread."""
    seed: int = 0
    """Of the network, the faces and their order."""
    devices: int | None = None
    """Devices that share each batch; default: all that JAX sees."""
    distributed: bool = False
    """One of several processes, which find each other: under Slurm, Open MPI or Kubernetes, and on TPU pods."""
    coordinator: Annotated[str | None, tyro.conf.arg(metavar="HOST:PORT")] = None
    """Elsewhere: the address of process 0, with --processes and --process."""
    processes: int | None = None
    """How many there are."""
    process: int | None = None
    """The number of this one, from 0."""
    tensorboard: bool = False
    """Write event files into OUT/tensorboard, too; needs tensorboardX."""
    dry_run: bool = False
    """Train nothing: print what the run would cost."""


def run(options: TrainOptions) -> None:
    """Train, showing progress; see `Train`."""
    _check(options)
    cluster.init_distributed(
        distributed=options.distributed,
        coordinator=options.coordinator,
        processes=options.processes,
        process=options.process,
    )
    if options.dry_run:
        _print_cost(options)
        return
    folder = options.out
    fixed = {k: v for k, v in _as_json(options).items() if k not in _FREE}
    log.same_run(folder, fixed, may_change=_LOWERED)
    plan = _plan(options, _data(options))
    output_folder(folder)
    if cluster.first():
        with folder_lock(folder):
            log.write_config(folder, fixed)
            _train(options, plan)
    else:
        _train(options, plan)


def _train(options: TrainOptions, plan: "TrainPlan") -> None:
    from tqdm import tqdm

    from fhr_jax import calibrate
    from fhr_jax.train.run import Progress, TrainingStopped, run

    folder, main = options.out, cluster.first()
    bar = tqdm(total=options.steps, unit="step", desc=f"train {options.preset}", disable=not main)
    bar.set_postfix_str("compiling, minutes at first; then it is kept")
    board = log.tensorboard(folder / "tensorboard") if options.tensorboard and main else nullcontext(None)

    def report(progress: Progress) -> None:
        if progress.step == progress.first + 1:  # the first update was compiled, and is no guide to the others
            bar.initial = bar.n = progress.step
            bar.unpause()
        bar.update(progress.step - bar.n)
        error = "" if progress.nrmse is None else f", NRMSE {progress.nrmse:.2f} %"
        speed = "" if progress.images_per_second is None else f"{progress.images_per_second:.1f} images/s"
        bar.set_postfix_str(speed + error, refresh=False)

    with bar, board as writer, signals.asked_to_stop() as asked:
        try:
            net = run(folder, plan, report=report, stop=asked, writer=writer)
        except TrainingStopped as stopped:
            raise signals.Stopped(f"{folder}: {stopped}; the same command goes on", asked.number) from None
    if main:
        print(f"{folder / 'net.npz'}: trained for {options.steps} steps")
        if net.calibration is None:
            there = len(plan.held_out.images)
            print(f"not calibrated: covariances are of the peaks; {there} faces held out, {calibrate.MIN_FACES} needed")


def _print_cost(options: TrainOptions) -> None:
    import jax
    import jax.numpy as jnp

    from fhr_jax import train
    from fhr_jax.data import loader
    from fhr_jax.sharding import placed, spread_sharding
    from fhr_jax.train.run import start

    data = _data(options)
    shapes_alone = data.held_out if options.data else partial(jax.eval_shape, data.held_out)
    plan = _plan(options, data._replace(held_out=shapes_alone))
    made: list[Any] = []

    def state() -> Any:
        update, begun = start(plan)
        made.append(update)
        return begun

    shapes = placed(jax.eval_shape(state), plan.mesh)
    sharding = None if plan.mesh is None else spread_sharding(plan.mesh)
    with closing(loader.batches(plan.source, batch=plan.recipe.batch, seed=plan.seed, sharding=sharding)) as batches:
        batch = next(batches)
    parameters, forward = train.network_flops_and_memory(shapes, plan.config, dtype=jnp.dtype(plan.recipe.dtype))
    print(f"{options.preset}: {parameters:,} parameters; {forward / 1e9:.2f} GFLOP a crop forward")
    print("compiling an update, to count what it takes ...", file=sys.stderr)
    costs = train.update_flops_and_memory(made[0], shapes, batch)
    devices = 1 if plan.mesh is None else plan.mesh.devices.size
    images = plan.steps * plan.recipe.batch
    print(
        f"an update of {plan.recipe.batch} crops: {costs.operations / 1e9:.1f} GFLOP on each of {devices} "
        f"{jax.devices()[0].device_kind} device{'s' * (devices > 1)}, {costs.memory / 2**20:.0f} MiB of memory there\n"
        f"a checkpoint: {costs.state / 2**20:.0f} MiB\n"
        f"the run: {plan.steps:,} updates, {images:,} images of {len(plan.source):,} faces"
    )


def _recipe(options: TrainOptions) -> Any:
    from fhr_jax.train import RECIPES

    given: dict[str, Any] = {
        "batch": options.batch,
        "rate": options.learning_rate,
        "average": options.average,
        "dtype": options.dtype,
    }
    return RECIPES[options.recipe]._replace(**{name: value for name, value in given.items() if value is not None})


def _plan(options: TrainOptions, data: "_Data") -> "TrainPlan":
    from fhr_jax.sharding import device_mesh
    from fhr_jax.train.run import TrainPlan

    recipe = _recipe(options)
    mesh = device_mesh(options.devices, batch=recipe.batch)
    return TrainPlan(
        config=data.config,
        recipe=recipe,
        steps=options.steps,
        source=data.source,
        prepare=data.prepare,
        held_out=data.held_out(),
        seed=options.seed,
        rounded=options.conventional,
        validate_every=options.validate_every,
        save_every=options.save_every,
        workers=options.workers,
        mesh=mesh if mesh.devices.size > 1 else None,
        others=data.others,
    )


def _check(options: TrainOptions) -> None:
    for name in ("steps", "validate_every", "save_every", "held_out"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(options, name)}, expected at least 1")
    if options.batch is not None and options.batch < 1:
        raise InputError(f"--batch is {options.batch}, expected at least 1")
    if options.workers < 0:
        raise InputError(f"--workers is {options.workers}, expected 0 or more")
    if options.learning_rate is not None and not 0 < options.learning_rate < float("inf"):
        raise InputError(f"--learning-rate is {options.learning_rate}, expected a positive number")
    if options.average is not None and not 0 <= options.average < 1:
        raise InputError(f"--average is {options.average}, expected at least 0 and below 1")
    for name in ("directory", "split", "validate_on"):
        if options.data is None and getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} goes with --data: synthetic faces have none")
    if options.data is None and options.boxes != "truth":
        raise InputError("--boxes goes with --data: synthetic faces have those of their landmarks")
    if options.validate_on is not None and options.validate_on == options.split:
        raise InputError(f"--validate-on {options.validate_on}: that is the split to learn from")


def _as_json(options: TrainOptions) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(options).items()}


class _Data(NamedTuple):
    """The network that goes with the data, the examples, their preparation, those held out, others to calibrate on."""

    config: "Config"
    source: Any
    prepare: "Prepare"
    held_out: Callable[[], "Examples"]
    others: Any = None


def _data(options: TrainOptions) -> _Data:
    import jax

    from fhr_jax import calibrate
    from fhr_jax.data import examples, loader
    from fhr_jax.hourglass import PRESETS

    config = PRESETS[options.preset]
    key = jax.random.fold_in(jax.random.key(options.seed), 1)
    if options.data is not None:
        return _real(options, options.data, config)
    source = loader.Indices(options.held_out, 2**31 - 1)

    def held_out() -> Any:
        return examples.rendered_set(key, range(options.held_out), config.crop)

    def others() -> Any:  # as they are trained on, but other people
        return calibrate.synthetic_faces(jax.random.fold_in(key, 1), config.crop)

    return _Data(config, source, examples.rendered(key, config.crop), held_out, others)


def _real(options: TrainOptions, name: str, config: Any) -> _Data:
    from fhr_jax import pipeline
    from fhr_jax.cli.source import open_source
    from fhr_jax.data import crops, examples
    from fhr_jax.data.sources import holdout

    choices = {"directory": options.directory, "choice": options.boxes, "seed": options.seed}
    faces = open_source(name, split=options.split, **choices)
    if options.validate_on is None:
        learn, validate = holdout.split_holdout(
            faces.records, options.held_out, seed=options.seed, name=name, together=faces.videos
        )
    else:
        learn = faces.records
        others = open_source(name, split=options.validate_on, **choices).records
        validate = holdout.some(others, options.held_out, seed=options.seed)
    source = crops.Crops(learn, size=round(config.crop * crops.MARGIN), landmarks=faces.landmarks)
    prepare = examples.photographed(config.crop, markup=pipeline.MARKUPS[faces.landmarks])
    validation = partial(examples.photographed_set, validate, config.crop, landmarks=faces.landmarks)
    return _Data(config._replace(landmarks=faces.landmarks), source, prepare, validation)
