"""The demo from end to end: train, compare, track, fit, and leave a folder with figures, pictures and a report."""

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from fhr_jax import plots, weights
from fhr_jax.demo import html, page, regression, stabilization
from fhr_jax.demo.regression import CONVENTIONAL, FRACTIONAL
from fhr_jax.files import write_json
from fhr_jax.hourglass import SMALL, Config

Progress = Callable[[str, int, int, str], None]
"""progress(part, done, of how many, a word on how it goes)."""


class DemoPlan(NamedTuple):
    """How much of everything.

    Attributes:
        config: of both networks.
        steps: updates of each.
        held_out: faces that judge them.
        clips: clips that are tracked; two thirds are fitted on, the rest judge.
        frames: of each clip.
        fit_seconds: for each fit of the stabilizer.
    """

    config: Config = SMALL
    steps: int = 160
    held_out: int = 120
    clips: int = 12
    frames: int = 80
    fit_seconds: float = 12.0


def run(
    folder: Path, *, seed: int = 0, plan: DemoPlan | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Run the demo.

    Args:
        folder: where everything goes; it exists.
        seed: of networks, faces and clips.
        plan: how much; the default takes some minutes on two cores.
        progress: called as each part goes on.

    Returns:
        What summary.json holds.
    """
    plan, began = DemoPlan() if plan is None else plan, time.perf_counter()
    train_key, held_key, clip_key = jax.random.split(jax.random.key(seed), 3)

    def tell(part: str) -> Callable[[int, int, str], None]:
        return lambda done, total, word: progress(part, done, total, word) if progress is not None else None

    trained = regression.train_both(train_key, plan.config, steps=plan.steps, progress=tell("train two networks"))
    for name, net in trained.nets.items():
        weights.save(folder / f"{name}.npz", net)
    tell("held-out faces")(0, 1, "render")
    data = regression.held_out(held_key, plan.held_out)
    scores = regression.evaluate(trained.nets, data)
    tell("held-out faces")(1, 1, "done")
    clips = stabilization.track_clips(
        clip_key, weights.load(), clips=plan.clips, frames=plan.frames, progress=tell("track clips")
    )
    fit, whole = tell("fit the stabilizer"), round(plan.fit_seconds)
    training = 2 * plan.clips // 3
    comparison = stabilization.compare(
        clips,
        train=training,
        seconds=plan.fit_seconds,
        progress=lambda now: fit(
            round(now.info["seconds"]), whole, f"{now.info['method']}: loss {now.info['loss']:.1f}"
        ),
    )
    tell("report")(0, 1, "draw")
    figures = {
        "seed": seed,
        "plan": {**plan._asdict(), "config": plan.config._asdict()},
        "regression": regression.summary(scores),
        "stabilization": {
            "rows": {name: row._asdict() for name, row in comparison.rows.items()},
            "baseline_settings": comparison.settings,
            "fits": stabilization.histories(comparison.fits),
            "training_clips": training,
            "held_out_clips": plan.clips - training,
        },
        "versions": {"jax": jax.__version__, "numpy": np.__version__, "python": platform.python_version()},
        "device": jax.devices()[0].device_kind,
    }
    _draw(folder, trained, data, scores, clips.truth[training:], comparison)
    figures["seconds"] = round(time.perf_counter() - began, 1)
    write_json(folder / "summary.json", figures)
    html.write(folder / "report.html", "fhr_jax: the demo", page.sections(folder, figures))
    tell("report")(1, 1, "done")
    return figures


def _draw(
    folder: Path,
    trained: regression.Trained,
    data: regression.Faces,
    scores: dict[str, regression.Scores],
    truth: np.ndarray,
    comparison: stabilization.Comparison,
) -> None:
    by_scale = {name: scores[name].by_scale for name in (CONVENTIONAL, FRACTIONAL)}
    order = np.argsort(scores[FRACTIONAL].nrmse)
    chosen = order[np.linspace(0, len(order) - 1, 8).astype(int)]
    shown = (stabilization.RAW, stabilization.SHIPPED, stabilization.best(comparison))
    figures = {
        "ced": plots.ced({name: s.nrmse for name, s in scores.items()}),
        "training": plots.training_loss(
            {name: (np.arange(1, len(v) + 1), np.asarray(v)) for name, v in trained.losses.items()}
        ),
        "by_scale": plots.scale_table(
            {name: np.asarray(table.error) for name, table in by_scale.items()}, np.asarray(by_scale[FRACTIONAL].edges)
        ),
        "faces": plots.faces(
            [data.pictures[i] for i in chosen],
            {"truth": data.points[chosen], FRACTIONAL: scores[FRACTIONAL].predictions[chosen]},
            titles=[f"{scores[FRACTIONAL].nrmse[i]:.1f} %" for i in chosen],
        ),
        "trajectories": plots.trajectories(truth[0], {name: comparison.tracks[name][0] for name in shown}),
        "loss": plots.loss_history(
            {name: (fit.history.seconds, fit.history.loss) for name, fit in comparison.fits.items()}
        ),
        "accuracy_stability": plots.accuracy_stability(
            {name: (row.nrmse, row.stability) for name, row in comparison.rows.items()}
        ),
    }
    for name, figure in figures.items():
        plots.save(folder / f"{name}.png", figure)
