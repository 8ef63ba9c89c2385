"""Fine-tuning the net that ships: error against the number of photographs, beside training from random parameters.

    FHR_JAX_DATA=folder python experiments/fine_tune.py --out runs/fine_tune

Photographs with 68 points: `real_faces/helen_train` in the folder that FHR_JAX_DATA names, of which a fifth is kept
aside for testing, and `real_faces/afw`, which is only tested on. Files `NAME_1.jpg` and `NAME_2.jpg` belong to one
photograph; no face of a photograph that is kept aside is trained on. Both starts get the same photographs in the same
order, the same number of updates, and the best net is chosen on the same held-out faces: a fifth of the photographs, at
most 64. A few of these show another face of a photograph that is trained on. From random parameters the learning rate
is twice as high, that of the quick recipe; that start would need more updates to converge.

Each run has its own folder. An interrupted experiment resumes when you repeat the command, and finished runs are not
repeated. summary.json and fine_tune.png are written after every run.

Paper:    no counterpart.
Cost:     one x86 core needs about 1 s an update and a run 100 updates and half an update for each photograph: 2 minutes
          for 20 photographs, 7 for all.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from jaxtyping import Float
from tqdm import tqdm

from fhr_jax import evaluate, log, plots
from fhr_jax.benchmark.photographs import keep_aside
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import crops, examples
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Records
from fhr_jax.data.sources import holdout
from fhr_jax.data.sources.holdout import Subset
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder, write_json
from fhr_jax.train import FINETUNE, QUICK, finetune_steps, load_initial
from fhr_jax.train.run import TrainPlan, run
from fhr_jax.weights import Net

Start = Literal["tuned", "random"]
RESULT = "result.json"
NAMES = {"tuned": "from the net that ships", "random": "from random parameters, as many updates"}


@dataclass(frozen=True)
class Options:
    """Fine-tune a net with few and with many photographs."""

    out: Path
    """Folder for the runs, summary.json and the plot."""
    data: Annotated[Path | None, optional("DIR")] = None
    """Folder with `helen_train` and `afw`, photographs with .pts files; default: `real_faces` in the folder that
    FHR_JAX_DATA names."""
    init: str = "small"
    """The net to start from; random nets have its architecture."""
    photographs: tuple[int, ...] = (0, 20, 50, 100, 300, 870)
    """Numbers of photographs to train on, or all that are not kept aside if these are fewer; 0: the net as it is."""
    starts: tuple[Start, ...] = ("tuned", "random")
    """Starts: tuned, from the net; random, from random parameters."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each draws the photographs, their order, and the random parameters."""
    steps: Annotated[int | None, optional("INT")] = None
    """Updates of each run; default: those of the finetune recipe."""


class Faces(NamedTuple):
    """Photographs to learn from, and two sets to test on."""

    learn: Records
    tests: dict[str, Records]


def open_faces(options: Options) -> Faces:
    """Read the photographs and keep a fifth of HELEN aside, with all faces of one photograph on one side."""
    folder = options.data
    if folder is None:
        folder = Path(os.environ.get("FHR_JAX_DATA") or os.devnull) / "real_faces"
    helen, afw = (open_dataset(folder / name) for name in ("helen_train", "afw"))
    learn, test = keep_aside(helen, name=folder)
    return Faces(learn, {"helen": test, "afw": afw})


def make_plan(options: Options, start: Start, learn: Records, seed: int) -> TrainPlan:
    """The run that `fhr-jax train` makes of these photographs with the finetune recipe."""
    net = load_initial(options.init)
    config, size = net.config, net.config.crop
    training, validation = holdout.split_holdout(learn, holdout.fair_share(len(learn)), seed=seed, name="photographs")
    changes: dict[str, Any] = {"loss": net.loss}
    if start == "random":
        changes["learning_rate"] = QUICK.learning_rate
    return TrainPlan(
        config=config,
        recipe=FINETUNE._replace(**changes),
        steps=options.steps or finetune_steps(len(training)),
        source=crops.Crops(training, size=round(size * crops.MARGIN), landmarks=config.landmarks),
        prepare=examples.photograph_examples(size),
        validation=examples.photograph_batch(validation, size, landmarks=config.landmarks),
        seed=seed,
        validate_every=50,
        save_every=50,
        init=net if start == "tuned" else None,
    )


