"""`fhr-jax train`: train a network on synthetic faces or on a folder of photographs; resume where it stopped."""

import dataclasses
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fhr_jax import log
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

_FREE = ("out", "workers", "validate_every", "save_every")
"""Options that a resumed run may change: they do not touch what is learned."""


@dataclass(frozen=True)
class Train:
    """Train a network that finds 68 face landmarks.

    Without --data it learns from synthetic faces, rendered as it goes. The folder OUT gets config.json,
    metrics.jsonl (one JSON object a line), checkpoints and, at the end, net.npz, which `track` and `evaluate` take
    as --net. The same command again resumes a run that was stopped.

    Example:  fhr-jax train --out runs/small --steps 2000
    """

    out: Path
    """Folder of the run; made if need be."""
    preset: Literal["paper", "medium", "small", "tiny"] = "small"
    """Size of the network: `small` learns in minutes on a CPU, `paper` wants a GPU."""
    data: Path | None = None
    """Folder of images with a .pts file each; default: synthetic faces."""
    steps: int = 2000
    """Number of updates."""
    recipe: Literal["quick", "paper"] = "quick"
    """quick: cross-entropy and Adam. paper: squared error and RMSprop, as the authors; slow to start."""
    batch: int | None = None
    """Images an update; default 16, or 6 with the paper's recipe."""
    conventional: bool = False
    """Train on heatmaps whose centres are rounded to whole pixels, for comparison."""
    held_out: int = 64
    """Faces (or photographs) kept for validation."""
    validate_every: int = 250
    """Updates between validations."""
    save_every: int = 250
    """Updates between checkpoints."""
    workers: int = 0
    """Processes that read photographs; 0 reads in a thread."""
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

    from fhr_jax import checkpoint, evaluate, train, weights
    from fhr_jax.data import loader
    from fhr_jax.hourglass import PRESETS

    config = PRESETS[options.preset]
    paper = options.recipe == "paper"
    loss = "squared" if paper else "cross_entropy"
    optimizer = train.paper_optimizer() if paper else train.quick_optimizer(options.steps)
    network_key, data_key, step_key = jax.random.split(jax.random.key(options.seed), 3)
    source, prepare, held_out = _data(options, config.crop, data_key)
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
    weights.save(folder / "net.npz", train.net(state, config, loss=loss))
    print(f"{folder / 'net.npz'}: trained for {options.steps} steps")


def _check(options: Train) -> None:
    for name in ("steps", "validate_every", "save_every", "held_out"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(options, name)}, expected at least 1")
    if options.batch is not None and options.batch < 1:
        raise InputError(f"--batch is {options.batch}, expected at least 1")
    if options.workers < 0:
        raise InputError(f"--workers is {options.workers}, expected 0 or more")


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


def _data(options: Train, size: int, key: Any) -> tuple[Any, Any, Any]:
    """Source, preparation on the device, and the held-out examples."""
    from fhr_jax.data import examples, held_out, images, loader, photographs

    if options.data is None:
        source = loader.Indices(options.held_out, 2**31 - 1)
        return source, examples.rendered(key, size), examples.rendered_set(key, range(options.held_out), size)
    records = photographs.Photographs(images.list_annotated(options.data))
    return _from_records(*held_out.hold_out(records, options.held_out, seed=options.seed, name=options.data), size)


def _from_records(train_on: Any, validate_with: Any, size: int) -> tuple[Any, Any, Any]:
    """The same of annotated pictures, `data.crops.Records`."""
    from fhr_jax.data import crops, examples

    source = crops.Crops(train_on, size=round(size * crops.MARGIN))
    return source, examples.photographed(size), examples.photographed_set(validate_with, size)
