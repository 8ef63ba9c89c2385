"""The demo's report: its figures beside the paper's, in words that say which won."""

import itertools
from pathlib import Path
from typing import Any

from fhr_jax.demo import stabilization
from fhr_jax.demo.html import HtmlHeading, HtmlPicture, HtmlTable, HtmlText, Section
from fhr_jax.demo.regression import CONVENTIONAL, FRACTIONAL

PAPER_REGRESSION = {CONVENTIONAL: (4.07, 50.9, 2.33), FRACTIONAL: (3.80, 55.9, 1.33)}
"""Table 1 of the paper, 600 images of 300W: NRMSE, AUC, failure rate, all in percent."""
PAPER_SCALE = {CONVENTIONAL: (2.66, 3.71, 5.06, 7.59, 11.67), FRACTIONAL: (2.42, 3.35, 4.55, 7.11, 10.67)}
"""Table 2 of the paper: mean point distance in pixels in five groups of faces, from small to large."""
PAPER_STABILIZER = (("1", 5.07, 2.79, 4.42, 1.67), ("2", 4.34, 1.85, 4.18, 1.15), ("3", 7.36, 4.48, 5.98, 2.74))
"""Table 3, 300-VW by scenario: NRMSE and stability without and with the stabilizer, in percent."""


def sections(folder: Path, figures: dict[str, Any]) -> list[Section]:
    """The sections of report.html; the pictures are already in the folder."""
    plan = figures["plan"]
    return [
        HtmlText(
            f"Made by fhr-jax demo in {figures['seconds']:.0f} s on {figures['device']} with jax "
            f"{figures['versions']['jax']}, seed {figures['seed']}. Everything here is synthetic: faces with "
            "exact landmarks. The paper's figures stand beside for orientation; they are of photographs and of a "
            "network of 6.4 million parameters, so compare differences, not values."
        ),
        HtmlHeading("Fractional against conventional heatmaps"),
        HtmlText(_regression_words(figures["regression"], plan)),
        _regression_table(figures["regression"]),
        HtmlPicture(folder / "ced.png", "Cumulative error of the held-out faces."),
        _scale_table(figures["regression"]),
        HtmlPicture(folder / "by_scale.png", "Mean point distance by size of the face."),
        HtmlPicture(folder / "faces.png", "Held-out faces from the best to the worst, truth and prediction."),
        HtmlPicture(folder / "training.png", "Loss of both networks on the same batches."),
        HtmlHeading("Raw against stabilized tracks"),
        HtmlText(_stabilization_words(figures["stabilization"])),
        _stabilization_table(figures["stabilization"]),
        HtmlPicture(folder / "trajectories.png", "One landmark of a held-out clip, raw and stabilized."),
        HtmlPicture(folder / "accuracy_stability.png", "Accuracy and steadiness of every method (lower is better)."),
        _paper_stabilizer(),
        HtmlHeading("Gradient against simplex"),
        HtmlText(fit_words(figures["stabilization"]["fits"])),
        _fit_table(figures["stabilization"]["fits"]),
        HtmlPicture(folder / "loss.png", "Loss against time, all from the paper's start, compilation not counted."),
    ]


def fit_words(fits: dict[str, Any]) -> str:
    """Which fit reached the lowest loss, and how fast."""
    best = min(fits, key=lambda name: fits[name]["loss"][-1])
    start, lowest = fits[best]["loss"][0], fits[best]["loss"][-1]
    others = "; ".join(
        f"{name} {fit['loss'][-1]:.1f} after {fit['seconds'][-1]:.0f} s and {fit['evaluations'][-1]} evaluations"
        for name, fit in fits.items()
        if name != best
    )
    return (
        f"Lowest loss on the training clips: {best}, from {start:.1f} to {lowest:.1f} in "
        f"{fits[best]['seconds'][-1]:.0f} s and {fits[best]['evaluations'][-1]} evaluations. The others: {others}."
    )


