"""Run the demo: train, compare, track and fit, and write a folder with scores, pictures and a report."""

import platform
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from fhr_jax import plots, weights
from fhr_jax.demo import html, regression, report, stabilization
from fhr_jax.demo.regression import CONVENTIONAL, FRACTIONAL
from fhr_jax.files import write_json
from fhr_jax.hourglass import SMALL, Config
from fhr_jax.progress import Progress, ProgressCallback, silent


class DemoPlan(NamedTuple):
    """How much the demo does.

    Attributes:
        config: of both networks.
        steps: updates of each network.
        held_out: faces to score the networks on.
        clips: to track; two thirds train the stabilizers, the others score them.
        frames: of each clip.
        fit_seconds: for each fit of the stabilizer.
    """

    config: Config = SMALL
    steps: int = 160
    held_out: int = 120
    clips: int = 12
    frames: int = 80
    fit_seconds: float = 12.0


def run_demo(
    folder: Path, *, seed: int = 0, plan: DemoPlan | None = None, progress: ProgressCallback = silent
) -> dict[str, Any]:
    """Run the demo.

    Args:
        folder: existing folder; gets report.html, summary.json, the pictures (PNG) and both networks (.npz).
        seed: of the networks, faces and clips.
        plan: how much to do; the default takes some minutes on two cores.
        progress: called as each part goes on; `info` has the `part`, and the `loss` and `method` where there are any.

    Returns:
        The contents of summary.json.
    """
    plan, began = DemoPlan() if plan is None else plan, time.perf_counter()
    train_key, held_key, clip_key = jax.random.split(jax.random.key(seed), 3)

    trained = regression.train_both(
        train_key, plan.config, steps=plan.steps, progress=_of_part("train two networks", progress)
    )
    for name, net in trained.nets.items():
        weights.save(folder / f"{name}.npz", net)

    tell = _of_part("held-out faces", progress)
    tell(Progress(0, 1))
    data = regression.held_out_faces(held_key, plan.held_out)
    scores = regression.evaluate(trained.nets, data)
    tell(Progress(1, 1))

    tell = _of_part("track clips", progress)
    clips = stabilization.track_clips(clip_key, weights.load(), clips=plan.clips, frames=plan.frames, progress=tell)
    training = 2 * plan.clips // 3
    tell = _of_part("fit the stabilizer", progress)
    comparison = stabilization.compare(clips, train=training, seconds=plan.fit_seconds, progress=tell)

    tell = _of_part("report", progress)
    tell(Progress(0, 1))
    summary = {
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
    _save_pictures(folder, trained, data, scores, clips.truth[training:], comparison)
    summary["seconds"] = round(time.perf_counter() - began, 1)
    write_json(folder / "summary.json", summary)
    html.write(folder / "report.html", "fhr_jax: the demo", report.sections(folder, summary))
    tell(Progress(1, 1))
    return summary


def _of_part(part: str, progress: ProgressCallback) -> ProgressCallback:
    """A callback that adds the name of the part to each report."""
    return lambda report: progress(report._replace(info={"part": part, **report.info}))


def _save_pictures(
    folder: Path,
    trained: regression.TrainedPair,
    data: regression.HeldOutFaces,
    scores: dict[str, regression.RegressionScores],
    truth: np.ndarray,
    comparison: stabilization.StabilizerComparison,
) -> None:
    by_scale = {name: scores[name].by_scale for name in (CONVENTIONAL, FRACTIONAL)}
    order = np.argsort(scores[FRACTIONAL].nrmse)
    chosen = order[np.linspace(0, len(order) - 1, 8).astype(int)]
    shown = (stabilization.RAW, stabilization.DEFAULT, stabilization.best_fit(comparison))
    figures = {
        "ced": plots.ced({name: s.nrmse for name, s in scores.items()}),
        "training": plots.training_loss(
            {name: (np.arange(1, len(v) + 1), np.asarray(v)) for name, v in trained.losses.items()}
        ),
        "by_scale": plots.scale_table(
            {name: np.asarray(table.error) for name, table in by_scale.items()}, np.asarray(by_scale[FRACTIONAL].edges)
        ),
        "faces": plots.faces(
            [data.images[i] for i in chosen],
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