def result(options: Options, start: Start, number: int, seed: int, faces: Faces) -> dict[str, Any]:
    """Train and test one net, or read what an earlier run found."""
    folder = options.out / f"{start}_{number}_seed{seed}"
    if (folder / RESULT).exists():
        return json.loads((folder / RESULT).read_text())
    chosen = np.random.default_rng(seed).permutation(len(faces.learn))[:number]
    with folder_lock(output_folder(folder)):
        plan = make_plan(options, start, Subset(faces.learn, chosen.tolist()), seed)
        with tqdm(total=plan.steps, unit="step", desc=f"{start}, {len(chosen)} photographs, seed {seed}") as bar:
            net = run(folder, plan, progress=lambda report: bar.update(report.done - bar.n))
        lines = log.read_metrics(folder)
        errors = {int(line["step"]): line["nrmse"] for line in lines if "nrmse" in line}
        found = {
            "start": start,
            "asked": number,
            "photographs": len(chosen),
            "held_out": len(plan.validation.images),
            "seed": seed,
            "steps": max(errors),
            "kept_step": min(errors, key=lambda step: errors[step]),
            "minutes": _minutes(lines),
        } | measure(net, faces)
        write_json(folder / RESULT, found)
    return found


def _minutes(lines: Sequence[dict[str, float | int]]) -> float:
    """Time of training and validation, over all processes of the run: `seconds` counts from the start of each."""
    seconds = [line["seconds"] for line in lines if "seconds" in line]
    ends = [now for now, after in pairwise([*seconds, 0.0]) if after < now]
    return round(sum(ends) / 60, 2)


def measure(net: Net, faces: Faces) -> dict[str, dict[str, Any]]:
    """The table of `evaluate.summary` for each test set."""
    return {
        name: evaluate.summary(evaluate.errors(evaluate.predict_records(net, records)))
        for name, records in faces.tests.items()
    }


def untrained(options: Options, faces: Faces) -> dict[str, Any]:
    """The row of the net as it is."""
    path = options.out / f"tuned_0_{RESULT}"
    if not path.exists():
        row = {"start": "tuned", "asked": 0, "photographs": 0, "seed": 0, "minutes": 0.0}
        write_json(path, row | measure(load_initial(options.init), faces))
    return json.loads(path.read_text())


def main(options: Options) -> dict[str, Any]:
    """Make the missing runs, seed by seed; print the table, write summary.json and the plot."""
    for number in options.photographs:
        if number != 0 and number < 2:
            raise InputError(f"--photographs: {number}, expected 0, or at least 2: one is held out")
    output_folder(options.out)
    faces = open_faces(options)
    fixed = {"init": options.init, "steps": options.steps, "recipe": FINETUNE._asdict()}
    fixed |= {"learn": repr(faces.learn), "tests": repr(faces.tests)}
    log.same_run(options.out, fixed)
    log.write_config(options.out, fixed)
    rows: list[dict[str, Any]] = []
    if 0 in options.photographs:
        rows.append(untrained(options, faces))
    for seed in options.seeds:
        for start in options.starts:
            for number in options.photographs if start == "tuned" else options.photographs[::-1]:
                if number:
                    rows.append(result(options, start, number, seed, faces))
                    report(options, rows)
    return report(options, rows)


def report(options: Options, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The table on the screen, summary.json and the plot, of the runs so far."""
    table = [_mean(rows, start, number) for start in NAMES for number in sorted({row["photographs"] for row in rows})]
    table = [row for row in table if row["seeds"]]
    summary = {"init": options.init, "jax": jax.__version__, "table": table, "runs": rows}
    write_summary(options.out, summary)
    for row in table:
        figures = "  ".join(f"{s} {row[s][0]:5.2f} ({row[s][1]:4.2f}) % {row[s][2]:4.1f} %" for s in ("helen", "afw"))
        print(f"{NAMES[row['start']]:24} {row['photographs']:4} photographs  {figures}  {row['minutes']:5.1f} min")
    curves = {}
    for start, name in NAMES.items():
        own = [row for row in table if row["start"] == start]
        if own:
            x = np.array([row["photographs"] for row in own])
            curves[name] = [(x, np.array([row[test][0] for row in own])) for test in ("helen", "afw")]
    labels = [("photographs", f"NRMSE on {test}, %") for test in ("HELEN, kept aside", "AFW")]
    plots.save(options.out / "fine_tune.png", plots.sweeps(curves, labels=labels, from_zero=True))
    return summary


def _mean(rows: list[dict[str, Any]], start: str, number: int) -> dict[str, Any]:
    """Over the seeds: mean and standard deviation of NRMSE, mean failure rate, mean minutes."""
    own = [row for row in rows if row["start"] == start and row["photographs"] == number]
    line: dict[str, Any] = {"start": start, "photographs": number, "seeds": len(own)}
    if own:
        line["minutes"] = float(np.mean([row["minutes"] for row in own]))
        for test in ("helen", "afw"):
            errors: Float[np.ndarray, " n"] = np.array([row[test]["nrmse"] for row in own])
            failures = float(np.mean([row[test]["failure_rate"] for row in own]))
            line[test] = [float(errors.mean()), float(errors.std()), failures]
    return line


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
