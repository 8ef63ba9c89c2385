"""What look-ahead is worth: the smoother and linear smoothers of the same lag, on unseen synthetic tracks.

Every linear smoother (Rauch-Tung-Striebel of three orders, Savitzky-Golay, Gaussian; `benchmark.linear_smoothers`) is
tuned for each lag on the very tracks that are scored. The tracks have no outliers or missing frames, which linear
smoothers cannot repair; with --faults they do, and gaps are interpolated for the linear ones. The amplitude of blinks
is that of the eyelids' opening around blinks, relative to the truth (`metrics.eyelid_lip_opening`).

Paper:    its stabilizer is causal.
Command:  python experiments/look_ahead.py --out runs/look_ahead
Cost:     four minutes on one x86 core, most of them compiling.
Figures:  docs/results.md, "Look-ahead".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import jax
import numpy as np
import tyro
from matplotlib.figure import Figure

from fhr_jax import plots, stabilizer
from fhr_jax.benchmark import linear_smoothers
from fhr_jax.benchmark.options import ALL, as_config
from fhr_jax.benchmark.scores import score
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.benchmark.tables import write_table
from fhr_jax.cli.options import optional
from fhr_jax.data.synthetic import tracks
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.metrics import eyelid_lip_opening
from fhr_jax.plots.style import axes_grid, shared_legend

SMOOTHER, LINEAR = "stabilizer.smooth", "best linear smoother"
MILLISECONDS = 1000 / stabilizer.FRAME_RATE
"""Duration of a frame."""

WHOLE = 4
"""The whole track is drawn this many frames beyond the longest lag."""


class Row(NamedTuple):
    """One method at one look-ahead.

    Attributes:
        loss: px^2.
        nrmse: percent.
        stability: percent.
        blinks: share of the amplitude that is kept.
        delay: frames, of the motion.
    """

    loss: float
    nrmse: float
    stability: float
    blinks: float
    delay: float


@dataclass(frozen=True)
class Options:
    """Compare the smoother with linear smoothers of the same lag."""

    out: Path
    """Folder for summary.json, look_ahead.csv, look_ahead.md and look_ahead.png."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters with a smoother; default: those in the package."""
    lags: tuple[int, ...] = (0, 1, 2, 3, 5, 8)
    """Frames of look-ahead, ascending; the whole track comes last in any case. 0 is the causal stabilizer."""
    clips: int = 48
    """Synthetic tracks."""
    frames: int = 300
    """Frames of each."""
    faults: bool = False
    """Add outliers and missing frames; the latter are not scored."""
    seed: int = 2005
    """Draws the tracks."""


def main(options: Options) -> dict[str, dict[str, Row]]:
    """Compare, print, write; by look-ahead and method."""
    if list(options.lags) != sorted(set(options.lags)) or min(options.lags, default=0) < 0:
        raise InputError(f"--lags: {options.lags}, expected ascending numbers of frames, at least 0")
    folder = output_folder(options.out)
    params = stabilizer.default_params() if options.params is None else stabilizer.load(options.params)
    if params.smoother is None:
        raise InputError(f"--params {options.params}: no smoother, expected one")
    videos = draw(options)
    complete = linear_smoothers.complete(videos)
    raw = rate(complete.observed, videos)
    print("raw", raw)
    rows: dict[str, dict[str, Row]] = {}
    settings: dict[str, dict[str, dict[str, float | int]]] = {}
    for lag in (*options.lags, None):
        name = ALL if lag is None else str(lag)
        rows[name] = {SMOOTHER: rate(stabilizer.smooth(params, videos.observed, lag=lag), videos)}
        settings[name] = {}
        for smoother in linear_smoothers.SMOOTHERS:
            found = linear_smoothers.tune(smoother, complete, lag=lag).settings
            settings[name][smoother.name] = found
            output = linear_smoothers.smooth(smoother, found, complete.observed, lag=lag)
            rows[name][smoother.name] = rate(output, videos)
        print(f"look-ahead {name:3}", {key: round(row.loss, 1) for key, row in rows[name].items()}, flush=True)
    text = table(rows)
    print(text)
    csv = [(name, key, *row) for name, found in rows.items() for key, row in found.items()]
    write_table(folder, "look_ahead", text=text, rows=[("look_ahead", "method", *Row._fields), *csv])
    summary = {name: {key: row._asdict() for key, row in found.items()} for name, found in rows.items()}
    write_summary(
        folder,
        {"options": as_config(options), "raw": raw._asdict(), "scores": summary, "settings": settings},
    )
    plots.save(folder / "look_ahead.png", figure(rows))
    return rows


