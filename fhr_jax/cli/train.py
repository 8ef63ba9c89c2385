"""`fhr-jax train`: train a network on synthetic faces or on real ones; resume where it stopped."""

import dataclasses
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro

from fhr_jax import log
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

_FREE = ("out", "workers", "validate_every", "save_every")
"""Options that a resumed run may change: they do not touch what is learned."""


@dataclass(frozen=True)
class Train:
    """Train a network that finds 68 face landmarks.

    Without --data it learns from synthetic faces, rendered as it goes; with it from photographs, or frames of videos.
    Of Talking Face, whose markup is another one, it learns the seven points shared with 300W. The folder OUT gets
    config.json, metrics.jsonl (one JSON object a line), checkpoints and, at the end, net.npz, which `track` and
    `evaluate` take as --net, calibrated on faces that it has not seen (32 at least: --held-out). The same command again
    resumes a run that was stopped.

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
    """Number of updates."""
    recipe: Literal["quick", "paper"] = "quick"
    """quick: cross-entropy and Adam. paper: squared error and RMSprop, as the authors; slow to start."""
    batch: int | None = None
    """Images an update; default 16, or 6 with the paper's recipe."""
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


def run(options: Train) -> None:
    """Train, showing progress; see `Train`."""
    _check(options)
    folder = options.out
    fixed = {k: v for k, v in _as_json(options).items() if k not in _FREE}
    _same_run(folder, fixed)

    import jax
    from tqdm import tqdm

    from fhr_jax import calibrate, checkpoint, evaluate, train, weights
    from fhr_jax.data import loader
    from fhr_jax.hourglass import PRESETS

    paper = options.recipe == "paper"
    loss = "squared" if paper else "cross_entropy"
    optimizer = train.paper_optimizer() if paper else train.quick_optimizer(options.steps)
    network_key, data_key, step_key = jax.random.split(jax.random.key(options.seed), 3)
    config, source, prepare, held_out = _data(options, PRESETS[options.preset], data_key)
    output_folder(folder)
    batches = loader.batches(
        source, batch=options.batch or (6 if paper else 16), seed=options.seed, workers=options.workers
    )
    update = train.make_update(config, optimizer, prepare, step_key, loss=loss, rounded=options.conventional)
    state = train.init(network_key, config, optimizer)

    with closing(batches), checkpoint.manager(folder / "checkpoints") as checkpoints:
        if checkpoints.latest_step() is not None:
            state = checkpoint.restore(checkpoints, state, batches)
        log.write_config(folder, fixed)
        started, first = time.monotonic(), int(state.step)
        with tqdm(total=options.steps, initial=first, unit="step", desc=f"train {options.preset}") as bar:

            def report(state: train.State, metrics: train.Metrics) -> None:
                step = int(state.step)
                bar.update()
                last = step == options.steps
                line: dict[str, float | int] = {}
                if step % 50 == 0 or last:
                    line = {"step": step, "loss": float(metrics.loss), "gradient_norm": float(metrics.gradient_norm)}
                    line["seconds"] = round(time.monotonic() - started, 3)
                if step % options.validate_every == 0 or last:
                    trained = train.net(state, config, loss=loss)
                    error = evaluate.validate(trained, held_out, conventional=options.conventional)
                    line |= {"step": step, "nrmse": error}
                    bar.set_postfix(nrmse=f"{error:.2f} %")
                if line:
                    log.append_metrics(folder, line)
                if step % options.save_every == 0 or last:
                    checkpoint.save(checkpoints, step, state, batches)

            state = train.fit(update, state, batches, steps=options.steps, callback=report)
        checkpoints.wait_until_finished()
    trained = train.net(state, config, loss=loss)
    # Synthetic faces as they are trained on, but other people; of real ones those that are held out.
    others = calibrate.synthetic(jax.random.fold_in(data_key, 1), config.crop) if options.data is None else [held_out]
    weights.save(folder / "net.npz", calibrate.calibrated(trained, others))
    print(f"{folder / 'net.npz'}: trained for {options.steps} steps")


def _check(options: Train) -> None:
    for name in ("steps", "validate_every", "save_every", "held_out"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(options, name)}, expected at least 1")
    if options.batch is not None and options.batch < 1:
        raise InputError(f"--batch is {options.batch}, expected at least 1")
    if options.workers < 0:
        raise InputError(f"--workers is {options.workers}, expected 0 or more")
    for name in ("directory", "split", "validate_on"):
        if options.data is None and getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} goes with --data: synthetic faces have none")
    if options.data is None and options.boxes != "truth":
        raise InputError("--boxes goes with --data: synthetic faces have those of their landmarks")
    if options.validate_on is not None and options.validate_on == options.split:
        raise InputError(f"--validate-on {options.validate_on}: that is the split to learn from")


def _as_json(options: Train) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(options).items()}


def _same_run(folder: Path, fixed: dict[str, Any]) -> None:
    earlier = log.read_config(folder)
    if earlier is None:
        return
    for name in fixed:
        if earlier.get(name) != fixed[name]:
            raise InputError(
                f"{folder}: holds a run with {name} = {earlier.get(name)}, not {fixed[name]}; "
                "resume it with the same options, or name another --out"
            )


class _Data(NamedTuple):
    """The network that goes with the data, the examples, their preparation on the device, and those held out."""

    config: Any
    source: Any
    prepare: Any
    held_out: Any


def _data(options: Train, config: Any, key: Any) -> _Data:
    from fhr_jax.data import examples, loader

    if options.data is not None:
        return _real(options, options.data, config)
    source = loader.Indices(options.held_out, 2**31 - 1)
    held_out = examples.rendered_set(key, range(options.held_out), config.crop)
    return _Data(config, source, examples.rendered(key, config.crop), held_out)


def _real(options: Train, name: str, config: Any) -> _Data:
    from fhr_jax import pipeline
    from fhr_jax.cli.source import open_source
    from fhr_jax.data import crops, examples, held_out

    choices = {"directory": options.directory, "choice": options.boxes, "seed": options.seed}
    faces = open_source(name, split=options.split, **choices)
    if options.validate_on is None:
        learn, validate = held_out.hold_out(
            faces.records, options.held_out, seed=options.seed, name=name, together=faces.videos
        )
    else:
        learn = faces.records
        others = open_source(name, split=options.validate_on, **choices).records
        validate = held_out.some(others, options.held_out, seed=options.seed)
    source = crops.Crops(learn, size=round(config.crop * crops.MARGIN), landmarks=faces.landmarks)
    prepare = examples.photographed(config.crop, markup=pipeline.MARKUPS[faces.landmarks])
    held = examples.photographed_set(validate, config.crop, landmarks=faces.landmarks)
    return _Data(config._replace(landmarks=faces.landmarks), source, prepare, held)