def _regression_words(rows: dict[str, Any], plan: dict[str, Any]) -> str:
    ours, theirs = rows[FRACTIONAL]["nrmse"], rows[CONVENTIONAL]["nrmse"]
    gaps = [
        c - f for c, f in zip(rows[CONVENTIONAL]["pixels_by_scale"], rows[FRACTIONAL]["pixels_by_scale"], strict=True)
    ]
    won = "lower" if ours < theirs else "higher"
    grows = "grows" if gaps[-1] > gaps[0] else "does not grow"
    return (
        f"Two networks of the same start saw the same {plan['steps']} batches and differ in target and decoder alone. "
        f"On {plan['held_out']} held-out faces the fractional one has the {won} NRMSE ({ours:.2f} against {theirs:.2f} "
        f"%). The gap in pixels {grows} with the face: {gaps[0]:.2f} px for the smallest fifth, {gaps[-1]:.2f} px for "
        "the largest."
    )


def _stabilization_words(result: dict[str, Any]) -> str:
    rows = result["rows"]
    raw, shipped = rows[stabilization.RAW], rows[stabilization.SHIPPED]
    best = min(rows, key=lambda name: rows[name]["loss"])
    return (
        "The clips are followed by the network that ships: those above have trained for minutes, and their slow errors "
        "would hide what a filter does. The constant part of a clip's error, which no filter can change, is taken off "
        f"for loss and delay, not for NRMSE. Fits and filters were set on {result['training_clips']} clips by the same "
        f"loss and are judged on {result['held_out_clips']} others. The stabilizer as it ships takes the stability "
        f"from {raw['stability']:.2f} to {shipped['stability']:.2f} % and the NRMSE from {raw['nrmse']:.2f} to "
        f"{shipped['nrmse']:.2f} %. Lowest loss: {best}."
    )


def _regression_table(rows: dict[str, Any]) -> HtmlTable:
    body = []
    for name, row in rows.items():
        paper = PAPER_REGRESSION.get(name)
        body.append(
            [name]
            + [f"{row[k]:.2f}" for k in ("nrmse", "nrmse_median", "auc", "failure_rate")]
            + ([f"{v:.2f}" for v in paper] if paper else ["", "", ""])
        )
    head = ["targets and decoder", "NRMSE %", "median %", "AUC %", "failures %"]
    return HtmlTable([*head, "paper: NRMSE", "AUC", "failures"], body, "Table 1: accuracy on held-out faces.")


def _scale_table(rows: dict[str, Any]) -> HtmlTable:
    edges = rows[FRACTIONAL]["interocular_edges"]
    head = ["mean distance, px", *(f"{a:.0f}-{b:.0f} px" for a, b in itertools.pairwise(edges))]
    body = [[name, *(f"{v:.2f}" for v in rows[name]["pixels_by_scale"])] for name in (CONVENTIONAL, FRACTIONAL)]
    body += [[f"paper: {name}", *(f"{v:.2f}" for v in PAPER_SCALE[name])] for name in (CONVENTIONAL, FRACTIONAL)]
    return HtmlTable(
        head, body, "Table 2: error by inter-ocular distance. The paper's groups are of 300W, not of these sizes."
    )


def _stabilization_table(result: dict[str, Any]) -> HtmlTable:
    head = ["method", "NRMSE %", "stability %", "delay, frames", "loss, px²"]
    body = []
    for name, row in result["rows"].items():
        setting = result["baseline_settings"].get(name)
        label = f"{name} ({', '.join(f'{k} = {v:g}' for k, v in setting.items())})" if setting else name
        body.append([label, *(f"{row[k]:.2f}" for k in ("nrmse", "stability", "delay")), f"{row['loss']:.1f}"])
    return HtmlTable(head, body, "Held-out clips; lower is better in every column.")


def _paper_stabilizer() -> HtmlTable:
    head = ["300-VW scenario", "FHR: NRMSE", "stability", "FHR + stabilizer: NRMSE", "stability"]
    body = [[name, *(f"{v:.2f}" for v in values)] for name, *values in PAPER_STABILIZER]
    return HtmlTable(head, body, "The paper's own gain from the stabilizer, in percent.")


def _fit_table(fits: dict[str, Any]) -> HtmlTable:
    head = ["method", "start", "end", "seconds", "evaluations", "compilation, s"]
    body = [
        [name, f"{f['loss'][0]:.1f}", f"{f['loss'][-1]:.1f}", f"{f['seconds'][-1]:.1f}", str(f["evaluations"][-1]),
         f"{f['compile_seconds']:.1f}"]
        for name, f in fits.items()
    ]  # fmt: skip
    return HtmlTable(head, body, "Loss on the training clips.")