def draw(options: Options) -> stabilizer.Videos:
    """The tracks."""
    keys = jax.random.split(jax.random.key(options.seed), options.clips)
    made = jax.vmap(lambda key: tracks.sample(key, options.frames, faults=options.faults))(keys)
    observed = np.asarray(made.observed)
    return stabilizer.as_videos(observed, made.truth, mask=np.asarray(np.isfinite(observed).all(axis=(2, 3))))


def rate(output: jax.Array, videos: stabilizer.Videos) -> Row:
    """The scores of an output."""
    scores, truth = score(output, videos), np.asarray(videos.truth)
    lids = eyelid_lip_opening.eyelid_opening(truth)
    blinks = eyelid_lip_opening.movement_response(
        eyelid_lip_opening.eyelid_opening(np.asarray(output)), lids, mask=eyelid_lip_opening.blink_mask(lids)
    )
    return Row(scores.loss, scores.nrmse, scores.stability, blinks.gain, scores.delay)


def best_linear(found: dict[str, Row]) -> tuple[str, Row]:
    """The linear smoother with the lowest loss."""
    return min(((key, row) for key, row in found.items() if key != SMOOTHER), key=lambda entry: entry[1].loss)


def table(rows: dict[str, dict[str, Row]]) -> str:
    """The scores as a Markdown table."""
    lines = [
        f"| look-ahead | loss: {SMOOTHER} | {LINEAR} | over it | NRMSE % | stability % | blinks % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        ours, (key, best) = found[SMOOTHER], best_linear(found)
        pairs = (
            f"{ours.nrmse:.2f} / {best.nrmse:.2f}",
            f"{ours.stability:.2f} / {best.stability:.2f}",
            f"{100 * ours.blinks:.0f} / {100 * best.blinks:.0f}",
        )
        when = "the whole track" if name == ALL else f"{name} ({MILLISECONDS * int(name):.0f} ms)"
        losses = f"{ours.loss:.1f} | {best.loss:.1f} ({key}) | {ours.loss / best.loss:.2f}"
        lines.append(f"| {when} | {losses} | {' | '.join(pairs)} |")
    return "\n".join(lines)


def figure(rows: dict[str, dict[str, Row]]) -> Figure:
    """Loss, NRMSE, stability and blinks against the look-ahead, one panel each."""
    lags = [int(name) for name in rows if name != ALL]
    ends = MILLISECONDS * np.array([*lags, (lags[-1] if lags else 0) + WHOLE])
    panels = (("loss", "loss, px²"), ("nrmse", "NRMSE, %"), ("stability", "stability, %"), ("blinks", "amplitude, %"))
    curves = {
        method: [
            (ends, [(100 if field == "blinks" else 1) * getattr(found[method], field) for found in rows.values()])
            for field, _ in panels
        ]
        for method in next(iter(rows.values()))
    }
    made, grid = axes_grid(None, 2, 2, width=10.5, height=8.0)
    titles = ("Loss", "Accuracy", "Stability", "Blinks")
    labels = [("look-ahead, ms at 30 frames a second", label) for _, label in panels]
    plots.sweeps(curves, labels=labels, highlight=[SMOOTHER], axes=grid)
    for panel, (field, _), title in zip(grid.flat, panels, titles, strict=True):
        panel.set_title(title, loc="left", fontsize="medium")
        panel.set_xticks(ends, [*(f"{end:.0f}" for end in ends[:-1]), ALL])
        if field == "blinks":
            panel.axhline(100, color="black", linewidth=0.8)
    shared_legend(grid)
    return made


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
