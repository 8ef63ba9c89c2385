"""`fhr-jax train`: train a network on synthetic or real faces, or resume an interrupted run."""

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fhr_jax import log
from fhr_jax.cli import cluster, markups, signals
from fhr_jax.cli.arguments.train import TrainOptions
from fhr_jax.cli.training import cost, initial_net
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder
from fhr_jax.markup import FACE68, Markup, definition

if TYPE_CHECKING:
    from fhr_jax.data.examples import Examples, Prepare
    from fhr_jax.hourglass import Config
    from fhr_jax.train.run import TrainPlan
    from fhr_jax.weights import Net

_FREE = ("out", "workers", "save_every", "devices", "tensorboard", "dry_run", *cluster.OPTIONS)
"""Options that may change when a run is resumed, because they do not affect what is learned."""
_MAY_CHANGE = ("learning_rate",)
"""This one may change too: lowering it lets a run whose loss became infinite resume from its last checkpoint."""
RENAMED = {"average": "ema_decay", "held_out": "holdout"}
"""Old names of options to new ones, for a config.json written before they were renamed."""


def run(options: TrainOptions) -> None:
    """Train with a progress bar; see `TrainOptions`."""
    import jax

    _check(options)
    cluster.init_distributed(
        distributed=options.distributed,
        coordinator=options.coordinator,
        hosts=options.hosts,
        host=options.host,
    )
    init = None if options.init is None else initial_net.open_init(options.init, preset=options.preset)
    options = _with_defaults(options)
    if options.dry_run:
        data = _data(options, init)
        validation = data.validation if options.data else partial(jax.eval_shape, data.validation)
        plan = _plan(options, data._replace(validation=validation), init)
        cost.print_flops_and_memory(plan, name=options.preset or f"--init {options.init}")
        return
    folder = options.out
    fixed = {k: v for k, v in _as_json(options).items() if k not in _FREE}
    if init is not None:
        fixed["init_checksum"] = initial_net.checksum(init)
    if (markup := markups.chosen(options.markup)) is not None:
        fixed["markup"] = definition(markup)  # the file may change until the run is resumed
    log.same_run(folder, fixed, may_change=_MAY_CHANGE, renamed=RENAMED)
    plan = _plan(options, _data(options, init), init)
    output_folder(folder)
    if cluster.is_first_host():
        with folder_lock(folder):
            log.write_config(folder, fixed)
            _train(options, plan)
    else:
        _train(options, plan)


def _train(options: TrainOptions, plan: "TrainPlan") -> None:
    from tqdm import tqdm

    from fhr_jax.progress import Progress
    from fhr_jax.train.run import TrainingStopped, run

    folder, main = options.out, cluster.is_first_host()
    bar = tqdm(total=plan.steps, unit="step", desc=f"train {options.preset or options.init}", disable=not main)
    bar.set_postfix_str("compiling; minutes the first time, then cached")
    tensorboard = log.tensorboard(folder / "tensorboard") if options.tensorboard and main else nullcontext(None)

    def show(progress: Progress) -> None:
        info = progress.info
        if progress.done == info["resumed_at"] + 1:  # the first update includes compiling; tqdm must not count it
            bar.initial = bar.n = progress.done
            bar.unpause()
        bar.update(progress.done - bar.n)
        error = "" if info["nrmse"] is None else f", NRMSE {info['nrmse']:.2f} %"
        speed = "" if info["images_per_second"] is None else f"{info['images_per_second']:.1f} images/s"
        bar.set_postfix_str(speed + error, refresh=False)

    with bar, tensorboard as writer, signals.catch_signals() as request:
        try:
            net = run(folder, plan, progress=show, stop=request, writer=writer)
        except TrainingStopped as stopped:
            message = f"{folder}: {stopped}; repeat the command to resume"
            raise signals.Stopped(message, request.number) from None
    if main:
        print(f"{folder / 'net.npz'}: {initial_net.result(log.read_metrics(folder), plan)}")
        if (note := initial_net.calibration(net, plan)) is not None:
            print(note)


def _with_defaults(options: TrainOptions) -> TrainOptions:
    """The options with the defaults that depend on `--init`, as config.json records them."""
    preset = None if options.init is not None else options.preset or "small"
    recipe = options.recipe or ("quick" if options.init is None else "finetune")
    changed: dict[str, Any] = {"preset": preset, "recipe": recipe}
    changed["validate_every"] = options.validate_every or (50 if recipe == "finetune" else 250)
    if recipe != "finetune":  # which decides on these by the number of faces
        changed |= {"steps": options.steps or 2000, "holdout": options.holdout or 64}
    return dataclasses.replace(options, **changed)


def _recipe(options: TrainOptions, init: "Net | None") -> Any:
    from fhr_jax.train import RECIPES

    given: dict[str, Any] = {
        "batch": options.batch,
        "learning_rate": options.learning_rate,
        "ema_decay": options.ema_decay,
        "dtype": options.dtype,
        "loss": None if init is None else init.loss,
    }
    return RECIPES[options.recipe or "quick"]._replace(
        **{name: value for name, value in given.items() if value is not None}
    )


def _plan(options: TrainOptions, data: "_Data", init: "Net | None") -> "TrainPlan":
    from fhr_jax.sharding import device_mesh
    from fhr_jax.train import finetune_steps
    from fhr_jax.train.run import TrainPlan

    recipe = _recipe(options, init)
    mesh = device_mesh(options.devices, batch=recipe.batch)
    return TrainPlan(
        config=data.config,
        recipe=recipe,
        steps=options.steps or finetune_steps(len(data.source)),
        source=data.source,
        prepare=data.prepare,
        validation=data.validation(),
        seed=options.seed,
        rounded=options.conventional,
        validate_every=options.validate_every or 250,
        save_every=options.save_every,
        workers=options.workers,
        mesh=mesh if mesh.devices.size > 1 else None,
        calibration=data.calibration,
        init=init,
        markup=data.markup,
    )


def _check(options: TrainOptions) -> None:
    for name in ("steps", "validate_every", "save_every", "holdout"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise InputError(f"--{name.replace('_', '-')} is {value}, expected at least 1")
    if options.recipe == "finetune" and options.init is None:
        raise InputError("--recipe finetune goes with --init, the net to start from")
    if options.batch is not None and options.batch < 1:
        raise InputError(f"--batch is {options.batch}, expected at least 1")
    if options.workers < 0:
        raise InputError(f"--workers is {options.workers}, expected 0 or more")
    if options.learning_rate is not None and not 0 < options.learning_rate < float("inf"):
        raise InputError(f"--learning-rate is {options.learning_rate}, expected a positive number")
    if options.ema_decay is not None and not 0 <= options.ema_decay < 1:
        raise InputError(f"--ema-decay is {options.ema_decay}, expected at least 0 and below 1")
    for name in ("directory", "split", "validate_on", "markup"):
        if options.data is None and getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} goes with --data; synthetic faces have no such option")
    if options.data is None and options.boxes != "truth":
        raise InputError("--boxes goes with --data; synthetic faces are cropped by their landmarks")
    if options.validate_on is not None and options.validate_on == options.split:
        raise InputError(f"--validate-on {options.validate_on}: expected another split than that of --split")
    if _validation_folder(options) is not None and _same_folder(str(options.validate_on), str(options.data)):
        raise InputError(f"--validate-on {options.validate_on}: expected another folder than that of --data")


def _validation_folder(options: TrainOptions) -> str | None:
    """The folder to validate on; None if --validate-on names a split, or nothing."""
    chosen = options.validate_on
    split = chosen is None or options.split is not None or not Path(chosen).is_dir()
    return None if split else chosen


def _same_folder(a: str, b: str) -> bool:
    return Path(a).resolve() == Path(b).resolve()


def _as_json(options: TrainOptions) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(options).items()}


class _Data(NamedTuple):
    """The data of a run, and the network that fits it.

    Attributes:
        config: of the network.
        source: the training examples.
        prepare: makes crops and landmarks of a batch.
        validation: makes the examples to validate on.
        markup: of the landmarks.
        calibration: makes the examples to calibrate on; None: those to validate on.
    """

    config: "Config"
    source: Any
    prepare: "Prepare"
    validation: Callable[[], "Examples"]
    markup: Markup
    calibration: Any = None


def _data(options: TrainOptions, init: "Net | None") -> _Data:
    import jax

    from fhr_jax import calibrate
    from fhr_jax.data import examples, loader
    from fhr_jax.data.sources import holdout
    from fhr_jax.hourglass import PRESETS

    config = PRESETS[options.preset or "small"] if init is None else init.config
    key = jax.random.fold_in(jax.random.key(options.seed), 1)
    if options.data is not None:
        return _real(options, options.data, config, init)
    number = options.holdout or holdout.MOST
    source = loader.Indices(number, 2**31 - 1)

    def validation() -> Any:
        return examples.synthetic_batch(key, range(number), config.crop)

    def calibration() -> Any:  # augmented as in training, but faces that training never sees
        return calibrate.synthetic_faces(jax.random.fold_in(key, 1), config.crop)

    config = config._replace(landmarks=FACE68.size)
    return _Data(config, source, examples.synthetic_examples(key, config.crop), validation, FACE68, calibration)


def _real(options: TrainOptions, name: str, config: Any, init: "Net | None") -> _Data:
    from fhr_jax.cli.source import open_source
    from fhr_jax.data import crops, examples, symmetry
    from fhr_jax.data.sources import holdout

    known = markups.chosen(options.markup) or (None if init is None else init.markup)
    choices = {"directory": options.directory, "choice": options.boxes, "seed": options.seed, "markup": known}
    faces = open_source(name, split=options.split, **choices)
    markup = markups.of_data(name, faces.landmarks, option=options.markup, init=init)
    if (why := symmetry.contradiction(faces.records, markup)) is not None:
        print(f"{name}: {why}: is this the order of the points? --markup FILE tells another")
    if options.validate_on is None:
        learn, validate = holdout.split_holdout(
            faces.records,
            options.holdout or holdout.fair_share(len(faces.records)),
            seed=options.seed,
            name=name,
            groups=faces.videos,
        )
    else:
        learn = faces.records
        folder = _validation_folder(options)
        split = options.validate_on if folder is None else None
        others = open_source(folder or name, split=split, **choices)
        if others.landmarks != faces.landmarks:
            raise InputError(
                f"--validate-on {options.validate_on}: {others.landmarks} landmarks, expected {faces.landmarks}"
            )
        validate = holdout.random_subset(others.records, options.holdout or holdout.MOST, seed=options.seed)
    source = crops.Crops(learn, size=round(config.crop * crops.MARGIN), landmarks=faces.landmarks)
    prepare = examples.photograph_examples(config.crop, markup=markup)
    validation = partial(examples.photograph_batch, validate, config.crop, landmarks=faces.landmarks)
    return _Data(config._replace(landmarks=faces.landmarks), source, prepare, validation, markup)
